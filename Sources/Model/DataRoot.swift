// SPDX-License-Identifier: Apache-2.0

/// Which generation of layout a root holds; upgrades leave several in one root.
package enum Era: String, Codable, CaseIterable, Sendable {
    /// Docker 1.0 to 1.9: `graph/`, `repositories-<driver>`.
    case graph
    /// Docker 1.10 and later: `image/<driver>/`.
    case contentAddressed
    /// The containerd image store.
    case containerd
}

/// Storage drivers whose directories are known.
package enum StorageDriver: String, Codable, CaseIterable, Sendable {
    case aufs, btrfs, devicemapper, overlay, overlay2, vfs, zfs
    case fuseOverlayfs = "fuse-overlayfs"
}
