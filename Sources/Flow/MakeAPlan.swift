// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
package import Model
import Observe

/// Returns what would be done under `policy`, measured, and who every path is now.
///
/// - Throws: `FlowError` with `refused` if the keep list of the host cannot be read.
package func plan(_ survey: Survey, _ policy: Plan.Policy) throws -> Plan {
    if let problem = survey.keepListProblem {
        throw FlowError(.refused, problem, advice: "nothing is removed while nobody knows what must stay")
    }
    let movable = survey.items.filter { entry in
        Rule.mayBeQuarantined(entry.item.thing) && (entry.standing == .orphan || entry.item.thing.isVolume)
    }
    let sizes = usage(of: movable, in: survey)
    let selection = choose(survey, policy, sizes)
    var identities: [RelativePath: Identity] = [:]
    var paths: [RelativePath] = movable.flatMap(\.item.paths)
    paths += selection.chosen.map(\.entry.path)
    for path in paths where path != .root {
        // A path that is gone or cannot be looked at is left out, and keeps its item where it is.
        do { identities[path] = try survey.directory.status(path).identity } catch {}
    }
    let withOptions = survey.catalog.volumes.filter { !$0.options.isEmpty }.map(\.path)
    let status = try survey.directory.status(.root)
    var basis = PlanBasis(
        root: Plan.Root(path: survey.root.path, device: status.device, inode: status.inode), created: survey.place.now,
        engine: survey.engine.state, policy: policy, usage: sizes, identities: identities,
        volumesWithOptions: Set(withOptions))
    basis.selection = selection
    basis.shared = measureHeld(by: selection, survey)
    if let rules = policy.retention.rules[.logs] { try addLogs(rules, survey, &basis) }
    let space = try survey.directory.fileSystem()
    basis.space = (Int64(clamping: space.totalBytes), Int64(clamping: space.availableBytes))
    return makePlan(survey.items, survey.reach, basis)
}

/// What the policy takes off the logs; it says nothing about those that have less already.
private func addLogs(_ rules: Policy.Rules, _ survey: Survey, _ basis: inout PlanBasis) throws {
    guard let bytes = rules.toBytes else { return }
    let keep = (basis.policy.keep + rules.keep).map(Glob.init) + survey.place.keep
    let (steps, kept) = try planLogTrims(survey, to: bytes)
    basis.keptLogs = kept
    for step in steps {
        if let glob = keep.first(where: { glob in (step.names + [step.id]).contains(where: glob.matches) }) {
            basis.keptLogs.append(
                Plan.Kept(
                    kind: step.kind, id: step.id, names: step.names,
                    why: ["the keep list protects it: \(glob.pattern)"]))
        } else {
            basis.logs.append(step)
        }
    }
}

/// What the policy chooses of what the engine keeps.
private func choose(_ survey: Survey, _ policy: Plan.Policy, _ sizes: [RelativePath: Usage]) -> Selection {
    guard !policy.retention.rules.isEmpty else { return Selection() }
    let volumeSizes = policy.retention.rules[.volumes] == nil ? [:] : sizes
    return select(
        inventory(survey, volumeBytes: volumeSizes),
        SelectionBasis(
            policy: policy.retention, now: survey.place.now, graceSeconds: policy.graceSeconds,
            keep: survey.place.keep + policy.keep.map(Glob.init)))
}

/// What the chosen things hold and nobody else does, measured.
private func measureHeld(by selection: Selection, _ survey: Survey) -> [Plan.Shared] {
    let keys = Set(
        selection.chosen.filter { $0.entry.kind != .volumes }.map { $0.entry.kind.stepKind + " " + $0.entry.id })
    guard !keys.isEmpty else { return [] }
    let freed = Holders(survey).freed(by: keys)
    let sizes = usage(of: freed.map(\.item), in: survey)
    return freed.map { entry, holders in
        let size = sizes[entry.item.path] ?? Usage()
        return Plan.Shared(
            path: entry.item.path, bytes: size.allocatedBytes, inodes: size.inodes, steps: holders.sorted())
    }
}

/// Returns, for each step of a plan, which others it cannot do without.
package func needs(of steps: [Plan.Step], in survey: Survey) -> [Set<Int>] { Decide.needs(of: steps, survey.reach) }
