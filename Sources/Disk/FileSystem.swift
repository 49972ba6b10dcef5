// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import SystemPackage

/// The file system a directory lies on, as `statfs` describes it.
package struct FileSystem: Hashable, Sendable {
    /// `f_type`. Source: statfs(2), `linux/magic.h`.
    package var magic: UInt64
    package var totalBytes: UInt64
    /// Free bytes, among them those that only root may use.
    package var freeBytes: UInt64
    /// Free bytes that anybody may use.
    package var availableBytes: UInt64
    /// 0 on file systems that have no fixed number of inodes, such as btrfs.
    package var totalInodes: UInt64
    package var freeInodes: UInt64
    package var isReadOnly: Bool

    /// As mount(8) calls it; a number in hexadecimal if it is none that Docker is used on.
    package var name: String {
        switch magic {
        case 0xEF53: "ext4"
        case 0x5846_5342: "xfs"
        case 0x9123_683E: "btrfs"
        case 0x2FC1_2FC1: "zfs"
        case 0x0102_1994: "tmpfs"
        case 0x794C_7630: "overlay"
        case 0x6969: "nfs"
        case 0xFF53_4D42, 0xFE53_4D42: "cifs"
        case 0x6573_5546: "fuse"
        case 0xF2F5_2010: "f2fs"
        case 0xCA45_1A4E: "bcachefs"
        case 0x6172_6673: "aufs"
        default: "0x" + String(magic, radix: 16)
        }
    }
}

extension Directory {
    /// What the file system of this directory is and has left.
    package func fileSystem() throws(DiskError) -> FileSystem {
        var raw = cdisk_file_system()
        while unsafe cdisk_file_system(descriptor, &raw) != 0 {
            guard errno == EINTR else { throw DiskError(.stat, path, Errno(rawValue: errno)) }
        }
        return FileSystem(
            magic: raw.magic, totalBytes: raw.total, freeBytes: raw.free, availableBytes: raw.available,
            totalInodes: raw.total_inodes, freeInodes: raw.free_inodes, isReadOnly: raw.read_only != 0)
    }
}
