// SPDX-License-Identifier: Apache-2.0

package import Disk
import Model

/// Replaces a small file of ours outside of any data root, such as the keep list: the new text is complete on the disk
/// before the old one goes, under the name `<name>.new`, which readers take while the other is missing.
///
/// - Parameter name: of the file, escaped.
package func replaceFile(
    _ name: String, with bytes: [UInt8], in folder: Directory, disk: any DiskMutations = HostDisk()
) throws(DiskError) {
    let new = name + ".new"
    let isThere = try folder.statusIfPresent(RelativePath(name)) != nil
    if try folder.statusIfPresent(RelativePath(new)) != nil {
        // Left by a command that was cut off: it counts only if the other is missing.
        if isThere { try disk.unlink(new, in: folder) } else { try disk.rename(new, in: folder, to: name, in: folder) }
    }
    try disk.create(new, bytes, in: folder)
    if try folder.statusIfPresent(RelativePath(name)) != nil { try disk.unlink(name, in: folder) }
    try disk.rename(new, in: folder, to: name, in: folder)
    try disk.sync(folder)
}

/// Makes the folder that such a file is in, if only that one is missing.
package func makeFolder(
    _ name: String, in parent: Directory, disk: any DiskMutations = HostDisk()
) throws(DiskError) {
    guard try parent.statusIfPresent(RelativePath(name)) == nil else { return }
    try disk.makeDirectory(name, in: parent)
    try disk.sync(parent)
}
