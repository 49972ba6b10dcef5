// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A file system in a file, mounted for one test; unmounted and detached when the value goes.
package final class LoopMount: Sendable {
    private let directory: TemporaryDirectory
    package var path: String { directory.path + "/m" }
    private var image: String { directory.path + "/image" }

    /// Why no btrfs can be mounted here; `nil` if it can.
    package static let btrfsObstacle = obstacle(to: "btrfs", package: "btrfs-progs")
    /// Why no ext4 can be mounted here; `nil` if it can.
    package static let ext4Obstacle = obstacle(to: "ext4", package: "e2fsprogs")

    private static func obstacle(to kind: String, package: String) -> String? {
        if geteuid() != 0 { return "mounting \(kind) needs root" }
        if access("/usr/sbin/mkfs.\(kind)", X_OK) != 0 && access("/sbin/mkfs.\(kind)", X_OK) != 0 {
            return "mounting \(kind) needs mkfs.\(kind) (\(package))"
        }
        do {
            _ = try LoopMount(kind)
            return nil
        } catch {
            return "\(kind) cannot be mounted here: \(error)"
        }
    }

    package init(_ kind: String, megabytes: Int = 512) throws {
        directory = try TemporaryDirectory(kind)
        try directory.makeDirectory("m")
        try run(["truncate", "-s", "\(megabytes)M", directory.path + "/image"])
        try run(["mkfs.\(kind)", "-q", directory.path + "/image"])
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
