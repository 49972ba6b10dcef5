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
        let paths = items.items(in: Self.folder).filter { $0.thing == .containerLeftover }.map(\.path)
        // Most of the time that a large root takes goes into decoding these records.
        let mentions = VolumeMentions(items)
        let index = items.index
        let layers = Self.layers(index)
        let read = concurrently(
            paths.parts(of: 128).map { part in { self.records(of: part, in: root, index, layers, mentions) } })
        let places = Places(
            recorded: RecordedPaths(root: rootPath, read.flatMap(\.roots), index: index), images: Self.images(index),
            layers: layers, index: index, items: items)
        let claimed = concurrently(read.map { part in { self.claims(part.records, places) } })
        var findings = Findings()
        findings.merge(all: read.map(\.findings) + claimed)
        return findings
    }

    /// What the files of one container say.
    private struct Record: Sendable {
        var path: RelativePath
        /// The name of the file that describes it.
        var file: String
        var document: ContainerDocument
        var host: HostConfigDocument?
        /// Volumes whose ids stand in its files.
        var mentioned: Set<RelativePath>
    }

    private func records(
        of paths: ArraySlice<RelativePath>, in root: Directory, _ index: ItemIndex, _ layers: [RelativePath],
        _ mentions: VolumeMentions
    ) -> (records: [Record], roots: Set<String>, findings: Findings) {
        var findings = Findings()
        var records: [Record] = []
        var roots: Set<String> = []
        for path in paths {
            // Gone since it was listed: removed meanwhile, and no longer anybody's claim.
            guard let names = findings.reading(path, hides: Self.allAreas, { try root.namesIfPresent(of: path) }) ?? nil
            else { continue }
            guard let file = ["config.v2.json", "config.json"].first(where: names.contains) else { continue }
            guard let (document, bytes) = read(path, file, in: root, into: &findings) else { continue }
            checkVolumes(of: document, bytes, path / file, &findings)
            let host = names.contains("hostconfig.json") ? hostConfig(path, in: root, into: &findings) : nil
            let mentioned = mentions.volumes(in: bytes).union(mentions.volumes(in: host?.bytes ?? []))
            records.append(
                Record(path: path, file: file, document: document, host: host?.document, mentioned: mentioned))
            if file == "config.v2.json", !layers.contains(where: { index.has($0 / document.id) }) {
                checkMountRecord(of: document, path, in: root, index, into: &findings)
            }
            roots.formUnion(recordedRoots(document, besides: roots))
            addLogs(of: path, among: names, to: &findings)
        }
        return (records, roots, findings)
    }

    /// Everything a container may claim: what freezes when its record cannot be read.
    static let allAreas: Set<Area> = [.containers, .volumes, .images, .layers]

    private func read(
        _ path: RelativePath, _ file: String, in root: Directory, into findings: inout Findings
    ) -> (document: ContainerDocument, bytes: [UInt8])? {
        // Somebody's container, even if nobody can read it: show it as one.
        findings.claim(path, by: .layout, .mentions, as: .container, source: (path / file).text)
        return findings.reading(path / file, hides: Self.allAreas) { () -> (ContainerDocument, [UInt8])? in
            // Gone since it was listed: an engine is removing the container.
            guard let bytes = try root.readIfPresent(path / file) else { return nil }
            let document = try decodeJSON(ContainerDocument.self, bytes)
            guard document.id == path.name else { throw FormatError("it describes container \(document.id)") }
            return (document, bytes)
        } ?? nil
    }

    /// Up to 1.9 every record has a list of volumes, if an empty one; without its key it lost a bit in it.
    private func checkVolumes(
        of document: ContainerDocument, _ bytes: [UInt8], _ file: RelativePath, _ findings: inout Findings
    ) {
        guard file.name == "config.json", document.volumes == nil, document.mountPoints == nil else { return }
        findings.reading(file, hides: [.volumes]) {
            guard try decodeJSON(ContainerDocument.VolumeKeys.self, bytes).isThere else {
                throw FormatError("it has no list of volumes")
            }
        }
    }

    /// Since 1.10 only `layerdb/mounts` says which layers are a container's. It is written before the container's own
    /// record and removed after the container was marked dead, so that one without it has lost it. The directory of all
    /// of them is never removed.
    private func checkMountRecord(
        of document: ContainerDocument, _ path: RelativePath, in root: Directory, _ index: ItemIndex,
        into findings: inout Findings
    ) {
        guard let driver = document.driver.flatMap(StorageDriver.init(rawValue:)) else { return }
        let isBeingRemoved = document.state?.dead == true || document.state?.removalInProgress == true
        let mounts = LayerDatabase(driver: driver.rawValue).mounts
        let record = isBeingRemoved ? mounts : mounts / document.id
        guard !index.has(record) else { return }
        let isThere = findings.reading(record, hides: [.driver(driver.rawValue)]) {
            try root.statusIfPresent(record) != nil
        }
        if isThere == false {
            findings.problem(
                record.text, hides: [.driver(driver.rawValue)], because: "nothing says which layers \(path) has")
        }
    }

    private func hostConfig(_ path: RelativePath, in root: Directory, into findings: inout Findings)
        -> (document: HostConfigDocument, bytes: [UInt8])?
    {
        let file = path / "hostconfig.json"
        return findings.reading(file, hides: [.volumes, .item(path)]) { () -> (HostConfigDocument, [UInt8])? in
            guard let bytes = try root.readIfPresent(file) else { return nil }
            return (try decodeJSON(HostConfigDocument.self, bytes), bytes)
        } ?? nil
    }

    private func addLogs(of path: RelativePath, among names: [String], to findings: inout Findings) {
        let file = Array((path.name + "-json.log").utf8)
        let logs = names.filter { $0.utf8.starts(with: file) || $0 == "local-logs" }.sorted()
        guard !logs.isEmpty else { return }
        let item = Item(.log, logs.map { path / $0 })
        findings.add(item)
        findings.claim(item.path, by: .item(path), source: path.text)
    }

    /// Roots that the container's own files were recorded under: `<root>/containers/<id>/hostname` and the like.
    private func recordedRoots(_ document: ContainerDocument, besides known: Set<String>) -> [String] {
        let paths = [document.logPath, document.hostnamePath, document.hostsPath, document.resolvConfPath]
        return paths.compactMap { path in
            guard let path = path.map(EntryName.escaped(text:)) else { return nil }
            // Nearly every container was made below the same root.
            if known.contains(where: { path.hasPrefix("\($0)/containers/\(document.id)/") }) { return nil }
            var place = RelativePath(path).parent
            while let folder = place {
                if folder.name == document.id, let all = folder.parent, all.name == "containers" {
                    return all.parent?.text
                }
                place = folder.parent
            }
            return nil
        }
    }

    /// Where this root keeps what a container may claim.
    private struct Places: Sendable {
        let recorded: RecordedPaths
        /// Directories of images' records; those of one id.
        let images: [RelativePath]
        /// Directories of layers that have the container's own id.
        let layers: [RelativePath]
        let index: ItemIndex
        let items: Findings
    }

    private func claims(_ records: [Record], _ places: Places) -> Findings {
        var findings = Findings()
        for record in records { claim(record, places, &findings) }
        return findings
    }

    private func claim(_ entry: Record, _ places: Places, _ findings: inout Findings) {
        let (path, document, host) = (entry.path, entry.document, entry.host)
        let source = (path / entry.file).text
        let name = document.name.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 } ?? ""
        findings.claim(path, by: .container(id: document.id, name: name), as: .container, source: source)
        var record = ContainerRecord(
            id: document.id, path: path, name: name, imageID: Self.hex(document.image ?? ""),
            imageName: document.config?.image ?? "", driver: document.driver ?? "aufs",
            state: document.state?.word ?? "created",
            created: document.created.flatMap(Timestamp.init(rfc3339:)),
            finished: document.state?.finishedAt.flatMap(Timestamp.init(rfc3339:)))
        record.started = document.state?.startedAt.flatMap(Timestamp.init(rfc3339:))
        record.labels = document.config?.labels ?? [:]
        record.project = document.config?.labels?["com.docker.compose.project"]
        record.hasMountPoints = document.mountPoints != nil
        record.log = LogRecord(
            driver: host?.logConfig?.type ?? "", options: host?.logConfig?.config ?? [:],
            recordedPath: document.logPath ?? "", folder: path)

        claimImage(of: record, source, places, &findings)
        for (layer, thing) in Self.legacyLayers(document.id, places) {
            findings.claim(layer, by: .item(path), as: thing, source: source)
        }
        record.mountSources = mountSources(document, host)
        record.binds = Set(document.volumes?.values.filter { isBind($0, places) } ?? [])
        for bind in record.binds.map(EntryName.escaped(text:)).sorted() where places.recorded.isNearlyAll(bind) {
            findings.problem(source, hides: [.volumes], because: "\(bind) is nearly the place of all volumes")
        }
        var volumes: Set<RelativePath> = []
        for (target, from) in mountTargets(entry, record.mountSources, places) {
            findings.claim(target, by: .item(path), source: from)
            if case .item(let volume) = places.index.meaning(of: target) { volumes.insert(volume) }
        }
        record.volumes = volumes.sorted()
        findings.catalog.containers.append(record)
    }

    /// Claims the container's image in every store: which one is meant depends on a driver that may be gone.
    ///
    /// An image may have been removed by force. But where one of nearly the same id is, the record was damaged.
    private func claimImage(
        of record: ContainerRecord, _ source: String, _ places: Places, _ findings: inout Findings
    ) {
        guard !record.imageID.isEmpty else { return }
        let images = places.images.map { $0 / record.imageID }
        for image in images where places.index.has(image) {
            findings.claim(image, by: .item(record.path), source: source)
        }
        if !images.contains(where: places.index.has), images.contains(where: places.items.hasNearly) {
            findings.problem(source, hides: [.images], because: "no image has its id, but one has nearly the same")
        }
    }

    private static func images(_ index: ItemIndex) -> [RelativePath] {
        let stores = StorageDriver.allCases.map { RelativePath("image/\($0.rawValue)/imagedb/content/sha256") }
        return ([RelativePath("graph")] + stores).filter { index.meaning(of: $0) == .above }
    }

    private static func layers(_ index: ItemIndex) -> [RelativePath] {
        let folders = [
            "aufs/diff", "aufs/mnt", "aufs/layers", "overlay", "vfs/dir", "btrfs/subvolumes", "zfs/graph",
            "devicemapper/metadata", "devicemapper/mnt",
        ]
        return folders.map { RelativePath($0) }.filter { index.meaning(of: $0) == .above }
    }

    /// Up to 1.9 a container's layers have its own id; since 1.10 `layerdb/mounts` says which they are.
    private static func legacyLayers(_ id: String, _ places: Places) -> [(RelativePath, Thing)] {
        places.layers.flatMap { [($0 / id, Thing.rwLayer), ($0 / (id + "-init"), .initLayer)] }
            .filter { places.index.has($0.0) }
    }

    /// Every volume, and every path below the root, that the container mounts, with the file that says so.
    private func mountTargets(
        _ entry: Record, _ mountSources: Set<String>, _ places: Places
    ) -> [(RelativePath, String)] {
        let names =
            (entry.document.mountPoints?.values.compactMap(\.name) ?? []).map { ($0, entry.file) }
            + (entry.host?.mounts ?? []).compactMap { mount in
                mount.type == "volume" ? mount.source.map { ($0, "hostconfig.json") } : nil
            }
            + (entry.host?.binds ?? []).compactMap(Self.bindSource).filter { !$0.hasPrefix("/") }.map {
                ($0, "hostconfig.json")
            }
        let volumes = names.filter { !$0.0.isEmpty }.flatMap { name, from in
            let escaped = EntryName.escaped(text: name)
            // An upgraded root may hold one volume in two places.
            return [Volumes.folder / escaped, Volumes.vfs / escaped]
                .filter(places.index.has).map { ($0, (entry.path / from).text) }
        }
        let sources = mountSources.flatMap { places.recorded.targets(of: EntryName.escaped(text: $0)) }
        let others = sources.compactMap(Self.otherPlace).filter(places.index.has) + entry.mentioned
        return volumes + (sources + others).map { ($0, (entry.path / entry.file).text) }
    }

    private func isBind(_ source: String, _ places: Places) -> Bool {
        !places.recorded.targets(of: EntryName.escaped(text: source)).contains(where: places.index.has)
    }

    /// Where else the volume is that `path` lies in: `volumes/<id>` and `vfs/dir/<id>` are one.
    private static func otherPlace(of path: RelativePath) -> RelativePath? {
        let parts = path.text.split(separator: "/")
        if parts.count > 1, parts[0] == "volumes" { return Volumes.vfs / parts[1] }
        return parts.count > 2 && parts[0] == "vfs" && parts[1] == "dir" ? Volumes.folder / parts[2] : nil
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
