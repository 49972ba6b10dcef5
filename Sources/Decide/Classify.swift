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
    /// When the engine started: scratch that changed since may be in flight.
    package var engineStarted: Timestamp?
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
/// read might have claimed it.
package func classify(_ findings: Findings, _ reach: Reach, _ circumstances: Circumstances) -> [Judged] {
    let doubts = Doubts(findings, reach, storeIsKnown: circumstances.activeDriver != nil)
    let hidden = HiddenStores(findings, circumstances)
    var judged: [RelativePath: Judged] = [:]
    judged.reserveCapacity(findings.items.count)
    for var item in findings.items.values {
        let claims = reach.claimsOn[item.path] ?? []
        item.thing = thing(of: item, claims)
        let store = hidden.store(of: item)
        var verdict = judge(item, claims, reach, doubts, store, circumstances)
        if verdict.standing == .inUse, let user = hidden.onlyUser(of: item.path) {
            let warning = "only containers of a store that the engine does not show use it; Docker takes it for unused"
            verdict.evidence.insert(Evidence(.hidden, by: warning, source: user.setting.rawValue), at: 0)
        }
        judged[item.path] = Judged(item, verdict.standing, evidence: verdict.evidence)
        judged[item.path]?.hidden = store?.name
    }
    spreadDoubt(&judged, reach)
    return join(judged, findings.bundles).sorted { $0.item.path < $1.item.path }
}

/// Items for which `classify` needs to know when they last changed: those that could turn out to be orphans.
package func candidates(_ findings: Findings, _ reach: Reach) -> [Item] {
    findings.items.values.filter { !reach.needed.contains($0.path) && !reach.known.contains($0.path) }
        .sorted { $0.path < $1.path }
}

/// What a directory is taken for follows from who claims it; without a claim, from where it lies.
private func thing(of item: Item, _ claims: [Claim]) -> Thing {
    func first(_ force: Claim.Force) -> Thing? { claims.first { $0.force == force && $0.thing != nil }?.thing }
    return first(.needs) ?? first(.knows) ?? first(.mentions) ?? item.thing
}

private func judge(
    _ item: Item, _ claims: [Claim], _ reach: Reach, _ doubts: Doubts, _ store: HiddenStore?,
    _ circumstances: Circumstances
) -> (standing: Standing, evidence: [Evidence]) {
    if reach.needed.contains(item.path) {
        let evidence = claims.lazy.filter { $0.force != .mentions && reach.counts($0) }.prefix(20)
        let hidden = store.flatMap { store in
            store.name.isCertain ? Evidence(.hidden, by: store.reason, source: item.path.text) : nil
        }
        return (
            .inUse,
            [hidden].compactMap(\.self)
                + evidence.map { Evidence(.claimed, by: $0.claimant.description, source: $0.source) }
        )
    }
    let doubt =
        [store].compactMap { store in store.map { Evidence(.problem, by: $0.reason, source: item.path.text) } }
        + doubts.about(item)
    if !doubt.isEmpty { return (.unknown, doubt) }
    if reach.known.contains(item.path) {
        let records = claims.lazy.filter { $0.force != .mentions }.prefix(20)
        return (
            .reclaimable,
            records.map { Evidence(.claimed, by: $0.claimant.description, source: $0.source) }
                + [Evidence(.denied, by: "nothing needs it", source: "claims of every container, image and mount")]
        )
    }
    let rule = Rule(for: item, engine: circumstances.engine)
    if let reason = rule.reason { return (.unknown, [Evidence(.problem, by: reason, source: item.path.text)]) }
    if let young = youth(of: item, circumstances) { return (.unknown, [young]) }
    return (.orphan, rule.evidence)
}

extension Reach {
    /// True if a claim on a needed item is one of those that make it needed.
    fileprivate func counts(_ claim: Claim) -> Bool {
        guard case .item(let claimant) = claim.claimant else { return true }
        return needed.contains(claimant)
    }
}

private func youth(of item: Item, _ circumstances: Circumstances) -> Evidence? {
    guard circumstances.graceSeconds > 0 || circumstances.engineStarted != nil else { return nil }
    guard let changed = circumstances.changed[item.path] else {
        return Evidence(.problem, by: "nobody knows when it last changed", source: item.path.text)
    }
    if circumstances.graceSeconds > 0, circumstances.now.seconds(since: changed) < Double(circumstances.graceSeconds) {
        return Evidence(.young, by: "changed \(changed.rfc3339), within the grace period", source: item.path.text)
    }
    if item.thing == .scratch, let started = circumstances.engineStarted, changed >= started {
        return Evidence(.young, by: "changed since the engine started", source: item.path.text)
    }
    return nil
}

/// What an item of unknown standing refers to must stay for as long as it does.
private func spreadDoubt(_ judged: inout [RelativePath: Judged], _ reach: Reach) {
    let unknown = Set(judged.values.filter { $0.standing == .unknown }.map(\.item.path))
    for path in reach.closure(of: unknown) where !unknown.contains(path) {
        guard let standing = judged[path]?.standing, standing == .orphan || standing == .reclaimable else { continue }
        let claimant = reach.claimsOn[path]?.first { claim in
            if case .item(let claimant) = claim.claimant {
                claim.force == .needs && judged[claimant]?.standing == .unknown
            } else {
                false
            }
        }
        judged[path]?.standing = .unknown
        judged[path]?.evidence = [
            Evidence(
                .problem, by: "\(claimant?.claimant.description ?? "something of unknown standing") refers to it",
                source: claimant?.source ?? path.text)
        ]
    }
}

/// Joins what belongs together and came to the same verdict.
private func join(_ judged: consuming [RelativePath: Judged], _ bundles: [Bundle]) -> [Judged] {
    var rest = judged
    var taken: Set<RelativePath> = []
    for bundle in bundles {
        let members = bundle.members.compactMap { rest[$0] }
        guard var whole = members.first, members.count > 1, members.allSatisfy({ $0.standing == whole.standing }),
            !bundle.onlyOrphans || whole.standing == .orphan, taken.isDisjoint(with: members.map(\.item.path))
        else { continue }
        for member in members.dropFirst() {
            whole.item.paths += member.item.paths
            whole.evidence += member.evidence.filter { !whole.evidence.contains($0) }
            rest[member.item.path] = nil
        }
        taken.formUnion(members.map(\.item.path))
        rest[whole.item.path] = whole
    }
    return Array(rest.values)
}
