// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Returns when each item last changed: the newest `ctime` among its entries and what lies directly in them.
///
/// `ctime` cannot be set back, and every kind of thing Docker makes touches one of its first-level entries (`link`,
/// `diff`, `_data`, `merged`) when it is used. An item that could not be looked at is left out, which counts as too young.
package func changes(of items: [Item], in root: Directory) -> [RelativePath: Timestamp] {
    var changes: [RelativePath: Timestamp] = [:]
    for item in items {
        do {
            var newest = Timestamp(nanoseconds: .min)
            for path in item.paths {
                let status = try root.status(path)
                newest = max(newest, status.changed)
                guard status.kind == .directory else { continue }
                let names = try root.names(of: path)
                for status in try root.statuses(of: path, names: names) {
                    newest = max(newest, status?.changed ?? newest)
                }
            }
            changes[item.path] = newest
        } catch {
            // Gone or unreadable: left out.
        }
    }
    return changes
}

/// Returns the `mtime` of what is at each path, for showing. What cannot be looked at is left out.
package func modifications(of paths: [RelativePath], in root: Directory) -> [RelativePath: Timestamp] {
    var modifications: [RelativePath: Timestamp] = [:]
    modifications.reserveCapacity(paths.count)
    for (parent, siblings) in Dictionary(grouping: paths, by: { $0.parent ?? .root }) {
        do {
            let statuses = try root.statuses(of: parent, names: siblings.map { String($0.name) })
            for (path, status) in zip(siblings, statuses) { modifications[path] = status?.modified }
        } catch {
            // A column stays empty; nothing is decided by it.
        }
    }
    return modifications
}
