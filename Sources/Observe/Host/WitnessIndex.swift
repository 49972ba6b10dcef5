// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Finds the item that a path belongs to: by look-up, whatever the number of items.
struct WitnessIndex {
    /// What a path below the root means to the items.
    enum Match: Hashable {
        /// It is in that item.
        case item(RelativePath)
        /// It is a directory with items below, whose users cannot be told apart; the areas are theirs.
        case directory(areas: Set<Area>)
        case nothing
    }

    /// From every path of every item to the path it is known by.
    private var owners: [String: RelativePath] = [:]
    private var above: [String: Set<Area>] = [:]
    /// Paths that can be recognised by their end alone: `overlay2/<id>` is telling, `tmp` is not.
    private var telling: [String: RelativePath] = [:]
    private var deepest = 1
    /// Entries that a process can stand in.
    private(set) var places: [(path: RelativePath, item: RelativePath)] = []

    init(_ items: Findings) {
        for item in items.items.values {
            let area = WitnessIndex.area(of: item)
            for path in item.paths {
                owners[path.text] = item.path
                let depth = 1 + path.text.utf8.count { $0 == UInt8(ascii: "/") }
                deepest = max(deepest, depth)
                if depth > 1, item.thing != .metadata, item.thing != .foreign { telling[path.text] = item.path }
                if item.thing != .log, item.thing != .danglingLink { places.append((path, item.path)) }
                var parent = path.parent
                while let directory = parent, directory != .root {
                    above[directory.text, default: []].formUnion(area.map { [$0] } ?? [])
                    parent = directory.parent
                }
            }
        }
    }

    func match(_ path: RelativePath) -> Match {
        if let areas = above[path.text], !areas.isEmpty { return .directory(areas: areas) }
        var candidate: RelativePath? = path
        while let place = candidate {
            if let owner = owners[place.text] { return .item(owner) }
            candidate = place.parent
        }
        return .nothing
    }

    /// The item whose path `text`, an absolute or relative path of any namespace, contains as whole components.
    ///
    /// The last one counts: a data root may lie inside the volume of another.
    func match(inside text: String) -> RelativePath? {
        let components = text.split(separator: "/")
        for start in components.indices.reversed() {
            var candidate = ""
            for component in components[start...].prefix(deepest) {
                candidate += candidate.isEmpty ? component : "/" + component
                if let owner = telling[candidate] { return owner }
            }
        }
        return nil
    }

    /// Directories of items in which a process may stand or from which a mount may be made, below the item's own.
    ///
    /// Source: moby `daemon/graphdriver/overlay2/overlay.go`, `overlay/overlay.go`, `volume/local/local.go`,
    /// `plugin/manager.go`; BuildKit `executor/`.
    static func children(of path: RelativePath) -> [String] {
        switch String(path.text.prefix { $0 != "/" }) {
        case "overlay2", "fuse-overlayfs": ["diff", "merged", "work"]
        case "overlay": ["root", "upper", "merged", "work"]
        case "volumes": ["_data"]
        case "containers": ["shm", "mounts"]
        case "plugins": ["rootfs", "propagated-mount"]
        case "buildkit": ["rootfs"]
        case "containerd": ["fs", "work"]
        // Quarantined things are looked at under the name that they were given there.
        case ".bilge": ["diff", "merged", "work", "root", "upper", "_data", "rootfs", "propagated-mount"]
        default: []
        }
    }

    /// Who may hide behind a bind of a whole directory of items. Monitoring mounts `containers` everywhere and needs
    /// none of them; data is what a bind is made for otherwise.
    private static func area(of item: Item) -> Area? {
        switch item.thing {
        case .anonymousVolume, .namedVolume: .volumes
        case .layer, .initLayer, .rwLayer, .removingLayer, .buildCache:
            item.path.components.first.map { .driver(String($0)) }
        case .buildScratch, .danglingLink, .image, .layerRecord, .mountRecord, .container, .containerLeftover, .log,
            .bindRecord, .scratch, .plugin, .removingPlugin, .snapshot, .blob, .ingest, .lease, .metadata, .otherDriver,
            .foreign:
            nil
        }
    }
}
