// SPDX-License-Identifier: Apache-2.0

import Decide
import Disk
package import Model
import Observe

/// Returns the space that each item takes, by its path. What a nested item owns is not counted in its parent.
package func usage(of items: [Judged], in survey: Survey) -> [RelativePath: Usage] {
    // A lease is a record in a database, which is measured with that.
    let measured = items.filter { $0.item.thing != .lease }
    let nested = nestedPaths(measured, all: survey.items)
    let own = measured.filter { !$0.item.path.text.hasPrefix("/") }
    let usages = measure(
        in: survey.directory, groups: own.map(\.item.paths), excluding: nested.filter { !$0.text.hasPrefix("/") })
    var usage = Dictionary(zip(own.map(\.item.path), usages), uniquingKeysWith: { first, _ in first })
    for root in survey.stores {
        guard let store = root.outside?.store, let directory = store.directory else { continue }
        let inner = store.inside(measured.map(\.item))
        let usages = measure(
            in: directory, groups: inner.map(\.paths),
            excluding: Set(nested.filter { store.base.contains($0) }.map { store.inside($0) }))
        for (item, bytes) in zip(inner, usages) { usage[store.outside(item.path)] = bytes }
    }
    for entry in items where entry.item.thing == .lease { usage[entry.item.path] = Usage() }
    return usage
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
