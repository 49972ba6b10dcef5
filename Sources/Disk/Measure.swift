// SPDX-License-Identifier: Apache-2.0

package import Model

/// Measures many trees below `directory` in one run: the allocated bytes and the inodes of each group of paths.
///
/// Like `du -s`, it counts the path itself and everything below it. It follows no symbolic link. It stays on the mount
/// that each path lies on: what is mounted below, also from the same file system, counts nowhere. A path that does not
/// exist counts nothing, and so does what vanishes meanwhile.
///
/// A file with several names counts once in the whole run, in the first of the groups (by their order here) that hold
/// one of its names; so the sum of all groups is what they occupy together. Directories have no second name, and a path
/// that is given twice, or below another, counts each time; `excluded` is there to prevent that.
///
/// - Parameter excluded: paths that are left out, with what is below them, where a tree is walked that holds them. A
///   path in `groups` itself is never left out.
/// - Parameter threads: on two processors, 16 cost nothing when all is in memory and halve the time when nothing is.
/// - Parameter openDirectories: how many directories may stay open at once; another number only to test it.
/// - Returns: one value for each group. What could not be looked at is counted as `unreadable`: then bytes and inodes
///   are too few.
/// - Complexity: for each directory one `openat2`, one `statx`, one `close` and a `getdents64` for 128 KiB of names and
///   a last one; for each other entry one `statx`. Memory is kept for each directory that waits and for each file with
///   several names. It takes no more than half of the descriptors that are left.
package func measure(
    in directory: Directory, groups: [[RelativePath]], excluding excluded: Set<RelativePath> = [], threads: Int = 16,
    openDirectories: Int? = nil
) -> [Usage] {
    let crew = MeasureCrew(
        directory, groups: groups.count, excluding: Exclusions(excluded, in: directory), threads: threads,
        openDirectories: openDirectories)
    for (group, paths) in groups.enumerated() {
        for path in paths { crew.add(Branch(top: path, group: group)) }
    }
    return crew.run()
}
