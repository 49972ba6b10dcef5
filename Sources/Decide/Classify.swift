// SPDX-License-Identifier: Apache-2.0

package import Model

/// What `classify` must know beyond the findings.
package struct Circumstances: Sendable {
    package var now: Timestamp
    /// Nothing younger is an orphan. Seconds.
    package var graceSeconds: Int64
    package var engine: EngineState
    /// The storage driver the engine uses; `nil` if it was not asked. Data of another is a store it hides.
    package var activeDriver: String?
    /// Directories `<uid>.<gid>` in the root: roots of remapped users.
    package var remapped: [String] = []
    /// The one of them that a running engine works on, if it was asked.
    package var activeRemapped: String?
    /// When the engine started: scratch and layers that changed since may be in flight.
    package var engineStarted: Timestamp?
    /// Since when the engine has been making the oldest layer that is in no record yet; `nil` if it makes none.
    package var unpackingSince: Timestamp?
    /// Newest change of what nobody claims, from its top entries; an item that is missing here is too young to tell.
    package var changed: [RelativePath: Timestamp]

    package init(
        now: Timestamp, graceSeconds: Int64, engine: EngineState, activeDriver: String? = nil,
        engineStarted: Timestamp? = nil,
        changed: [RelativePath: Timestamp] = [:]
    ) {
        self.now = now
        self.graceSeconds = graceSeconds
        self.engine = engine
        self.activeDriver = activeDriver
        self.engineStarted = engineStarted
        self.changed = changed
    }
}

/// Returns a verdict for every item.
///
/// An item is an orphan only if no claim reaches it, everything that could have claimed it was read, its class is one that
/// may be orphaned at all, and it is old enough. One problem in its area makes it `unknown`: the record that could not be
/// read might have claimed it. The problems of what orphans themselves recorded (`Problem.unlessOrphan`) count unless all of
/// these are orphans without them.
///
/// - Parameters:
///   - hidden: the stores of `findings` that the engine does not show, if the caller has them already.
///   - all: runs independent tasks and returns their answers in order, such as `concurrently`.
package func classify(
    _ findings: Findings, _ reach: Reach, _ circumstances: Circumstances, hidden: HiddenStores? = nil,
    all: ([@Sendable () -> Verdicts]) -> [Verdicts] = { $0.map { $0() } }
) -> [Judged] {
    let hidden = hidden ?? HiddenStores(findings, circumstances)
    let certain = findings.problems.filter { $0.unlessOrphan == nil }
    let judged = classify(findings, certain, reach, circumstances, hidden, all)
    if findings.problems.counting(beside: judged).count == certain.count { return judged }
    return classify(findings, findings.problems, reach, circumstances, hidden, all)
}

extension [Problem] {
    /// Those that count, by what `classify` said of the items whose own records they are about.
    package func counting(beside judged: [Judged]) -> [Problem] {
        guard contains(where: { $0.unlessOrphan != nil }) else { return self }
        let orphans = Set(judged.lazy.filter { $0.standing == .orphan }.flatMap(\.item.paths))
        return filter { !($0.unlessOrphan.map(orphans.contains) ?? false) }
    }
}

private func classify(
    _ findings: Findings, _ problems: [Problem], _ reach: Reach, _ circumstances: Circumstances, _ hidden: HiddenStores,
    _ all: ([@Sendable () -> Verdicts]) -> [Verdicts]
) -> [Judged] {
    let doubts = Doubts(problems, reach, storeIsKnown: circumstances.activeDriver != nil)
    let paths = findings.paths
    let parts = stride(from: 0, to: paths.count, by: 2048).map { paths[$0..<min($0 + 2048, paths.count)] }
    var judged: [Judged] = []
    judged.reserveCapacity(paths.count)
    var positions = Positions(reach)
    for part in all(parts.map { part in { judge(part, findings, reach, doubts, hidden, circumstances) } }) {
        for (place, number) in part.numbers.enumerated() where number >= 0 { positions[number] = judged.count + place }
        judged += part.judged
    }
    spreadDoubt(&judged, positions)
    join(&judged, positions, findings.bundles)
    return judged
}

/// What came of judging a part of the items, with their numbers; -1 for one that has none.
package struct Verdicts: Sendable {
    fileprivate var judged: [Judged] = []
    fileprivate var numbers: [Int] = []
}

private func judge(
    _ paths: ArraySlice<RelativePath>, _ findings: Findings, _ reach: Reach, _ doubts: Doubts, _ hidden: HiddenStores,
    _ circumstances: Circumstances
) -> Verdicts {
    var verdicts = Verdicts()
    for path in paths {
        guard let item = findings.items[path] else { continue }
        let number = reach.number(of: path)
        verdicts.judged.append(judge(item, number, reach, doubts, hidden, circumstances))
        verdicts.numbers.append(number ?? -1)
    }
    return verdicts
}

/// Where an item is in the list of verdicts.
private struct Positions {
    let reach: Reach
    /// By the number of the item; -1 for what is none.
    private var positions: [Int]

    init(_ reach: Reach) {
        self.reach = reach
        positions = Array(repeating: -1, count: reach.count)
    }

    subscript(path: RelativePath) -> Int? {
        reach.number(of: path).flatMap { positions[$0] >= 0 ? positions[$0] : nil }
    }

    subscript(number: Int) -> Int {
        get { positions[number] }
        set { positions[number] = newValue }
    }
}

/// Items for which `classify` needs to know when they last changed: those that could turn out to be orphans.
package func candidates(_ findings: Findings, _ reach: Reach) -> [Item] {
    reach.unclaimed.sorted().compactMap { findings.items[$0] }
}

extension Reach {
    /// What a directory is taken for follows from who claims it; `nil` if nobody says.
    fileprivate func thing(_ number: Int) -> Thing? {
        var found: (needs: Thing?, knows: Thing?, mentions: Thing?)
        for claim in claims(on: number) {
            let saying = saying(claim)
            guard let thing = saying.thing else { continue }
            switch saying.force {
            case .needs: return found.needs ?? thing
            case .knows: found.knows = found.knows ?? thing
            case .mentions: found.mentions = found.mentions ?? thing
            }
        }
        return found.knows ?? found.mentions
    }

    /// Twenty at most.
    fileprivate func evidence(_ number: Int, where counts: (Int) -> Bool, into evidence: inout [Evidence]) {
        for claim in claims(on: number) where saying(claim).force != .mentions && counts(claim) {
            if evidence.count == 20 { break }
            evidence.append(
                Evidence(.claimed, by: claims[claim].claimant.description, source: claims[claim].source))
        }
    }
}

private func judge(
    _ found: Item, _ number: Int?, _ reach: Reach, _ doubts: Doubts, _ hidden: HiddenStores,
    _ circumstances: Circumstances
) -> Judged {
    var item = found
    // What nobody claims is what it looks like where it lies.
    if let number, let thing = reach.thing(number) { item.thing = thing }
    let store = hidden.store(of: item)
    var judged = judge(item, number, reach, doubts, store, circumstances)
    if judged.standing == .inUse, let user = hidden.onlyUser(of: item.path) {
        let warning = "only containers of a store that the engine does not show use it; Docker takes it for unused"
        judged.evidence.insert(Evidence(.hidden, by: warning, source: user.setting.rawValue), at: 0)
    }
    judged.hidden = store?.name
    return judged
}

private func judge(
    _ item: Item, _ number: Int?, _ reach: Reach, _ doubts: Doubts, _ store: HiddenStore?,
    _ circumstances: Circumstances
) -> Judged {
    if let number, reach.isNeeded(number) {
        let hidden = store.flatMap { store in
            store.name.isCertain ? Evidence(.hidden, by: store.reason, source: item.path.text) : nil
        }
        // Who needs it before who merely has a record of it.
        var evidence: [Evidence] = []
        reach.evidence(number, where: { reach.saying($0).force == .needs && reach.counts($0) }, into: &evidence)
        reach.evidence(number, where: { reach.saying($0).force == .knows && reach.counts($0) }, into: &evidence)
        if let hidden { evidence.insert(hidden, at: 0) }
        return Judged(item, .inUse, evidence: evidence)
    }
    let doubt =
        [store].compactMap { store in store.map { Evidence(.problem, by: $0.reason, source: item.path.text) } }
        + doubts.about(item)
    if !doubt.isEmpty { return Judged(item, .unknown, evidence: doubt) }
    if let number, reach.isKnown(number) {
        var evidence: [Evidence] = []
        reach.evidence(number, where: { _ in true }, into: &evidence)
        evidence.append(
            Evidence(.denied, by: "nothing needs it", source: "claims of every container, image and mount"))
        return Judged(item, .reclaimable, evidence: evidence)
    }
    let rule = Rule(for: item, engine: circumstances.engine)
    if let reason = rule.reason {
        return Judged(item, .unknown, evidence: [Evidence(.problem, by: reason, source: item.path.text)])
    }
    if let young = youth(of: item, circumstances) { return Judged(item, .unknown, evidence: [young]) }
    return Judged(item, .orphan, evidence: rule.evidence)
}

private func youth(of item: Item, _ circumstances: Circumstances) -> Evidence? {
    guard circumstances.graceSeconds > 0 || circumstances.engineStarted != nil else { return nil }
    guard let changed = circumstances.changed[item.path] else {
        return Evidence(.problem, by: "nobody knows when it last changed", source: item.path.text)
    }
    if circumstances.graceSeconds > 0, circumstances.now.seconds(since: changed) < Double(circumstances.graceSeconds) {
        return Evidence(.young, by: "changed \(changed.rfc3339), within the grace period", source: item.path.text)
    }
    guard let started = circumstances.engineStarted, changed >= started else { return nil }
    if item.thing == .scratch {
        return Evidence(.young, by: "changed since the engine started", source: item.path.text)
    }
    // However short the grace period: the directory is there before the record.
    let begun = min(circumstances.unpackingSince ?? circumstances.now, circumstances.now)
    if Rule.isFilledByEngine(item.thing), begun.seconds(since: changed) < recordDelay {
        return Evidence(.young, by: "changed \(changed.rfc3339): the engine may be filling it", source: item.path.text)
    }
    return nil
}

/// Seconds in which an engine that made the directory of a layer begins its record; mostly it takes milliseconds.
private let recordDelay = 60.0

/// What an item of unknown standing refers to must stay for as long as it does.
private func spreadDoubt(_ judged: inout [Judged], _ positions: Positions) {
    let reach = positions.reach
    let unknown = Set(judged.indices.filter { judged[$0].standing == .unknown }.map { judged[$0].item.path })
    guard !unknown.isEmpty else { return }
    for path in reach.closure(of: unknown) where !unknown.contains(path) {
        guard let position = positions[path], [.orphan, .reclaimable].contains(judged[position].standing),
            let number = reach.number(of: path)
        else { continue }
        let claim = reach.claims(on: number).lazy.map { reach.claims[$0] }.first { claim in
            guard case .item(let claimant) = claim.claimant, claim.force == .needs else { return false }
            return positions[claimant].map { judged[$0].standing == .unknown } ?? false
        }
        judged[position].standing = .unknown
        judged[position].evidence = [
            Evidence(
                .problem, by: "\(claim?.claimant.description ?? "something of unknown standing") refers to it",
                source: claim?.source ?? path.text)
        ]
    }
}

/// Joins what belongs together and came to the same verdict.
private func join(_ judged: inout [Judged], _ positions: Positions, _ bundles: [Bundle]) {
    var isJoined = [Bool](repeating: false, count: judged.count)
    var isGone = isJoined
    var members: [Int] = []
    for bundle in bundles {
        members.removeAll(keepingCapacity: true)
        for path in bundle.members {
            guard let position = positions[path], !isGone[position] else { continue }
            members.append(position)
            // Most are in use, and then nothing has to be said of the others.
            if bundle.onlyOrphans, judged[members[0]].standing != .orphan { break }
        }
        guard members.count > 1, let whole = members.first,
            members.allSatisfy({ judged[$0].standing == judged[whole].standing && !isJoined[$0] })
        else { continue }
        for member in members.dropFirst() {
            let (paths, more) = (judged[member].item.paths, judged[member].evidence)
            judged[whole].item.paths += paths
            for evidence in more where !judged[whole].evidence.contains(evidence) {
                judged[whole].evidence.append(evidence)
            }
            isGone[member] = true
        }
        for member in members { isJoined[member] = true }
        isGone[whole] = false
    }
    var kept = 0
    for number in judged.indices where !isGone[number] {
        if kept < number { judged.swapAt(kept, number) }
        kept += 1
    }
    judged.removeSubrange(kept...)
}
