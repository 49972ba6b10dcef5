// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
package import Model
import Observe

/// Returns the space that each item takes, by its path. What a nested item owns is not counted in its parent.
package func usage(of items: [Judged], in survey: Survey) -> [RelativePath: Usage] {
    guard !items.isEmpty else { return [:] }
    let groups = items.map(\.item.paths)
    let nested = nestedPaths(items, all: survey.items)
    let usages = measure(in: survey.directory, groups: groups, excluding: nested)
    return Dictionary(zip(items.map(\.item.path), usages), uniquingKeysWith: { first, _ in first })
}

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

/// Paths of other items that lie inside those of `items`.
private func nestedPaths(_ items: [Judged], all: [Judged]) -> Set<RelativePath> {
    let owned = Set(items.flatMap(\.item.paths))
    var nested: Set<RelativePath> = []
    for path in all.flatMap(\.item.paths) {
        var parent = path.parent
        while let directory = parent, !directory.text.isEmpty {
            if owned.contains(directory) {
                nested.insert(path)
                break
            }
            parent = directory.parent
        }
    }
    return nested
}
