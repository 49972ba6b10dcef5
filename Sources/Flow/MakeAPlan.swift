// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
package import Model
import Observe

/// Returns what would be done under `policy`, measured, and who every path is now.
package func plan(_ survey: Survey, _ policy: Plan.Policy) throws -> Plan {
    let movable = survey.items.filter { entry in
        Rule.mayBeQuarantined(entry.item.thing) && (entry.standing == .orphan || entry.item.thing.isVolume)
    }
    var identities: [RelativePath: Identity] = [:]
    for path in movable.flatMap(\.item.paths) {
        // A path that is gone or cannot be looked at is left out, and keeps its item where it is.
        do { identities[path] = try survey.directory.status(path).identity } catch {}
    }
    let withOptions = survey.catalog.volumes.filter { !$0.options.isEmpty }.map(\.path)
    let status = try survey.directory.status(.root)
    let basis = PlanBasis(
        root: Plan.Root(path: survey.root.path, device: status.device, inode: status.inode), created: survey.place.now,
        engine: survey.engine.state, policy: policy, usage: usage(of: movable, in: survey), identities: identities,
        volumesWithOptions: Set(withOptions))
    return makePlan(survey.items, survey.reach, basis)
}

/// Returns, for each step of a plan, which others it cannot do without.
package func needs(of steps: [Plan.Step], in survey: Survey) -> [Set<Int>] { Decide.needs(of: steps, survey.reach) }
