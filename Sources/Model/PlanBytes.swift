// SPDX-License-Identifier: Apache-2.0

extension Plan {
    /// A thing that takes space and that one or more steps hold: a layer, a record of it.
    package struct Shared: Codable, Hashable, Sendable {
        package var path: RelativePath
        package var bytes: Int64
        package var inodes: Int64
        /// `Step.key` of all steps that hold it; it is freed only if all of them are carried out.
        package var steps: [String]

        package init(path: RelativePath, bytes: Int64, inodes: Int64, steps: [String]) {
            self.path = path
            self.bytes = bytes
            self.inodes = inodes
            self.steps = steps
        }
    }

    /// The same plan with the bytes that exactly these steps free together: what was shared with a step that is not in it
    /// any more is not freed, and what several steps share counts in the last of them.
    package func counted() -> Plan {
        var plan = self
        let position = Dictionary(
            steps.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
        let counted = Set(shared.flatMap(\.steps))
        for index in steps.indices where counted.contains(steps[index].key) {
            plan.steps[index].freesBytes = 0
            plan.steps[index].inodes = 0
        }
        for part in shared {
            let holders = part.steps.compactMap { position[$0] }
            guard holders.count == part.steps.count, let last = holders.max() else { continue }
            plan.steps[last].freesBytes += part.bytes
            plan.steps[last].inodes += part.inodes
        }
        plan.totals = Totals(
            freesNowBytes: plan.steps.reduce(0) { $0 + ($1.undo ? 0 : $1.freesBytes) },
            freesWhenTrashEmptiesBytes: plan.steps.reduce(0) { $0 + ($1.undo ? $1.freesBytes : 0) },
            wantedBytes: totals.wantedBytes)
        return plan
    }
}

extension Plan.Step {
    /// Names the step in `Plan.Shared`.
    package var key: String { "\(kind) \(id)" }
}
