// SPDX-License-Identifier: Apache-2.0

import Decide
import Model
import TestSupport
import Testing

/// Random policies on random hosts, against the rules of `docs/policies.md` written once more, one entry at a time.
@Suite("random policies on random hosts")
struct RandomRetentionTests {
    private let now = Timestamp(seconds: 1_800_000_000)

    @Test(
        "what goes is exactly what the rules say, and frees exactly what nobody holds then",
        arguments: 0..<200 as Range<UInt64>)
    func exact(seed: UInt64) throws {
        var random = SplitMix(state: seed &* 7919 &+ 3)
        let inventory = Inventory.random(now: now, using: &random)
        let policy = try Policy.random(using: &random)
        let graces: [Int64] = [0, 3600, 1_728_000]
        let patterns: [[String]] = [[], ["r1:*"], ["*:1?"], ["r2"]]
        let grace = graces.randomElement(using: &random)!
        let keep = patterns.randomElement(using: &random)!
        let selection = select(
            inventory, SelectionBasis(policy: policy, now: now, graceSeconds: grace, keep: keep.map(Glob.init)))
        let rules = WrittenRules(inventory: inventory, policy: policy, now: now, grace: grace, keep: keep)
        let expected = Set(inventory.entries.filter(rules.goes).map(\.id))
        #expect(Set(selection.chosen.map(\.entry.id)) == expected, "seed \(seed)")

        let host = Layers(inventory, using: &random)
        let plan = host.plan(selection)
        #expect(plan.steps.count == selection.chosen.count { $0.entry.kind != .volumes })
        #expect(
            plan.totals.freesNowBytes + plan.totals.freesWhenTrashEmptiesBytes == host.freed(by: plan), "seed \(seed)")
        #expect(plan.steps.reduce(0) { $0 + $1.freesBytes } == host.freed(by: plan), "seed \(seed)")
        // Whoever keeps some of it is told what the rest frees.
        let kept = Set(plan.steps.indices.filter { _ in Int.random(in: 0..<3, using: &random) == 0 })
        let picked = Decide.plan(plan, keeping: kept)
        #expect(
            picked.totals.freesNowBytes + picked.totals.freesWhenTrashEmptiesBytes == host.freed(by: picked),
            "seed \(seed)")
    }

    @Test("the hosts and policies are worth the name: things go, things stay, for many reasons")
    func variety() throws {
        var gone = 0
        var reasons: Set<String> = []
        for seed in UInt64(0)..<200 {
            var random = SplitMix(state: seed &* 7919 &+ 3)
            let inventory = Inventory.random(now: now, using: &random)
            let policy = try Policy.random(using: &random)
            let selection = select(inventory, SelectionBasis(policy: policy, now: now, graceSeconds: 3600, keep: []))
            gone += selection.chosen.count
            reasons.formUnion(selection.kept.map { String($0.why.prefix(12)) })
        }
        #expect(gone > 200 && reasons.count > 15, "\(gone) gone, reasons: \(reasons)")
    }
}

/// The rules as the manual has them. It asks for everything anew and remembers nothing.
private struct WrittenRules {
    let inventory: Inventory
    let policy: Policy
    let now: Timestamp
    let grace: Int64
    let keep: [String]

    func goes(_ entry: Inventory.Entry) -> Bool {
        guard let rules = policy.rules[entry.kind], !isProtected(entry, rules) else { return false }
        let children = inventory.entries.filter { $0.kind == entry.kind && $0.parents.contains(entry.id) }
        guard children.allSatisfy(goes) else { return false }
        let isStep = entry.kind == .images && entry.names.isEmpty && !children.isEmpty
        return isStep || (isAsked(entry, rules) && isOld(entry) && isLetGo(entry, rules))
    }

    private func isProtected(_ entry: Inventory.Entry, _ rules: Policy.Rules) -> Bool {
        if inventory.doubts[entry.kind] != nil || !entry.claims.isEmpty || entry.isProtected { return true }
        if entry.labels["bilge.keep"] == "true" { return true }
        for id in entry.containers.keys {
            guard let container = inventory.entries.first(where: { $0.kind == .containers && $0.id == id }),
                goes(container)
            else { return true }
        }
        let words = entry.names + [entry.id] + Array(entry.repositories)
        return (keep + rules.keep).contains { pattern in words.contains { fits(Array($0), Array(pattern)) } }
    }

    /// A pattern of whole names, letter by letter.
    private func fits(_ name: [Character], _ pattern: [Character]) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        let rest = Array(pattern.dropFirst())
        if first == "*" { return (0...name.count).contains { fits(Array(name.dropFirst($0)), rest) } }
        guard let letter = name.first, first == "?" || first == letter else { return false }
        return fits(Array(name.dropFirst()), rest)
    }

    private func isAsked(_ entry: Inventory.Entry, _ rules: Policy.Rules) -> Bool {
        if entry.isInternal, !rules.all { return false }
        if entry.kind == .images, !entry.names.isEmpty {
            let speaks = rules.filters.contains { filter in
                ["reference=", "project=", "size>=", "dangling=false"].contains { filter.text.hasPrefix($0) }
            }
            let isWidened =
                rules.all || rules.keepLast != nil || rules.unusedForSeconds != nil || rules.builtBefore != nil
                || rules.pulledBefore != nil || policy.free != nil || speaks
            guard isWidened else { return false }
        }
        guard entry.irreplaceable != nil else { return true }
        if entry.kind == .volumes, !entry.names.isEmpty { return rules.named }
        return rules.irreplaceable || entry.kind == .containers || entry.kind == .cache
    }

    private func isOld(_ entry: Inventory.Entry) -> Bool {
        if grace == 0 { return true }
        guard let time = entry.arrived ?? entry.used ?? entry.created else { return false }
        return now.seconds - time.seconds >= grace
    }

    private func isLetGo(_ entry: Inventory.Entry, _ rules: Policy.Rules) -> Bool {
        if let count = rules.keepLast, !entry.repositories.isEmpty {
            guard let built = entry.created else { return false }
            for repository in entry.repositories {
                let better = inventory.entries.filter { other in
                    guard other.kind == .images, other.repositories.contains(repository), let time = other.created
                    else {
                        return false
                    }
                    let (mine, others) = (entry.arrived?.nanoseconds ?? 0, other.arrived?.nanoseconds ?? 0)
                    return time > built || (time == built && (others > mine || (others == mine && other.id < entry.id)))
                }
                if better.count < count { return false }
            }
        }
        if let seconds = rules.unusedForSeconds {
            guard let used = entry.used, now.seconds - used.seconds >= seconds else { return false }
        }
        if let cutoff = rules.builtBefore {
            guard let built = entry.created, built < cutoff.timestamp(at: now) else { return false }
        }
        if let cutoff = rules.pulledBefore {
            guard let arrived = entry.arrived, arrived < cutoff.timestamp(at: now) else { return false }
        }
        return meetsFilters(entry, rules.filters.map(\.text))
    }

    private func meetsFilters(_ entry: Inventory.Entry, _ filters: [String]) -> Bool {
        func values(_ key: String) -> [String] {
            filters.filter { $0.hasPrefix(key) }.map { String($0.dropFirst(key.count)) }
        }
        let references = values("reference=")
        let names = entry.names + entry.names.map { String($0.split(separator: ":")[0]) }
        if !references.isEmpty, !references.contains(where: { p in names.contains { fits(Array($0), Array(p)) } }) {
            return false
        }
        func has(_ label: String) -> Bool {
            let parts = label.split(separator: "=", maxSplits: 1).map(String.init)
            guard let value = entry.labels[parts[0]] else { return false }
            return parts.count == 1 || parts[1] == value
        }
        if values("label!=").contains(where: has) { return false }
        let labels = Dictionary(grouping: values("label=")) { $0.split(separator: "=")[0] }
        if labels.values.contains(where: { !$0.contains(where: has) }) { return false }
        let isDangling = entry.names.isEmpty ? "true" : "false"
        let sizes = values("size>=").map { ByteCount(parsing: $0)?.bytes ?? .max }
        let ages = values("until=").map { Age.seconds(parsing: $0) ?? .max }
        let made = entry.kind == .cache ? entry.used : entry.created
        if !values("dangling=").isEmpty, !values("dangling=").contains(isDangling) { return false }
        if !sizes.isEmpty, !sizes.contains(where: { (entry.bytes ?? -1) >= $0 }) { return false }
        if !ages.isEmpty {
            guard let made, ages.contains(where: { now.seconds - made.seconds > $0 }) else { return false }
        }
        return true
    }
}

/// Layers that images, containers and build cache of a host share.
private struct Layers {
    private var bytes: [Int64] = []
    /// `Plan.Step.key` of the holders of each.
    private var holders: [Set<String>] = []

    init(_ inventory: Inventory, using random: inout SplitMix) {
        let keys = inventory.entries.filter { $0.kind != .volumes }.map { $0.kind.stepKind + " " + $0.id }
        for _ in 0..<30 {
            bytes.append(Int64.random(in: 1...1_000_000, using: &random))
            var some = Set(keys.filter { _ in Int.random(in: 0..<6, using: &random) == 0 })
            // Somebody who never goes.
            if Int.random(in: 0..<5, using: &random) == 0 { some.insert("") }
            holders.append(some)
        }
    }

    /// What is left without a holder once the steps are done.
    func freed(by plan: Plan) -> Int64 {
        let gone = Set(plan.steps.map { "\($0.kind) \($0.id)" })
        return zip(bytes, holders).reduce(0) { sum, layer in
            sum + (!layer.1.isEmpty && layer.1.subtracting(gone).isEmpty ? layer.0 : 0)
        }
    }

    func plan(_ selection: Selection) -> Plan {
        let gone = Set(selection.chosen.map { $0.entry.kind.stepKind + " " + $0.entry.id })
        var basis = PlanBasis(
            root: Plan.Root(path: "/d", device: 1, inode: 1), created: someTime, engine: .running,
            policy: Plan.Policy(kinds: ["images"], graceSeconds: 0, named: false, keep: []), usage: [:],
            identities: [:],
            volumesWithOptions: [])
        basis.selection = selection
        basis.shared = holders.indices.filter { !holders[$0].isEmpty && holders[$0].isSubset(of: gone) }.map { index in
            Plan.Shared(
                path: RelativePath("overlay2/\(index)"), bytes: bytes[index], inodes: 1, steps: holders[index].sorted())
        }
        return makePlan([], Reach(Findings()), basis)
    }
}
