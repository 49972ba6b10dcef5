// SPDX-License-Identifier: Apache-2.0

package import Model

/// What a plan is made from, beside the verdicts.
package struct PlanBasis: Sendable {
    package var root: Plan.Root
    package var created: Timestamp
    package var engine: EngineState
    package var policy: Plan.Policy
    /// Space that each item takes, by its path.
    package var usage: [RelativePath: Usage]
    /// Who each path is, for every path of every item that may be moved; an item with a missing one is kept.
    package var identities: [RelativePath: Identity]
    /// Volumes whose data is elsewhere, by their item's path.
    package var volumesWithOptions: Set<RelativePath>
    /// What the policy chose of what the engine keeps.
    package var selection = Selection()
    /// What the chosen things hold, measured.
    package var shared: [Plan.Shared] = []
    /// Logs to trim, and those that are left as they are with the reason.
    package var logs: [Plan.Step] = []
    package var keptLogs: [Plan.Kept] = []
    /// The file system of the root, in bytes: all of it, and what anybody may still use.
    package var space: (total: Int64, available: Int64) = (0, 0)

    package init(
        root: Plan.Root, created: Timestamp, engine: EngineState, policy: Plan.Policy, usage: [RelativePath: Usage],
        identities: [RelativePath: Identity], volumesWithOptions: Set<RelativePath>
    ) {
        self.root = root
        self.created = created
        self.engine = engine
        self.policy = policy
        self.usage = usage
        self.identities = identities
        self.volumesWithOptions = volumesWithOptions
    }
}

/// Returns what would be moved, in an order in which nothing goes before what needs it, and what is kept and why.
package func makePlan(_ judged: [Judged], _ reach: Reach, _ basis: PlanBasis) -> Plan {
    let engine = engineSteps(basis)
    var steps = engine.before
    var kept = engine.kept + basis.keptLogs
    for entry in childrenFirst(judged, reach) {
        switch decision(on: entry, basis) {
        case .ignore: continue
        case .keep(let reason):
            kept.append(
                Plan.Kept(kind: entry.item.thing.kind, id: entry.item.id, names: entry.item.names, why: [reason]))
        case .take(let action): steps.append(step(entry, action, basis))
        }
    }
    return stoppedAtTarget(plan(of: steps + engine.after + basis.logs, kept: kept, basis).counted(), basis)
}

/// A name derived from what would be done to what: two equal plans have one name (FNV-1a, 32 bits).
package func planName(_ root: Plan.Root, _ steps: [Plan.Step]) -> String {
    var hash: UInt32 = 0x811C_9DC5
    func mix(_ text: String) {
        for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    }
    mix("\(root.device):\(root.inode)")
    for step in steps {
        mix("\n\(step.action.rawValue) \(step.id)")
        for path in step.paths { mix(" \(path.text)") }
        for identity in step.identities { mix(" \(identity.device):\(identity.inode):\(identity.changed)") }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}

/// Reasons not to carry out a plan without the exact number of its steps typed (`--unsafe-count`).
///
/// They are for the day when the proof itself is wrong: damage that hides most of what a host uses looks like a host that
/// uses nothing. Small numbers never stop anybody.
package func breakers(_ plan: Plan, _ judged: [Judged], engine: EngineState) -> [String] {
    var reasons: [String] = []
    if engine == .running, plan.policy.graceSeconds == 0, !plan.steps.isEmpty {
        reasons.append(
            "without a grace period, things that are in flight may be taken for orphans while the engine runs")
    }
    guard !plan.steps.isEmpty else { return reasons }
    reasons += keepsNothing(plan, judged)
    let used = judged.count { $0.standing == .inUse && $0.item.thing != .metadata }
    if used == 0, plan.steps.count >= breakerFloor { reasons.append("nothing on this root seems to be in use at all") }
    guard engine == .running else { return reasons }
    // What a policy chose is no proof that could be wrong; see `keepsNothing`.
    let proven = plan.steps.filter { $0.action == .quarantine || $0.action == .removeVolume }
    for kind in Set(proven.map(\.kind)).sorted() {
        let all = judged.count { $0.item.thing.kind == kind }
        let gone = proven.count { $0.kind == kind }
        if gone >= breakerFloor, gone * 4 > all { reasons.append("\(gone) of \(all) items of kind \(kind) would go") }
    }
    return reasons
}

/// Fewer steps than this are looked at by whoever reads the list.
private let breakerFloor = 10

private enum Decision {
    case take(Plan.Step.Action)
    case keep(String)
    case ignore
}

private func decision(on entry: Judged, _ basis: PlanBasis) -> Decision {
    let item = entry.item
    let wanted = item.thing.isVolume ? "volumes" : "orphans"
    guard basis.policy.kinds.contains(wanted) else { return .ignore }
    switch entry.standing {
    case .inUse: return .ignore
    case .unknown:
        return Rule.mayBeQuarantined(item.thing)
            ? .keep(entry.evidence.first { $0.says != .denied }.map(reason) ?? "unknown") : .ignore
    case .reclaimable: return item.thing.isVolume ? knownVolume(entry, basis) : .ignore
    case .orphan: break
    }
    if let reason = obstacle(to: entry, basis) { return .keep(reason) }
    if let reason = basis.selection.reason(toKeep: item.path) { return .keep(reason) }
    return .take(.quarantine)
}

/// What cannot be read is elsewhere, and the file is what somebody has to look at.
private func reason(_ evidence: Evidence) -> String {
    evidence.says == .problem && !evidence.source.isEmpty ? "\(evidence.source): \(evidence.by)" : evidence.by
}

private func knownVolume(_ entry: Judged, _ basis: PlanBasis) -> Decision {
    if let reason = obstacle(to: entry, basis) { return .keep(reason) }
    if basis.engine != .running { return .keep("the engine knows it and was not asked: only orphans go offline") }
    if let reason = basis.selection.reason(toKeep: entry.item.path) { return .keep(reason) }
    if entry.item.thing == .namedVolume, !basis.policy.named { return .keep("somebody chose its name: --named") }
    return .take(.removeVolume)
}

private func obstacle(to entry: Judged, _ basis: PlanBasis) -> String? {
    if entry.isProtected { return "the keep list protects it" }
    if basis.volumesWithOptions.contains(entry.item.path) { return "it has mount options: its data is elsewhere" }
    if !Rule.mayBeQuarantined(entry.item.thing) { return "Bilge never moves things of kind \(entry.item.thing.kind)" }
    if entry.item.paths.contains(where: { basis.identities[$0] == nil }) {
        return "one of its entries could not be looked at"
    }
    if entry.item.paths.contains(where: { basis.identities[$0]?.device != basis.root.device }) {
        return "it is a subvolume or a file system of its own, which no rename could put back as it was"
    }
    return nil
}

private func step(_ entry: Judged, _ action: Plan.Step.Action, _ basis: PlanBasis) -> Plan.Step {
    let item = entry.item
    let usage = basis.usage[item.path] ?? Usage()
    return Plan.Step(
        action: action, kind: item.thing.kind, id: item.id, names: item.names, paths: item.paths,
        identities: item.paths.compactMap { basis.identities[$0] }, freesBytes: usage.allocatedBytes,
        inodes: usage.inodes,
        undo: true, why: basis.selection.why(item.path) + entry.evidence.map { "\($0.by) (\($0.source))" })
}

private func plan(of steps: [Plan.Step], kept: [Plan.Kept], _ basis: PlanBasis) -> Plan {
    Plan(
        plan: planName(basis.root, steps), created: basis.created.rfc3339, policy: basis.policy, root: basis.root,
        steps: steps,
        kept: kept,
        totals: Plan.Totals(freesNowBytes: 0, freesWhenTrashEmptiesBytes: 0), shared: basis.shared)
}

/// Orders items so that whatever refers to another comes before it.
private func childrenFirst(_ judged: [Judged], _ reach: Reach) -> [Judged] {
    let byPath = Dictionary(
        judged.flatMap { entry in entry.item.paths.map { ($0, entry.item.path) } }, uniquingKeysWith: { a, _ in a })
    var order: [RelativePath] = []
    var visited: Set<RelativePath> = []
    var needs: [RelativePath: Set<RelativePath>] = [:]
    for (claimant, targets) in reach.needs {
        guard let from = byPath[claimant] else { continue }
        needs[from, default: []].formUnion(targets.compactMap { byPath[$0] }.filter { $0 != from })
    }
    for entry in judged where visited.insert(entry.item.path).inserted {
        // Depth first without recursion: what an item needs is finished before it, and the whole is then reversed.
        var stack: [(RelativePath, [RelativePath])] = [(entry.item.path, (needs[entry.item.path] ?? []).sorted())]
        while let (current, rest) = stack.popLast() {
            guard let next = rest.first else {
                order.append(current)
                continue
            }
            stack.append((current, Array(rest.dropFirst())))
            if visited.insert(next).inserted { stack.append((next, (needs[next] ?? []).sorted())) }
        }
    }
    let position = Dictionary(order.enumerated().map { ($1, $0) }, uniquingKeysWith: { a, _ in a })
    return judged.sorted { (position[$0.item.path] ?? 0) > (position[$1.item.path] ?? 0) }
}
