// SPDX-License-Identifier: Apache-2.0

package import Model

/// What rules are held against, beside the inventory.
package struct SelectionBasis: Sendable {
    package var policy: Policy
    package var now: Timestamp
    /// What changed within so many seconds stays, whatever a policy says.
    package var graceSeconds: Int64
    /// Patterns of whole names that stay: `--keep` and the keep list.
    package var keep: [Glob]

    package init(policy: Policy, now: Timestamp, graceSeconds: Int64, keep: [Glob]) {
        self.policy = policy
        self.now = now
        self.graceSeconds = graceSeconds
        self.keep = keep
    }
}

/// Returns what the rules of each kind let go, and what keeps the rest.
///
/// A thing goes only if nothing protects it and every rule of its kind lets it go. Containers are decided first, because
/// an image stays only for containers that stay; then children before what they were made from.
package func select(_ inventory: Inventory, _ basis: SelectionBasis) -> Selection {
    var selection = Selection()
    for kind in [Policy.Kind.containers, .images, .volumes, .cache] {
        guard let rules = basis.policy.rules[kind] else { continue }
        var chooser = Chooser(inventory, kind, rules, basis, gone: Set(selection.chosen.map(\.entry.id)))
        chooser.run(&selection)
    }
    return selection
}

/// The rules of one kind at work.
private struct Chooser {
    enum Answer {
        case goes([String])
        case stays(String)
        /// Nobody asked for it.
        case ignored
    }

    let kind: Policy.Kind
    let rules: Policy.Rules
    let basis: SelectionBasis
    let doubt: String?
    let entries: [Inventory.Entry]
    /// Containers that go in the same plan.
    let gone: Set<String>
    /// Images by the repository whose newest they are.
    let newest: [String: String]
    /// Entries made from each, by id.
    let children: [String: [String]]
    var answers: [String: Answer] = [:]

    init(
        _ inventory: Inventory, _ kind: Policy.Kind, _ rules: Policy.Rules, _ basis: SelectionBasis, gone: Set<String>
    ) {
        self.kind = kind
        self.rules = rules
        self.basis = basis
        self.gone = gone
        doubt = inventory.doubts[kind]
        entries = inventory.entries.filter { $0.kind == kind }
        newest = rules.keepLast.map { newestOfRepositories(inventory.entries, $0) } ?? [:]
        var children: [String: [String]] = [:]
        for entry in inventory.entries where entry.kind == kind {
            for parent in entry.parents { children[parent, default: []].append(entry.id) }
        }
        self.children = children
    }

    mutating func run(_ selection: inout Selection) {
        for entry in childrenFirst() {
            let answer = answer(for: entry)
            answers[entry.id] = answer
            switch answer {
            case .goes(let why): selection.chosen.append(.init(entry: entry, why: why, cost: cost(of: entry)))
            case .stays(let why): selection.kept.append((entry, why))
            case .ignored: break
            }
        }
    }

    /// Whatever was made from another comes before it; otherwise what was used longest ago comes first.
    private func childrenFirst() -> [Inventory.Entry] {
        let byID = Dictionary(entries.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let sorted = entries.sorted { (cost(of: $0), $0.id) < (cost(of: $1), $1.id) }
        var order: [Inventory.Entry] = []
        var begun: Set<String> = []
        for entry in sorted where begun.insert(entry.id).inserted {
            // Depth first without recursion; a ring, which only damage makes, is cut where it was entered.
            var stack: [(String, [String])] = [(entry.id, children[entry.id] ?? [])]
            while let (id, rest) = stack.popLast() {
                guard let next = rest.first else {
                    if let finished = byID[id] { order.append(finished) }
                    continue
                }
                stack.append((id, Array(rest.dropFirst())))
                if begun.insert(next).inserted { stack.append((next, children[next] ?? [])) }
            }
        }
        return order
    }

    private func answer(for entry: Inventory.Entry) -> Answer {
        if let reason = protection(of: entry) { return .stays(reason) }
        let children = children[entry.id] ?? []
        for child in children {
            guard case .goes = answers[child] else {
                // A step of a build that something stands on is nothing that anybody would look for in the list.
                return entry.kind == .images && entry.names.isEmpty
                    ? .ignored : .stays("\(child.prefix(12)) is built on it")
            }
        }
        if kind == .images, entry.names.isEmpty, !children.isEmpty {
            return .goes(["a step of what goes with it: untagged, and nothing else is built on it"])
        }
        guard isInScope(entry) else { return .ignored }
        if let irreplaceable = entry.irreplaceable, !isAskedFor(entry) { return .stays(irreplaceable) }
        if let young = youth(of: entry) { return .stays(young) }
        return weigh(entry)
    }

    /// What no rule can overcome.
    private func protection(of entry: Inventory.Entry) -> String? {
        if let doubt { return doubt }
        if let claim = entry.claims.first { return claim }
        if let container = entry.containers.sorted(by: { $0.value < $1.value }).first(where: { !gone.contains($0.key) })
        {
            return "\(container.value) needs it"
        }
        if entry.labels["bilge.keep"] == "true" { return "the label bilge.keep=true protects it" }
        for glob in basis.keep + rules.keep.map(Glob.init) where entry.words.contains(where: glob.matches) {
            return "the keep list protects it: \(glob.pattern)"
        }
        return entry.isProtected ? "the label bilge.keep=true, or the keep list" : nil
    }

    private func isAskedFor(_ entry: Inventory.Entry) -> Bool {
        switch kind {
        case .volumes where entry.names.isEmpty == false: rules.named
        case .images, .volumes: rules.irreplaceable
        case .containers, .cache, .logs: true
        }
    }

    /// `prune images` takes what Docker's does: untagged images. A rule that speaks of others widens it.
    private func isInScope(_ entry: Inventory.Entry) -> Bool {
        if entry.isInternal { return rules.all }
        guard kind == .images, !entry.names.isEmpty else { return true }
        return rules.speaksOfTagged || basis.policy.free != nil
    }

    private func youth(of entry: Inventory.Entry) -> String? {
        guard basis.graceSeconds > 0 else { return nil }
        guard let changed = entry.arrived ?? entry.used ?? entry.created else {
            return "nobody recorded when it came here: unknown is kept"
        }
        guard basis.now.seconds(since: changed) < Double(basis.graceSeconds) else { return nil }
        return "younger than the grace period"
    }

    private func cost(of entry: Inventory.Entry) -> Cost {
        let cost: Cost.Class =
            switch kind {
            case .cache, .logs: .cache
            case .containers: .container
            case .images: entry.irreplaceable != nil ? .irreplaceable : entry.names.isEmpty ? .dangling : .pullable
            case .volumes: entry.names.isEmpty ? .anonymousVolume : .namedVolume
            }
        return Cost(cost, used: entry.used)
    }
}

// MARK: - The rules

extension Chooser {
    /// Holds an entry against each rule. The first one that keeps it is the reason; if none does, all say why it goes.
    private func weigh(_ entry: Inventory.Entry) -> Answer {
        var why: [String] = []
        if let count = rules.keepLast {
            guard entry.created != nil || entry.repositories.isEmpty else {
                return .stays("nobody recorded when it was built: unknown is kept")
            }
            if let repository = newest[entry.id] { return .stays("one of the last \(count) of \(repository)") }
            if !entry.repositories.isEmpty {
                why.append("older than the last \(count) of \(entry.repositories.sorted().joined(separator: ", "))")
            }
        }
        if let seconds = rules.unusedForSeconds {
            guard let used = entry.used else { return .stays("nobody recorded when it was last used: unknown is kept") }
            guard basis.now.seconds(since: used) >= Double(seconds) else {
                return .stays("used \(age(used)), within \(Age.typed(seconds: seconds))")
            }
            why.append("unused since \(age(used))")
        }
        if let cutoff = rules.builtBefore {
            if let reason = tooNew(entry.created, "built", cutoff) { return .stays(reason) }
            why.append("built before \(cutoff.text)")
        }
        if let cutoff = rules.pulledBefore {
            if let reason = tooNew(entry.arrived, "pulled or named", cutoff) { return .stays(reason) }
            why.append("here since before \(cutoff.text)")
        }
        for (key, filters) in Dictionary(grouping: rules.filters, by: \.key).sorted(by: { $0.key < $1.key }) {
            guard filters.contains(where: { matches(entry, $0.condition) }) else {
                return .stays("the filter \(filters.map(\.text).joined(separator: " or ")) does not match")
            }
            why.append(filters.count == 1 ? filters[0].text : "matches \(key)")
        }
        return .goes(why + ground(of: entry))
    }

    /// Why it may go at all.
    private func ground(of entry: Inventory.Entry) -> [String] {
        switch kind {
        case .images:
            let copy = entry.digests.first.map { Plan.Step.pullable + $0 }
            let ground =
                entry.names.isEmpty ? "untagged, no container needs it" : "no container and no service needs it"
            return [ground, copy ?? entry.irreplaceable].compactMap(\.self)
        case .containers: return [entry.used.map { "stopped, last used \(age($0))" } ?? "stopped"]
        case .volumes:
            return [entry.used.map { "no container uses it, last changed \(age($0))" } ?? "no container uses it"]
        case .cache: return [entry.used.map { "build cache, last used \(age($0))" } ?? "build cache"]
        case .logs: return []
        }
    }

    private func tooNew(_ time: Timestamp?, _ what: String, _ cutoff: Cutoff) -> String? {
        guard let time else { return "nobody recorded when it was \(what): unknown is kept" }
        guard time >= cutoff.timestamp(at: basis.now) else { return nil }
        return "\(what) \(age(time)), not before \(cutoff.text)"
    }

    private func matches(_ entry: Inventory.Entry, _ condition: Filter.Condition) -> Bool {
        switch condition {
        case .reference(let pattern):
            let glob = Glob(pattern)
            return entry.names.contains { glob.matches($0) || glob.matches(repository(of: $0).name) }
        case .label(let name, let value): return entry.labels[name].map { value == nil || value == $0 } ?? false
        case .notLabel(let name, let value): return !(entry.labels[name].map { value == nil || value == $0 } ?? false)
        case .project(let pattern): return entry.project.map(Glob(pattern).matches) ?? false
        case .sizeAtLeast(let bytes): return entry.bytes.map { $0 >= bytes } ?? false
        case .dangling(let wanted): return entry.names.isEmpty == wanted
        case .until(let cutoff):
            let made = kind == .cache ? entry.used : entry.created
            return made.map { $0 < cutoff.timestamp(at: basis.now) } ?? false
        }
    }

    private func age(_ time: Timestamp) -> String { Age.words(of: time, at: basis.now) }
}

extension Policy.Rules {
    /// True if the rules are about images that have tags, too: `-a`, or a rule that would say nothing about others.
    ///
    /// `until=` and the filters for labels have Docker's meaning and leave tagged images alone.
    package var speaksOfTagged: Bool {
        if all || keepLast != nil || unusedForSeconds != nil || builtBefore != nil || pulledBefore != nil {
            return true
        }
        return filters.contains { filter in
            switch filter.condition {
            case .reference, .project, .sizeAtLeast, .dangling(false): true
            case .label, .notLabel, .dangling(true), .until: false
            }
        }
    }
}

/// The newest `count` images of each repository, by when they were built: the repository by the image's id.
///
/// An image of which nobody knows when it was built takes nobody's place; it is kept for that reason.
private func newestOfRepositories(_ entries: [Inventory.Entry], _ count: Int) -> [String: String] {
    var byRepository: [String: [Inventory.Entry]] = [:]
    for entry in entries where entry.kind == .images && entry.created != nil {
        for repository in entry.repositories { byRepository[repository, default: []].append(entry) }
    }
    var newest: [String: String] = [:]
    for (repository, entries) in byRepository.sorted(by: { $0.key < $1.key }) {
        let sorted = entries.sorted { left, right in
            if left.created != right.created {
                return (left.created?.nanoseconds ?? 0) > (right.created?.nanoseconds ?? 0)
            }
            if left.arrived != right.arrived {
                return (left.arrived?.nanoseconds ?? 0) > (right.arrived?.nanoseconds ?? 0)
            }
            return left.id < right.id
        }
        for entry in sorted.prefix(count) where newest[entry.id] == nil { newest[entry.id] = repository }
    }
    return newest
}
