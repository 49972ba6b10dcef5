// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A btrfs file system in a file, mounted for one test; unmounted and detached when the value goes.
package final class BtrfsMount: Sendable {
    private let directory: TemporaryDirectory
    package var path: String { directory.path + "/m" }
    private var image: String { directory.path + "/image" }

    /// Why no such thing can be mounted here; `nil` if it can.
    package static let obstacle: String? = {
        if geteuid() != 0 { return "mounting btrfs needs root" }
        if access("/usr/sbin/mkfs.btrfs", X_OK) != 0 && access("/sbin/mkfs.btrfs", X_OK) != 0 {
            return "mounting btrfs needs mkfs.btrfs (btrfs-progs)"
        }
        do {
            _ = try BtrfsMount()
            return nil
        } catch {
            return "btrfs cannot be mounted here: \(error)"
        }
    }()

    package init() throws {
        directory = try TemporaryDirectory("btrfs")
        try directory.makeDirectory("m")
        try run(["truncate", "-s", "512M", directory.path + "/image"])
        try run(["mkfs.btrfs", "-q", directory.path + "/image"])
        try run(["mount", "-o", "loop", directory.path + "/image", directory.path + "/m"])
    }

    deinit { try? unmount() }

    /// The loop device goes with the mount.
    package func unmount() throws {
        let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
        let points = mounts.split(separator: "\n").map { String($0.split(separator: " ")[1]) }
        for point in points.filter({ $0.hasPrefix(path) }).sorted(by: >) { try run(["umount", point]) }
    }

    /// Loop devices that still hold the file.
    package func loops() throws -> String { try run(["losetup", "-j", image]) }
}
