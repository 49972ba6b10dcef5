// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// The mounts of one namespace as one process sees them.
struct MountTable {
    let all: [Mount]
    /// Paths that the kernel tells of who sees these mounts start where these mount points start.
    let tellsAll: Bool
    private let byID: [UInt64: Int]

    init(_ mounts: [Mount], tellsAll: Bool = false) {
        all = mounts
        self.tellsAll = tellsAll
        byID = Dictionary(mounts.enumerated().map { ($1.id, $0) }) { _, last in last }
    }

    subscript(id: UInt64) -> Mount? { byID[id].map { all[$0] } }

    /// The mount that a path leads to: the last of the longest mount points above it, since later ones cover earlier ones.
    func holding(_ path: String) -> Mount? {
        var found: Mount?
        for mount in all where below(path, mount.point) != nil {
            if let best = found, best.point.utf8.count > mount.point.utf8.count { continue }
            found = mount
        }
        return found
    }
}

/// Where the data root lies within its file systems, so that a mount or a file of any namespace is recognised by what
/// it is and not by what it is called there.
struct Territory {
    /// A directory of a file system that is a directory of the root.
    private struct Region {
        var device: UInt64
        /// Its absolute path within the file system.
        var place: String
        var path: RelativePath
    }

    /// What a place within a file system is to the root.
    enum Relation: Hashable {
        /// It is in the root, under each of these names: a volume may be a bind mount of another.
        case inside([RelativePath])
        /// A part of the root lies below it.
        case above
        case outside
    }

    let rootPath: String
    /// Files answer `stat` with other devices than their mount has.
    private let hasOddDevices: Bool
    /// The root is on a mount that a container may have got from its host: any but its own root, and but a whole file
    /// system in memory, such as each container has for `/dev/shm`.
    let isFromOutside: Bool
    /// By device as mounts name it: the root may be spread over several file systems.
    private let regions: [UInt64: [Region]]

    /// Returns `nil` if `mounts`, which are those of this process, do not tell where the root is.
    ///
    /// - Parameters:
    ///   - rootPath: absolute, escaped.
    ///   - mountID: of the mount through which the root was opened; 0 if the kernel does not tell.
    init?(rootPath: String, mountID: UInt64, mounts: MountTable) {
        guard let own = mounts[mountID] ?? mounts.holding(rootPath), let rest = below(rootPath, own.point) else {
            return nil
        }
        var regions = [Region(device: own.device, place: joined(own.root, rest), path: .root)]
        // `volumes` or `overlay2` may be file systems of their own.
        for mount in mounts.all {
            guard let path = below(mount.point, rootPath), !path.isEmpty else { continue }
            regions.append(Region(device: mount.device, place: mount.root, path: RelativePath(path)))
        }
        self.rootPath = rootPath
        hasOddDevices = ["btrfs", "overlay", "bcachefs"].contains(own.type) || own.type.hasPrefix("fuse")
        isFromOutside = own.point != "/" && (own.root != "/" || own.type != "tmpfs")
        self.regions = Dictionary(grouping: regions, by: \.device)
    }

    /// Devices that files of the root may answer `stat` with; `nil` if that cannot be told.
    func statDevices(_ root: UInt64) -> Set<UInt64>? { hasOddDevices ? nil : Set(regions.keys).union([root]) }

    func relation(of place: String, on device: UInt64) -> Relation {
        guard let regions = regions[device] else { return .outside }
        var inside: [RelativePath] = []
        var isAbove = false
        for region in regions {
            if let rest = below(place, region.place) {
                inside.append(RelativePath(joined(region.path.text, rest)))
            } else if below(region.place, place) != nil {
                isAbove = true
            }
        }
        return inside.isEmpty ? isAbove ? .above : .outside : .inside(inside)
    }

    /// Where in the root `mount` is mounted, in whatever namespace; nowhere if its mount point is not in the root.
    func location(of mount: Mount, in table: MountTable) -> [RelativePath] {
        var rest = ""
        var current = mount
        // A mount lies in what its parent shows; below a mount that lies in the root itself, everything does.
        for _ in 0..<64 {
            guard let parent = table[current.parent], parent.id != current.id,
                let step = below(current.point, parent.point)
            else { break }
            rest = joined(step, rest)
            if case .inside(let paths) = relation(of: joined(parent.root, rest), on: parent.device) { return paths }
            current = parent
        }
        return []
    }

    /// True if the mount shows the root under the very path it has here: a copy of this namespace's own tree.
    func isOwnTree(_ mount: Mount) -> Bool {
        regions[mount.device, default: []].contains { region in
            guard let rest = below(region.place, mount.root) else { return false }
            return joined(mount.point, rest) == joined(rootPath, region.path.text)
        }
    }
}

extension Mount {
    /// A bind of a directory onto itself shows nothing that was not there: engines do it to keep mounts private.
    func isOnItself(in table: MountTable) -> Bool {
        guard let parent = table[parent], parent.device == device, let step = below(point, parent.point) else {
            return false
        }
        return joined(parent.root, step) == root
    }
}

/// The rest of `path` below `directory`, without leading slash: empty if they are the same, `nil` if it lies elsewhere.
func below(_ path: String, _ directory: String) -> String? {
    if directory == "/" { return path.hasPrefix("/") ? String(path.dropFirst()) : nil }
    guard path.utf8.starts(with: directory.utf8) else { return nil }
    let rest = path.utf8.dropFirst(directory.utf8.count)
    if rest.isEmpty { return "" }
    return rest.first == UInt8(ascii: "/") ? String(rest.dropFirst()) : nil
}

func joined(_ directory: String, _ rest: String) -> String {
    if rest.isEmpty { return directory }
    if directory.isEmpty { return rest }
    return directory.hasSuffix("/") ? directory + rest : directory + "/" + rest
}
