// SPDX-License-Identifier: Apache-2.0

import CDisk
import Glibc
import SystemPackage

/// Which mount and which file system an open directory was reached through: a bind mount of the same file system has
/// the same device, but never the same mount.
struct MountID: Hashable {
    var device: UInt64
    var mount: UInt64

    /// - Throws: `notSupported` where neither `statx` (Linux 5.8) nor `/proc` tells.
    init(of descriptor: CInt, _ status: cdisk_usage, _ lookup: Lookup, _ path: String) throws(DiskError) {
        device = status.device
        if status.mount_id != 0, lookup != .oldest {
            mount = status.mount_id
        } else {
            guard let listed = Self.listed(descriptor) else { throw DiskError(.stat, path, .notSupported) }
            mount = listed
        }
    }

    /// `mnt_id` of `/proc/self/fdinfo/N`. Source: proc(5); Linux 3.15 and later.
    private static func listed(_ descriptor: CInt) -> UInt64? {
        let file = unsafe open("/proc/self/fdinfo/\(descriptor)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 1024) { buffer, filled in
            filled = unsafe max(0, read(file, buffer.baseAddress!, buffer.count))
        }
        // The first lines are `pos:`, `flags:` and `mnt_id:`, each followed by a tab.
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "mnt_id:\t".utf8) {
            return decimal(line.dropFirst("mnt_id:\t".utf8.count))
        }
        return nil
    }
}
