// SPDX-License-Identifier: Apache-2.0

/// A file system that holds a part of a root, and what is known of its space beside what lies below the root.
package struct FileSystemFacts: Hashable, Sendable {
    /// `ext4`, `xfs`, …
    package var type: String
    /// Where it is mounted: absolute, escaped; the root's path if no mount is known.
    package var point: String
    /// As statfs(2) tells: the size less what some file systems keep for themselves; bytes.
    package var totalBytes: Int64
    package var freeBytes: Int64
    /// What everybody may use; the rest of `freeBytes` is kept for root.
    package var availableBytes: Int64
    /// 0 where the file system has no fixed number of inodes.
    package var totalInodes: Int64
    package var freeInodes: Int64
    /// What it keeps within `totalBytes` for itself, computed part by part; `nil` if that is not known for its type.
    package var own: [SpacePart]?
    /// What it keeps beside `totalBytes`, computed part by part; `nil` if that is not known.
    package var overhead: [SpacePart]?
    /// Files that no directory names any more and that a process holds; the largest first.
    package var deleted: [DeletedFile] = []

    package init(
        type: String, point: String, totalBytes: Int64, freeBytes: Int64, availableBytes: Int64, totalInodes: Int64,
        freeInodes: Int64, own: [SpacePart]? = nil, overhead: [SpacePart]? = nil
    ) {
        self.type = type
        self.point = point
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
        self.availableBytes = availableBytes
        self.totalInodes = totalInodes
        self.freeInodes = freeInodes
        self.own = own
        self.overhead = overhead
    }

    package var usedBytes: Int64 { max(0, totalBytes - freeBytes) }
    package var usedInodes: Int64 { max(0, totalInodes - freeInodes) }
}

/// A part of what a file system keeps for itself.
package struct SpacePart: Hashable, Sendable {
    /// Such as `journal`, in the plural or without an article, so that parts can be listed.
    package var name: String
    package var bytes: Int64
    package var inodes: Int64

    package init(_ name: String, bytes: Int64, inodes: Int64 = 0) {
        self.name = name
        self.bytes = bytes
        self.inodes = inodes
    }
}

/// A file without a name that takes space for as long as somebody holds it.
package struct DeletedFile: Hashable, Sendable {
    /// Where it was, as the kernel tells; escaped. Empty if the kernel does not tell.
    package var path: String
    package var allocatedBytes: Int64
    /// Who holds it; sorted.
    package var holders: [Holder]

    package struct Holder: Hashable, Comparable, Sendable {
        package var pid: Int32
        /// At most 15 bytes of the program's name, escaped.
        package var name: String

        package init(pid: Int32, name: String) {
            self.pid = pid
            self.name = name
        }

        package static func < (left: Holder, right: Holder) -> Bool {
            (left.pid, left.name) < (right.pid, right.name)
        }
    }

    package init(path: String, allocatedBytes: Int64, holders: [Holder]) {
        self.path = path
        self.allocatedBytes = allocatedBytes
        self.holders = holders
    }
}

/// Something that is mounted below a root and hides, or shows once more, what lies elsewhere; its space is not counted.
package struct MountOnTop: Hashable, Sendable {
    /// Below the root.
    package var path: RelativePath
    /// `overlay`, `tmpfs`, `ext4`, …
    package var type: String
    /// It shows a directory of a file system that holds the root, so that its bytes may be in the sum once already.
    package var isBind: Bool

    package init(path: RelativePath, type: String, isBind: Bool) {
        self.path = path
        self.type = type
        self.isBind = isBind
    }
}
