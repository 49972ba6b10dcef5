// SPDX-License-Identifier: Apache-2.0

import CDisk
package import Model

/// What `statx` says of one entry, without following a symbolic link.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Sendable { case directory, file, symbolicLink, other }

    package var device: UInt64
    package var inode: UInt64
    /// 0 on kernels before 5.8, which do not tell.
    package var mountID: UInt64
    package var sizeBytes: UInt64
    package var allocatedBytes: Int64
    package var links: UInt32
    package var mode: UInt32
    package var owner: UInt32
    package var modified: Timestamp
    package var changed: Timestamp
    package var birth: Timestamp

    init(_ raw: cdisk_status) {
        device = raw.device
        inode = raw.inode
        mountID = raw.mount_id
        sizeBytes = raw.size
        allocatedBytes = Int64(clamping: raw.blocks) * 512
        links = raw.links
        mode = raw.mode
        owner = raw.uid
        modified = Timestamp(nanoseconds: raw.modified_ns)
        changed = Timestamp(nanoseconds: raw.changed_ns)
        birth = Timestamp(nanoseconds: raw.birth_ns)
    }

    package var kind: Kind {
        switch mode & 0o170000 {
        case 0o040000: .directory
        case 0o100000: .file
        case 0o120000: .symbolicLink
        default: .other
        }
    }

    package var identity: Identity {
        Identity(
            device: device, inode: inode, birth: birth.nanoseconds, changed: changed.nanoseconds, mode: mode)
    }
}
