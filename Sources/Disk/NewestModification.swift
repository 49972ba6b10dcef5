// SPDX-License-Identifier: Apache-2.0

package import Model

/// The newest `mtime` of an entry and of all below it, without following links or entering mounts.
///
/// - Throws: if any of it could not be looked at: the newest may be there. What vanishes meanwhile is newer than all:
///   somebody works in it, and then the time of its directory tells.
/// - Complexity: as `measure`, on one thread.
package func newestModification(below path: RelativePath, in root: Directory) throws(DiskError) -> Timestamp {
    let top = try root.status(path)
    var newest = top.modified
    var pending = top.kind == .directory ? [path] : []
    while let folder = pending.popLast() {
        guard let names = try root.namesIfPresent(of: folder) else { continue }
        let statuses: [FileStatus?]
        do { statuses = try root.statuses(of: folder, names: names) } catch  where error.isMissing { continue }
        for (name, status) in zip(names, statuses) {
            guard let status else { continue }
            newest = max(newest, status.modified)
            if status.kind == .directory, status.mountID == top.mountID { pending.append(folder / name) }
        }
    }
    return newest
}
