// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads `containers/`, the engine's list of containers in every era.
///
///     containers/<id>/config.v2.json    the container (1.10 and later)
///     containers/<id>/config.json       the container (1.0 to 1.9; stale beside config.v2.json)
///     containers/<id>/hostconfig.json   its bind mounts; absent if it was never started in the oldest engines
///     containers/<id>/<id>-json.log*    what it printed
///     containers/<id>/local-logs/       the same with the `local` log driver
///
/// A container in any state is a claim: the user removes it, not we. A directory without any record is what a killed
/// `docker create` or a failed `docker rm` leaves: the engine logs an error at each start and keeps it for ever.
///
/// Source: moby `daemon/daemon.go`, `restore`; `daemon/delete.go`.
package struct Containers: Reader {
    /// The absolute path the root is opened at, escaped; recorded paths below it are ours.
    let rootPath: String

    package init(rootPath: String) { self.rootPath = rootPath }

    static let folder = RelativePath("containers")

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        let names = findings.reading(Self.folder, hides: Self.allAreas) { try root.namesIfPresent(of: Self.folder) }
        for name in (names ?? nil) ?? [] {
            findings.add(Item(EntryName.isHexID(name) ? .containerLeftover : .foreign, [Self.folder / name]))
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        let containers = items.items(in: Self.folder).filter { $0.thing == .containerLeftover }.map(\.path)
        var documents: [(path: RelativePath, file: String, document: ContainerDocument, host: HostConfigDocument?)] = []
        for path in containers {
            // Gone since it was listed: removed meanwhile, and no longer anybody's claim.
            guard let names = findings.reading(path, hides: Self.allAreas, { try root.namesIfPresent(of: path) }) ?? nil
            else { continue }
            guard let file = ["config.v2.json", "config.json"].first(where: names.contains) else { continue }
            guard let document = read(path, file, in: root, into: &findings) else { continue }
            let host = names.contains("hostconfig.json") ? hostConfig(path, in: root, into: &findings) : nil
            documents.append((path, file, document, host))
            addLogs(of: path, among: names, to: &findings)
        }
        let index = ItemIndex(items.items.values)
        let paths = RecordedPaths(root: rootPath, documents.flatMap { recordedRoots($0.document) }, index: index)
        for entry in documents {
            claim(entry.path, entry.file, entry.document, entry.host, paths, index, &findings)
        }
        return findings
    }

    /// Everything a container may claim: what freezes when its record cannot be read.
    private static let allAreas: Set<Area> = [.containers, .volumes, .images, .layers]

    private func read(
        _ path: RelativePath, _ file: String, in root: Directory, into findings: inout Findings
    ) -> ContainerDocument? {
        // Somebody's container, even if nobody can read it: show it as one.
        findings.claim(path, by: .layout, .mentions, as: .container, source: (path / file).text)
        return findings.reading(path / file, hides: Self.allAreas) {
            let document = try decodeJSON(ContainerDocument.self, root.read(path / file))
            guard document.id == path.name else { throw FormatError("it describes container \(document.id)") }
            return document
        }
    }

    private func hostConfig(_ path: RelativePath, in root: Directory, into findings: inout Findings)
        -> HostConfigDocument?
    {
        let file = path / "hostconfig.json"
        return findings.reading(file, hides: [.volumes, .item(path)]) {
            try decodeJSON(HostConfigDocument.self, root.read(file))
        }
    }

    private func addLogs(of path: RelativePath, among names: [String], to findings: inout Findings) {
        let logs = names.filter { $0.hasPrefix("\(path.name)-json.log") || $0 == "local-logs" }.sorted()
        guard !logs.isEmpty else { return }
        let item = Item(.log, logs.map { path / $0 })
        findings.add(item)
        findings.claim(item.path, by: .item(path), source: path.text)
    }

    /// Roots that the container's own files were recorded under: `<root>/containers/<id>/hostname` and the like.
    private func recordedRoots(_ document: ContainerDocument) -> [String] {
        [document.logPath, document.hostnamePath, document.hostsPath, document.resolvConfPath].compactMap { path in
            var place = path.flatMap { RelativePath(EntryName.escaped(text: $0)).parent }
            while let folder = place {
                if folder.name == document.id, let all = folder.parent, all.name == "containers" {
                    return all.parent?.text
                }
                place = folder.parent
            }
            return nil
        }
    }

    private func claim(
        _ path: RelativePath, _ file: String, _ document: ContainerDocument, _ host: HostConfigDocument?,
        _ paths: RecordedPaths, _ index: ItemIndex, _ findings: inout Findings
    ) {
        let source = (path / file).text
        let name = document.name.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 } ?? ""
        findings.claim(path, by: .container(id: document.id, name: name), as: .container, source: source)
        var record = ContainerRecord(
            id: document.id, path: path, name: name, imageID: Self.hex(document.image ?? ""),
            imageName: document.config?.image ?? "", driver: document.driver ?? "aufs",
            state: document.state?.word ?? "created",
            created: document.created.flatMap(Timestamp.init(rfc3339:)),
            finished: document.state?.finishedAt.flatMap(Timestamp.init(rfc3339:)))
        record.project = document.config?.labels?["com.docker.compose.project"]
        record.hasMountPoints = document.mountPoints != nil
        record.log = LogRecord(
            driver: host?.logConfig?.type ?? "", options: host?.logConfig?.config ?? [:],
            recordedPath: document.logPath ?? "", folder: path)

        for image in imagePaths(record.imageID, index) { findings.claim(image, by: .item(path), source: source) }
        for (layer, thing) in legacyLayers(document.id, index) {
            findings.claim(layer, by: .item(path), as: thing, source: source)
        }
        var volumes: Set<RelativePath> = []
        for (target, from) in mountTargets(document, host, path, file, paths, index) {
            findings.claim(target, by: .item(path), source: from)
            if case .item(let volume) = index.meaning(of: target) { volumes.insert(volume) }
        }
        record.volumes = volumes.sorted()
        record.mountSources = mountSources(document, host)
        findings.catalog.containers.append(record)
    }

    /// An image's record in every store of the root: which one is meant depends on a driver that may be gone.
    private func imagePaths(_ id: String, _ index: ItemIndex) -> [RelativePath] {
        guard !id.isEmpty else { return [] }
        let stores = StorageDriver.allCases.map { RelativePath("image/\($0.rawValue)/imagedb/content/sha256") / id }
        return ([RelativePath("graph") / id] + stores).filter(index.has)
    }

    /// Up to 1.9 a container's layers have its own id; since 1.10 `layerdb/mounts` says which they are.
    private func legacyLayers(_ id: String, _ index: ItemIndex) -> [(RelativePath, Thing)] {
        let folders = [
            "aufs/diff", "aufs/mnt", "aufs/layers", "overlay", "vfs/dir", "btrfs/subvolumes", "zfs/graph",
            "devicemapper/metadata", "devicemapper/mnt",
        ]
        return folders.flatMap { folder in
            [(RelativePath(folder) / id, Thing.rwLayer), (RelativePath(folder) / (id + "-init"), .initLayer)]
        }.filter { index.has($0.0) }
    }

    /// Every volume, and every path below the root, that the container mounts, with the file that says so.
    private func mountTargets(
        _ document: ContainerDocument, _ host: HostConfigDocument?, _ path: RelativePath, _ file: String,
        _ paths: RecordedPaths, _ index: ItemIndex
    ) -> [(RelativePath, String)] {
        let names =
            (document.mountPoints?.values.compactMap(\.name) ?? []).map { ($0, file) }
            + (host?.mounts ?? []).compactMap { $0.type == "volume" ? $0.source.map { ($0, "hostconfig.json") } : nil }
            + (host?.binds ?? []).compactMap(Self.bindSource).filter { !$0.hasPrefix("/") }.map {
                ($0, "hostconfig.json")
            }
        let volumes = names.filter { !$0.0.isEmpty }.flatMap { name, from in
            let escaped = EntryName.escaped(text: name)
            // An upgraded root may hold one volume in two places.
            return [RelativePath("volumes") / escaped, RelativePath("vfs/dir") / escaped]
                .filter(index.has).map { ($0, (path / from).text) }
        }
        let sources = mountSources(document, host).flatMap { source in
            paths.targets(of: EntryName.escaped(text: source)).map { ($0, (path / file).text) }
        }
        return volumes + sources
    }

    private func mountSources(_ document: ContainerDocument, _ host: HostConfigDocument?) -> Set<String> {
        var sources = Set(document.volumes.map { Array($0.values) } ?? [])
        sources.formUnion(document.mountPoints?.values.compactMap(\.source) ?? [])
        sources.formUnion(host?.binds?.compactMap(Self.bindSource) ?? [])
        sources.formUnion(host?.mounts?.compactMap { $0.type == "volume" ? nil : $0.source } ?? [])
        return sources.filter { $0.hasPrefix("/") }
    }

    private static func bindSource(_ bind: String) -> String? {
        bind.split(separator: ":", omittingEmptySubsequences: false).first.map(String.init)
    }

    private static func hex(_ id: String) -> String {
        id.hasPrefix("sha256:") ? String(id.dropFirst("sha256:".count)) : id
    }
}
