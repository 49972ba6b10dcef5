// SPDX-License-Identifier: Apache-2.0

package import Disk
import Model
import SystemPackage

/// Returns the absolute path, without symbolic links, `.` and `..`, of an escaped path; the answer is escaped too.
///
/// A path that a person or a setting names is resolved once, shown, and then opened without following anything, so that
/// what was checked and what is worked on are the same directory. A relative path starts at `base`.
///
/// - Throws: `tooManySymbolicLinkLevels` after 40 links, as the kernel does.
package func realPath(_ path: String, from base: String = "/") throws(DiskError) -> String {
    let top = try Directory(path: "/")
    var pending = Array((path.hasPrefix("/") ? path : base + "/" + path).split(separator: "/").reversed())
    var resolved = RelativePath.root
    var links = 0
    while let component = pending.popLast() {
        if component == "." { continue }
        if component == ".." {
            resolved = resolved.parent ?? .root
            continue
        }
        let next = resolved / component
        guard try top.status(next).kind == .symbolicLink else {
            resolved = next
            continue
        }
        links += 1
        guard links <= 40 else { throw DiskError(.open, path, .tooManySymbolicLinkLevels) }
        let target = EntryName.escaped(try top.linkTarget(next))
        if target.hasPrefix("/") { resolved = .root }
        pending += target.split(separator: "/").reversed()
    }
    return "/" + resolved.text
}
