// SPDX-License-Identifier: Apache-2.0

package import Model
package import SystemPackage

/// What measuring trees found out.
package struct Measurement: Sendable {
    /// One value for each group. What could not be looked at is counted as `unreadable`: then bytes and inodes are too
    /// few.
    package var usages: [Usage]
    /// For each group, true if no file in it has a name anywhere else and nothing in it was missed: its sum is its own,
    /// whatever it is measured together with.
    package var isSelfContained: [Bool]
    /// A digest of the files that have a name outside all groups, and of how many names they have; 0 if there is none.
    package var strays: UInt64
    /// Entries that were listed and gone before they could be looked at. They count nowhere, and the sums are whole.
    package var vanished: Int64
    /// The first of those that could not be looked at or vanished; the others are only counted.
    package var misses: [Miss]

    /// An entry that could not be looked at, or vanished.
    package struct Miss: Hashable, Sendable {
        /// Below the directory that was measured in, or as it was given; escaped.
        package var path: String
        package var error: Errno
        package var isVanished: Bool
    }

    /// How many `misses` are named.
    package static let namedMisses = 20
}

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
/// - Parameter threads: at most; there are more than processors only where they wait for the disk.
/// - Parameter openDirectories: how many directories may stay open at once; another number only to test it.
/// - Parameter progress: is told after each directory.
/// - Complexity: for each directory one `openat2`, one `statx`, one `close` and a `getdents64` for 128 KiB of names and
///   a last one; for each other entry one `statx`. Memory is kept for each directory that waits and for each file with
///   several names. It takes no more than half of the descriptors that are left.
package func measurement(
    in directory: Directory, groups: [[RelativePath]], excluding excluded: Set<RelativePath> = [], threads: Int = 16,
    openDirectories: Int? = nil, progress: MeasureProgress? = nil
) -> Measurement {
    let crew = MeasureCrew(
        directory, groups: groups.count, excluding: Exclusions(excluded, in: directory), threads: threads,
        openDirectories: openDirectories, progress: progress)
    for (group, paths) in groups.enumerated() {
        for path in paths { crew.add(Branch(top: .below(path), group: group)) }
    }
    return crew.run()
}

/// The same, for who needs the sums only.
package func measure(
    in directory: Directory, groups: [[RelativePath]], excluding excluded: Set<RelativePath> = [], threads: Int = 16,
    openDirectories: Int? = nil
) -> [Usage] {
    measurement(
        in: directory, groups: groups, excluding: excluded, threads: threads, openDirectories: openDirectories
    ).usages
}

/// Measures trees anywhere, each a group of its own, as `du -s` would: a path that is a symbolic link is not followed,
/// unless it ends with a slash.
///
/// What is given below another counts in its own group only, and what is given twice in the first; so the sum of all
/// groups is what they occupy together. A path that does not exist is unreadable.
///
/// - Throws: if `/` cannot be opened.
package func measurement(of paths: [String], threads: Int = 16) throws(DiskError) -> Measurement {
    let root = try Directory(path: "/")
    let tops = paths.map(TopPath.init)
    let crew = MeasureCrew(
        root, groups: tops.count, excluding: Exclusions(tops), threads: threads, openDirectories: nil)
    var seen: Set<Inode> = []
    for (group, top) in tops.enumerated() {
        if tops.count > 1, let inode = top.status().map(Inode.init), !seen.insert(inode).inserted { continue }
        crew.add(Branch(top: .anywhere(top), group: group))
    }
    return crew.run()
}
