// SPDX-License-Identifier: Apache-2.0

package import Model

/// The steps that the engine carries out: containers first, then the images that they were made from; build cache last.
func engineSteps(_ basis: PlanBasis) -> (before: [Plan.Step], after: [Plan.Step], kept: [Plan.Kept]) {
    var before: [Plan.Step] = []
    var after: [Plan.Step] = []
    for chosen in basis.selection.chosen {
        switch chosen.entry.kind {
        case .images: before.append(step(chosen, .removeImage, undo: true, basis))
        case .containers: before.append(step(chosen, .removeContainer, undo: false, basis))
        case .cache: after.append(step(chosen, .removeCache, undo: false, basis))
        // A volume is a step of its own directory; a log is no step.
        case .volumes, .logs: break
        }
    }
    let kept = basis.selection.kept.filter { $0.entry.kind != .volumes }.map { entry, why in
        Plan.Kept(kind: entry.kind.stepKind, id: entry.id, names: entry.names, why: [why])
    }
    return (before, after, kept)
}

/// Takes out of a plan what is not needed to reach the policy's target of free space: what is hardest to have again stays.
func stoppedAtTarget(_ plan: Plan, _ basis: PlanBasis) -> Plan {
    guard let free = basis.policy.retention.free else { return plan }
    var budget = Budget(plan, missing: free.bytes(of: basis.space.total) - basis.space.available)
    var costs: [String: Cost] = [:]
    var needs: [String: [String]] = [:]
    for chosen in basis.selection.chosen {
        let key = chosen.entry.kind.stepKind + " " + chosen.entry.id
        costs[chosen.entry.kind == .volumes ? chosen.entry.path.text : key] = chosen.cost
        // What was made from it, and the containers that go before it.
        for parent in chosen.entry.parents { needs[chosen.entry.kind.stepKind + " " + parent, default: []].append(key) }
        needs[key, default: []] += chosen.entry.containers.keys.map { Policy.Kind.containers.stepKind + " " + $0 }
    }
    let order = plan.steps.sorted { left, right in
        let (first, second) = (cost(of: left, costs), cost(of: right, costs))
        return first == second ? left.id < right.id : first < second
    }
    for step in order {
        if budget.isReached { break }
        var pending = [step.key]
        while let key = pending.popLast() {
            if budget.take(key) { pending += needs[key] ?? [] }
        }
    }
    let isFree = free.bytes(of: basis.space.total) <= basis.space.available
    var stopped = plan
    stopped.steps = plan.steps.filter { budget.taken.contains($0.key) }
    stopped.kept += plan.steps.filter { !budget.taken.contains($0.key) }.map { step in
        Plan.Kept(
            kind: step.kind, id: step.id, names: step.names,
            why: [
                isFree
                    ? "\(free.text) are free already"
                    : "not needed to have \(free.text) free: others are easier to have again"
            ])
    }
    stopped.plan = planName(basis.root, stopped.steps)
    stopped.totals.wantedBytes = max(0, free.bytes(of: basis.space.total) - basis.space.available)
    return stopped.counted()
}

private func cost(of step: Plan.Step, _ costs: [String: Cost]) -> Cost {
    if step.action == .trimLog { return Cost(.cache, used: nil) }
    return costs[step.key] ?? step.paths.first.flatMap { costs[$0.text] } ?? Cost(.orphan, used: nil)
}

/// Counts what a growing set of steps frees together.
private struct Budget {
    private(set) var taken: Set<String> = []
    private var missing: Int64
    private var alone: [String: Int64] = [:]
    private var partsOf: [String: [Int]] = [:]
    private var holders: [Int]
    private let parts: [Plan.Shared]

    init(_ plan: Plan, missing: Int64) {
        self.missing = missing
        parts = plan.shared
        holders = parts.map(\.steps.count)
        for (index, part) in parts.enumerated() {
            for key in part.steps { partsOf[key, default: []].append(index) }
        }
        for step in plan.steps where partsOf[step.key] == nil { alone[step.key] = step.freesBytes }
    }

    var isReached: Bool { missing <= 0 }

    /// False if it was taken before.
    mutating func take(_ key: String) -> Bool {
        guard taken.insert(key).inserted else { return false }
        missing -= alone[key] ?? 0
        for index in partsOf[key] ?? [] {
            holders[index] -= 1
            if holders[index] == 0 { missing -= parts[index].bytes }
        }
        return true
    }
}

/// A policy that would leave nothing of a kind is a mistake until somebody types the number.
///
/// Build cache is made to be thrown away, and images without a tag are nobody's; both may all go.
func keepsNothing(_ plan: Plan, _ judged: [Judged]) -> [String] {
    let tagged = plan.steps.contains { $0.action == .removeImage && !$0.names.isEmpty }
    let named = plan.steps.contains { $0.action == .removeVolume && plan.policy.named }
    let containers = plan.steps.contains { $0.action == .removeContainer }
    let counted: [(String, Bool)] = [("image", tagged), ("container", containers), ("volume", named)]
    return counted.compactMap { kind, isCounted in
        guard isCounted else { return nil }
        let all = judged.count { $0.item.thing.kind == kind }
        let gone = plan.steps.count { $0.kind == kind }
        return gone >= all ? "the policy would keep none of the \(all) \(kind)s" : nil
    }
}

extension Selection {
    /// The rule that keeps a volume.
    func reason(toKeep path: RelativePath) -> String? {
        kept.first { $0.entry.kind == .volumes && $0.entry.path == path }?.why
    }

    /// What the policy says about a volume that goes.
    func why(_ path: RelativePath) -> [String] {
        chosen.first { $0.entry.kind == .volumes && $0.entry.path == path }?.why ?? []
    }
}

extension Policy.Kind {
    /// What a step of that kind is called, as in JSON.
    package var stepKind: String {
        switch self {
        case .images: "image"
        case .containers: "container"
        case .volumes: "volume"
        case .cache: "buildCache"
        case .logs: "log"
        }
    }
}

private func step(
    _ chosen: Selection.Chosen, _ action: Plan.Step.Action, undo: Bool, _ basis: PlanBasis
) -> Plan.Step {
    let entry = chosen.entry
    let paths = entry.path == .root ? [] : [entry.path].filter { basis.identities[$0] != nil }
    return Plan.Step(
        action: action, kind: entry.kind.stepKind, id: entry.id, names: entry.names, paths: paths,
        identities: paths.compactMap { basis.identities[$0] }, freesBytes: 0, inodes: 0, undo: undo, why: chosen.why)
}
