// SPDX-License-Identifier: Apache-2.0

package import Model

/// Returns the plan without some of its steps, which are kept because somebody did not tick them.
package func plan(_ plan: Plan, keeping indices: Set<Int>) -> Plan {
    guard !indices.isEmpty else { return plan }
    var picked = plan
    picked.steps = plan.steps.indices.filter { !indices.contains($0) }.map { plan.steps[$0] }
    picked.kept += indices.sorted().map { index in
        let step = plan.steps[index]
        return Plan.Kept(kind: step.kind, id: step.id, names: step.names, why: ["not ticked"])
    }
    picked.plan = planName(plan.root, picked.steps)
    return picked.counted()
}

/// Returns, for each step, the steps that have to be done for it to be possible: what claims its entries, directly or not.
package func needs(of steps: [Plan.Step], _ reach: Reach) -> [Set<Int>] {
    var owner: [RelativePath: Int] = [:]
    for (index, step) in steps.enumerated() { for path in step.paths { owner[path] = index } }
    var needs = [Set<Int>](repeating: [], count: steps.count)
    for (index, step) in steps.enumerated() {
        for path in reach.closure(of: Set(step.paths)) {
            if let target = owner[path], target != index { needs[target].insert(index) }
        }
    }
    return needs
}
