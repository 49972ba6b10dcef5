// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// What the mounts of every namespace say about the items of a root.
struct MountWitness {
    let root: Directory
    let territory: Territory
    let index: WitnessIndex
    var findings = Findings()
    /// Mounts in the root and of parts of it, in sentences.
    private(set) var uses: Set<String> = []
    /// One claim for each item and mount point, in however many namespaces it shows.
    private var seen: Set<Claim> = []

    init(_ root: Directory, _ territory: Territory, _ index: WitnessIndex) {
        self.root = root
        self.territory = territory
        self.index = index
    }

    /// - Parameter source: the file the mounts were read from.
    mutating func look(at table: MountTable, source: String) {
        for mount in table.all {
            let location = territory.location(of: mount, in: table)
            for path in location { claimMountPoint(path, mount, in: table, source) }
            claimShown(mount, at: location, source)
            if let overlay = mount.overlay { claimLayers(of: overlay, mount, source) }
        }
    }

    /// Something is mounted in the root.
    private mutating func claimMountPoint(
        _ path: RelativePath, _ mount: Mount, in table: MountTable, _ source: String
    ) {
        if isCovered(path, by: table[mount.parent], in: table) { return }
        if case .item(let item) = index.match(path) { claim(item, mount, source) }
        // A top directory may be a file system of its own, and old engines mount their directories on themselves.
        if path.components.count < 2 || mount.isOnItself(in: table) { return }
        uses.insert("\(mount.type) is mounted at \(path)")
    }

    /// True if the mount below is in the same item, and so said the same: a container has twenty in its layer.
    private func isCovered(_ path: RelativePath, by parent: Mount?, in table: MountTable) -> Bool {
        guard let parent, case .item(let item) = index.match(path) else { return false }
        var places = territory.location(of: parent, in: table)
        if case .inside(let shown) = territory.relation(of: parent.root, on: parent.device) { places += shown }
        return places.contains { index.match($0) == .item(item) }
    }

    /// The mount shows a part of the root elsewhere: the usual way for a container to see its volumes.
    private mutating func claimShown(_ mount: Mount, at location: [RelativePath], _ source: String) {
        switch territory.relation(of: mount.root, on: mount.device) {
        case .outside: break
        case .above:
            if !territory.isOwnTree(mount) { claim(.root, mount, source, .mentions) }
        case .inside(let paths):
            for path in paths where !location.contains(path) {
                if path != .root { uses.insert("\(path) is mounted at \(mount.point)") }
                switch index.match(path) {
                case .item(let item): claim(item, mount, source)
                case .directory(let areas): hide(areas, path, mount, source)
                case .nothing:
                    if path == .root, !territory.isOwnTree(mount) { claim(.root, mount, source, .mentions) }
                }
            }
        }
    }

    /// Whoever uses the mount uses items in it, and nobody can say which.
    private mutating func hide(_ areas: Set<Area>, _ path: RelativePath, _ mount: Mount, _ source: String) {
        guard
            seen.insert(Claim(target: path, claimant: .mount(mount.point), force: .mentions, thing: nil, source: ""))
                .inserted
        else { return }
        findings.problem(
            source, hides: areas, because: "all of \(path) is mounted at \(mount.point), where anything may use it")
    }

    /// Layers that an overlay mount is made of. The paths are those of whoever mounted it, so only their ends count.
    ///
    /// Source: moby `daemon/graphdriver/overlay2/overlay.go` (`l/<link>` and paths relative to the driver's directory);
    /// the kernel's `fs/overlayfs/params.c`.
    private mutating func claimLayers(of overlay: Mount.Overlay, _ mount: Mount, _ source: String) {
        let directories = overlay.lower + [overlay.upper, overlay.work].compactMap { $0 }
        let items = directories.map(overlayItem)
        for case let item? in items { claim(item, mount, source) }
        if items.contains(where: { $0 != nil }) || directories.contains(where: { below($0, territory.rootPath) != nil })
        {
            uses.insert("layers of it are mounted at \(mount.point)")
        }
        // A link that was removed while it is mounted no longer tells which layer it stood for.
        guard case let known?? = items.first(where: { $0 != nil }), let driver = known.components.first else { return }
        for (directory, item) in zip(directories, items) where item == nil {
            let parts = directory.split(separator: "/")
            guard parts.count >= 2, parts[parts.count - 2] == "l" else { continue }
            let link = RelativePath(String(driver)) / "l" / parts[parts.count - 1]
            let status = findings.reading(link, hides: [.driver(String(driver))]) { try root.statusIfPresent(link) }
            guard case .some(.none) = status else { continue }
            findings.problem(
                source, hides: [.driver(String(driver))],
                because: "the overlay at \(mount.point) is made of \(link), which no longer exists")
        }
    }

    private func overlayItem(_ directory: String) -> RelativePath? {
        if let item = index.match(inside: directory) { return item }
        guard !directory.hasPrefix("/") else { return nil }
        return ["overlay2", "overlay", "fuse-overlayfs"].lazy.compactMap { index.match(inside: $0 + "/" + directory) }
            .first
    }

    private mutating func claim(
        _ item: RelativePath, _ mount: Mount, _ source: String, _ force: Claim.Force = .needs
    ) {
        let key = Claim(target: item, claimant: .mount(mount.point), force: force, thing: nil, source: "")
        guard seen.insert(key).inserted else { return }
        findings.claim(item, by: .mount(mount.point), force, source: source)
    }
}
