// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Reads `image/<driver>/layerdb`: the engine's own list of layers, Docker 1.10 and later.
///
///     sha256/<chain>/cache-id                the layer's directory under the driver
///     sha256/<chain>/diff                    its diff ID
///     sha256/<chain>/parent                  the chain ID below; absent on a base layer
///     sha256/<chain>/size                    apparent bytes
///     sha256/<chain>-<64 hex>-removing/      renamed before the layer's files are removed (20.10 and later)
///     tmp/write-set-<n>/                     a record not yet finished; never cleaned
///     mounts/<container>/{mount-id,init-id,parent}
///
/// Source: moby `layer/filestore.go`, `fileMetadataStore`; `layer/layer_store.go`, `deleteLayer`.
struct LayerDatabase {
    let driver: String

    var folder: RelativePath { RelativePath("image/\(driver)/layerdb") }
    var records: RelativePath { folder / "sha256" }
    var mounts: RelativePath { folder / "mounts" }
    private var area: Set<Area> { [.driver(driver)] }

    func items(in root: Directory) -> Findings {
        var findings = Findings()
        list(records, hides: [.driver(driver), .images], in: root, into: &findings) { name in
            if EntryName.isHexID(name) { return .layerRecord }
            return Self.isRemoving(name) ? .removingLayer : .foreign
        }
        list(mounts, hides: area, in: root, into: &findings) { name in
            EntryName.isHexID(name) || EntryName.isBuildKitID(name) ? .mountRecord : .foreign
        }
        list(folder / "tmp", hides: [.scratch], in: root, into: &findings) { name in
            name.hasPrefix("write-set-") ? .scratch : .foreign
        }
        return findings
    }

    /// Returns the layers by chain ID and claims what they need.
    func layers(in root: Directory, among items: Findings, into findings: inout Findings) -> [String: Layer] {
        var layers: [String: Layer] = [:]
        let parts = items.paths(in: records).parts(of: 256)
        for part in concurrently(parts.map { part in { self.layers(part, in: root, among: items) } }) {
            layers.merge(part.layers) { first, _ in first }
            findings.merge(part.findings)
        }
        return layers
    }

    private func layers(
        _ paths: ArraySlice<RelativePath>, in root: Directory, among items: Findings
    ) -> (layers: [String: Layer], findings: Findings) {
        var layers: [String: Layer] = [:]
        var findings = Findings()
        for path in paths {
            let name = String(path.name)
            if EntryName.isHexID(name) {
                guard let layer = read(path, in: root, among: items, into: &findings) else { continue }
                layers[name] = layer
                findings.claim(path, by: .engine("its list of layers"), .knows, source: path.text)
                findings.claim(layer.directory, by: .item(path), as: .layer, source: (path / "cache-id").text)
                if let parent = layer.parent {
                    findings.claim(records / parent, by: .item(path), source: (path / "parent").text)
                }
                findings.bundles.append(Bundle([layer.directory, path]))
            } else if Self.isRemoving(name),
                let directory = cacheID(path, isRemoving: true, in: root, among: items, into: &findings)
            {
                findings.claim(directory, by: .item(path), as: .removingLayer, source: (path / "cache-id").text)
                findings.bundles.append(Bundle([directory, path]))
            }
        }
        return (layers, findings)
    }

    /// Claims the layers of containers, each as far as the container itself is needed.
    func claimMounts(in root: Directory, among items: Findings, into findings: inout Findings) {
        let parts = items.items(in: mounts).filter { $0.thing == .mountRecord }.map(\.path).parts(of: 256)
        findings.merge(
            all: concurrently(parts.map { part in { self.mounts(part, in: root, among: items) } }))
    }

    private func mounts(_ paths: ArraySlice<RelativePath>, in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        for path in paths {
            let container = Containers.folder / path.name
            if items.has(container) { findings.claim(path, by: .item(container), source: path.text) }
            let (layer, initial) = layersOfMount(path, in: root, among: items, into: &findings)
            if let parent = parentOfMount(path, in: root, among: items, into: &findings) {
                findings.claim(records / parent, by: .item(path), source: (path / "parent").text)
            }
            let directories = [(layer, Thing.rwLayer, "mount-id"), (initial, .initLayer, "init-id")].compactMap {
                name, thing, file in
                name.map { (place(of: $0, among: items), thing, (path / file).text) }
            }
            for (directory, thing, file) in directories {
                checkSpelling(of: directory, RelativePath(file), among: items, into: &findings)
                findings.claim(directory, by: .item(path), as: thing, source: file)
            }
            findings.bundles.append(Bundle([container] + directories.map(\.0) + [path], onlyOrphans: true))
        }
        return findings
    }

    /// The writable layer that a mount record names, and the init layer below it.
    ///
    /// The engine writes neither file in one step, and removes a record file by file; one that is killed meanwhile leaves
    /// it without one of the two, or both. What such a record may have named is as little as can be:
    ///
    ///   - the init layer is always `<mount-id>-init`: if one of the two can be read, and both layers are there or both
    ///     gone, these two;
    ///   - without either, if the container is gone as well, the layers of containers, which have an init layer each.
    ///
    /// Source: moby `layer/layer_store.go`, `saveMount`, `initMount`; `layer/filestore.go`, `SetMountID`, `RemoveMount`.
    private func layersOfMount(
        _ path: RelativePath, in root: Directory, among items: Findings, into findings: inout Findings
    ) -> (layer: String?, initial: String?) {
        var damage = Findings()
        let layer = id(path / "mount-id", required: true, in: root, &damage) { EntryName.isHexID($0) }
        let initial = id(path / "init-id", required: false, in: root, &damage) {
            $0.hasSuffix(Self.initial) && EntryName.isHexID($0.dropLast(Self.initial.count))
        }
        guard !damage.problems.isEmpty else {
            // An init layer beside it is its own, named or not; a step of the classic builder has none.
            let own = layer.map { $0 + Self.initial }
            return (layer, initial ?? own.flatMap { items.has(place(of: $0, among: items)) ? $0 : nil })
        }
        func hide(_ paths: [RelativePath]) {
            for problem in damage.problems {
                findings.problem(problem.path, hides: Set(([path] + paths).map(Area.item)), because: problem.reason)
            }
        }
        if let name = layer ?? initial.map({ String($0.dropLast(Self.initial.count)) }) {
            let both = [name, name + Self.initial].map { place(of: $0, among: items) }
            if items.has(both[0]) == items.has(both[1]) {
                hide(both)
                return (name, name + Self.initial)
            }
        } else if EntryName.isHexID(path.name), !items.has(Containers.folder / path.name) {
            hide(layersOfContainers(among: items))
            return (nil, nil)
        }
        findings.merge(damage)
        return (layer, initial)
    }

    /// The chain ID below a container's layers; `nil` without an image.
    ///
    /// It is the last file of the record, and not written in one step either. A damaged one may have named the record of any
    /// layer. Their directories have these records to speak for them, and the lists of the layers on them.
    private func parentOfMount(
        _ path: RelativePath, in root: Directory, among items: Findings, into findings: inout Findings
    ) -> Substring? {
        let parent = id(
            path / "parent", required: false, hides: Set(items.paths(in: records).map(Area.item)).union([.images]),
            in: root, &findings, Self.isDigest)
        return parent?.dropFirst("sha256:".count)
    }

    private static let initial = "-init"

    /// Every init layer, and the layer on it.
    private func layersOfContainers(among items: Findings) -> [RelativePath] {
        items.items(in: driverFolder).filter { $0.thing == .initLayer }.flatMap { item in
            [item.path, place(of: String(item.path.name.dropLast(Self.initial.count)), among: items)]
        }
    }

    /// Joins a write-set with the layer whose import it belonged to.
    ///
    /// Nothing on disk says so: the engine makes the one right after the other, so the directory that nobody recorded and
    /// that was last changed within two seconds before is taken for it. Both must be orphans on their own account.
    ///
    /// - Parameter findings: with the claims on what is recorded.
    func bundleWriteSets(in root: Directory, among items: Findings, into findings: inout Findings) {
        let sets = items.items(in: folder / "tmp").filter { $0.thing == .scratch }.map(\.path)
        guard !sets.isEmpty else { return }
        let recorded = Set(findings.claims.map(\.target))
        func modified(_ path: RelativePath) -> Timestamp? {
            (findings.reading(path, hides: [.item(path)]) { try root.statusIfPresent(path)?.modified }) ?? nil
        }
        let candidates = items.items(in: driverFolder).filter { $0.thing == .layer && !recorded.contains($0.path) }
            .compactMap { item in modified(item.path).map { (item.path, $0) } }
        for set in sets {
            guard let made = modified(set) else { continue }
            let near = candidates.filter { (0...2).contains(made.seconds(since: $0.1)) }.max { $0.1 < $1.1 }
            if let near { findings.bundles.append(Bundle([near.0, set], onlyOrphans: true)) }
        }
    }

    /// Where the driver keeps its layers.
    var driverFolder: RelativePath {
        switch StorageDriver(rawValue: driver) {
        case .aufs: RelativePath("aufs/diff")
        case .vfs: RelativePath("vfs/dir")
        case .btrfs: RelativePath("btrfs/subvolumes")
        case .zfs: RelativePath("zfs/graph")
        case .devicemapper: RelativePath("devicemapper/metadata")
        case .overlay, .overlay2, .fuseOverlayfs, nil: RelativePath(driver)
        }
    }

    /// Where the driver keeps a layer.
    func driverDirectory(_ id: String) -> RelativePath { driverFolder / id }

    /// The same, by whichever of its entries is left: aufs keeps a layer in three places, and removes them one by one.
    private func place(of id: String, among items: Findings) -> RelativePath {
        let directory = driverDirectory(id)
        guard driver == StorageDriver.aufs.rawValue else { return directory }
        return AufsLayers.item(id, among: items) ?? directory
    }

    struct Layer {
        var diffID: String
        /// Chain ID below, 64 digits.
        var parent: String?
        var directory: RelativePath
        var bytes: Int64?
    }

    static func isDigest(_ text: String) -> Bool {
        text.hasPrefix("sha256:") && EntryName.isHexID(text.dropFirst("sha256:".count))
    }

    private static func isRemoving(_ name: String) -> Bool {
        let parts = name.split(separator: "-")
        return parts.count == 3 && EntryName.isHexID(parts[0]) && EntryName.isHexID(parts[1]) && parts[2] == "removing"
    }

    private func list(
        _ folder: RelativePath, hides areas: Set<Area>, in root: Directory, into findings: inout Findings,
        _ thing: (String) -> Thing
    ) {
        let names = findings.reading(folder, hides: areas) { try root.namesIfPresent(of: folder) } ?? nil
        for name in names ?? [] { findings.add(Item(thing(name), [folder / name])) }
    }

    private func read(_ path: RelativePath, in root: Directory, among items: Findings, into findings: inout Findings)
        -> Layer?
    {
        let directory = cacheID(path, in: root, among: items, into: &findings)
        let parent = id(path / "parent", required: false, in: root, &findings, Self.isDigest)
        let diff = id(path / "diff", required: true, in: root, &findings, Self.isDigest)
        guard let directory else { return nil }
        return Layer(
            diffID: diff ?? "", parent: parent.map { String($0.dropFirst("sha256:".count)) }, directory: directory,
            bytes: size(path / "size", in: root, &findings))
    }

    private func size(_ file: RelativePath, in root: Directory, _ findings: inout Findings) -> Int64? {
        let text = findings.reading(file, hides: []) { try root.readIfPresent(file, limit: 4096) }
        return (text ?? nil).flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
    }

    /// - Parameter isRemoving: the engine removes the record file by file, after the directory that it named.
    private func cacheID(
        _ path: RelativePath, isRemoving: Bool = false, in root: Directory, among items: Findings,
        into findings: inout Findings
    ) -> RelativePath? {
        let name = id(
            path / "cache-id", required: true, unlessOrphan: isRemoving ? path : nil, in: root, &findings
        ) {
            EntryName.isHexID($0) || EntryName.isBuildKitID($0)
        }
        guard let name else { return nil }
        let directory = place(of: name, among: items)
        checkSpelling(of: directory, path / "cache-id", among: items, into: &findings)
        // 64 hexadecimal digits cut to 25 look like a BuildKit id, which is base 36 and practically never all hexadecimal.
        if EntryName.isBuildKitID(name), !items.has(directory),
            name.utf8.allSatisfy({ $0 <= UInt8(ascii: "f") })
        {
            findings.problem((path / "cache-id").text, hides: area, because: "the id seems to be cut short")
        }
        return directory
    }

    /// A record that names a directory which is not there, while one of almost that name is, lost a bit.
    private func checkSpelling(
        of directory: RelativePath, _ file: RelativePath, among items: Findings, into findings: inout Findings
    ) {
        if items.hasNearly(directory) {
            findings.problem(file.text, hides: area, because: "no layer has that id, but one has nearly the same")
        }
    }

    /// The text of a file that holds one id. Absent is an answer where `required` is false; anything else is damage.
    private func id(
        _ file: RelativePath, required: Bool, hides areas: @autoclosure () -> Set<Area>? = nil,
        unlessOrphan owner: RelativePath? = nil, in root: Directory, _ findings: inout Findings,
        _ isValid: (String) -> Bool
    ) -> String? {
        let text = findings.reading(file, hides: areas() ?? [.driver(driver), .images], unlessOrphan: owner) {
            () -> String? in
            guard let bytes = try root.readIfPresent(file, limit: 4096) else {
                // A record that is gone as a whole was removed since it was listed, perhaps by ourselves.
                if required, let folder = file.parent, try root.statusIfPresent(folder) != nil {
                    throw FormatError("the file is missing")
                }
                return nil
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard isValid(text) else { throw FormatError("it does not hold an id") }
            return text
        }
        return text ?? nil
    }
}
