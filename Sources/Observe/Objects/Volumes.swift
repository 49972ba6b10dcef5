// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads volumes of every era.
///
///     volumes/<name>/_data          the data (1.7 and later)
///     volumes/<name>/opts.json      mount options: the data is elsewhere (1.12 and later)
///     volumes/metadata.db           names, drivers, labels (1.12 and later)
///     volumes/<id>/config.json      1.3 to 1.6: where the data is; `IsBindMount` for what is only a host path
///     volumes/<id>/json, layersize  1.0 to 1.2: the volume as an image without parent
///     volumes/<id>/_data -> …       an old volume, adopted by 1.7 or later
///     vfs/dir/<id>                  the data (1.0 to 1.6), whatever the storage driver; with driver vfs also layers
///
/// The directory makes a volume, not the database: an engine with a database lists every directory it finds at start.
///
/// Source: moby `volumes/volume.go` (1.3 to 1.6), `volume/local/local.go`, `volume/service/restore.go`.
package struct Volumes: Reader {
    package init() {}

    static let folder = RelativePath("volumes")
    static let vfs = RelativePath("vfs/dir")

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        let volumes =
            findings.reading(Self.folder, hides: [.volumes]) { try root.entriesIfPresent(of: Self.folder) } ?? nil
        let legacy =
            findings.reading(Self.vfs, hides: [.volumes, .driver("vfs")]) { try root.entriesIfPresent(of: Self.vfs) }
            ?? nil
        let ambiguous = isVolumeByDefault(in: root, &findings)
        let legacyNames = Set((legacy ?? []).map(\.name))
        for entry in volumes ?? [] where !legacyNames.contains(entry.name) || entry.kind != .directory {
            findings.add(Item(thing(ofVolume: entry), [Self.folder / entry.name]))
        }
        let names = Set((volumes ?? []).filter { $0.kind == .directory }.map(\.name))
        for entry in legacy ?? [] {
            // The data first, the record of it last.
            let paths = [Self.vfs / entry.name] + (names.contains(entry.name) ? [Self.folder / entry.name] : [])
            let thing = paths.count > 1 ? thing(ofVolume: entry) : thing(ofDirectory: entry, volumeByDefault: ambiguous)
            findings.add(Item(thing, paths))
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        let database = RelativePath("volumes/metadata.db")
        let hasDatabase = items.has(database)
        let records = hasDatabase ? VolumeDatabase.read(database, in: root, into: &findings) : [:]
        let parts = (items.items(in: Self.vfs) + items.items(in: Self.folder)).parts(of: 256)
        let read = concurrently(
            parts.map { part in
                { self.claims(part, records, listedIn: hasDatabase ? database : nil, in: root) }
            })
        findings.merge(all: read.map(\.findings))
        BindRecord.claim(
            read.flatMap(\.binds), isReadByEngines(items) ? items.catalog.containers : [], &findings)
        return findings
    }

    /// - Parameter database: the engine's list of volumes, if the root has one.
    private func claims(
        _ items: ArraySlice<Item>, _ records: [String: VolumeRecord], listedIn database: RelativePath?,
        in root: Directory
    ) -> (findings: Findings, binds: [BindRecord]) {
        var findings = Findings()
        var binds: [BindRecord] = []
        for item in items {
            guard let folder = item.paths.first(where: { $0.parent == Self.folder }) else {
                claimWithoutFolder(item, &findings)
                continue
            }
            if item.thing == .metadata, item.path.name != "_tmp" {
                findings.claim(item.path, by: .layout, source: "layout of volumes/")
            }
            guard item.thing.isVolume else {
                if item.thing == .foreign, EntryName.isHexID(folder.name) {
                    findings.problem(
                        folder.text, hides: [.item(Self.vfs / folder.name)],
                        because: "it is no directory, and bears the name of a volume")
                }
                continue
            }
            if let database {
                findings.claim(
                    item.path, by: .engine("every directory in volumes/ is a volume"), .knows, source: database.text)
            } else if item.thing == .namedVolume {
                findings.claim(item.path, by: .engine("a volume that somebody named"), .knows, source: folder.text)
            }
            describe(item, folder, records, in: root, &binds, &findings)
        }
        return (findings, binds)
    }

    /// `vfs/dir/<id>` without a folder in `volumes`: with driver vfs it may be a layer.
    ///
    /// A root that only a content-addressed engine used keeps no volumes there. Where an older one may have, it counts
    /// as a volume, the thing that is handled with more care.
    private func isVolumeByDefault(in root: Directory, _ findings: inout Findings) -> Bool {
        let isVfs = findings.reading(RelativePath("image/vfs"), hides: [.volumes]) {
            try root.statusIfPresent(RelativePath("image/vfs")) != nil
        }
        let isOld = findings.reading(RelativePath("graph"), hides: [.volumes]) {
            try root.statusIfPresent(RelativePath("graph")) != nil
        }
        return isVfs != true || isOld != false
    }

    private func thing(ofVolume entry: Entry) -> Thing {
        if entry.name == "metadata.db" || entry.name == "backingFsBlockDev" || entry.name == "_tmp" { return .metadata }
        guard entry.kind == .directory, Self.isVolumeName(entry.name) else { return .foreign }
        return EntryName.isHexID(entry.name) ? .anonymousVolume : .namedVolume
    }

    private func thing(ofDirectory entry: Entry, volumeByDefault: Bool) -> Thing {
        if entry.kind != .directory { return .foreign }
        if EntryName.isHexID(entry.name) { return volumeByDefault ? .anonymousVolume : .layer }
        if EntryName.isBuildKitID(entry.name) { return .layer }
        for (suffix, thing) in [("-init", Thing.initLayer), ("-removing", .removingLayer)]
        where entry.name.hasSuffix(suffix) && EntryName.isHexID(entry.name.dropLast(suffix.count)) {
            return thing
        }
        return .foreign
    }

    /// What engines accept as a name: `[a-zA-Z0-9][a-zA-Z0-9_.-]+` (moby `utils/names.go`).
    private static func isVolumeName(_ name: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        guard let first = name.utf8.first, isWord(first) else { return false }
        return name.utf8.count > 1 && name.utf8.allSatisfy { isWord($0) || [45, 46, 95].contains($0) }
    }

    private func claimWithoutFolder(_ item: Item, _ findings: inout Findings) {
        guard item.path.parent == Self.vfs, item.thing.isVolume else { return }
        findings.catalog.volumes.append(VolumeRecord(name: String(item.path.name), path: item.path))
    }

    private func describe(
        _ item: Item, _ folder: RelativePath, _ records: [String: VolumeRecord], in root: Directory,
        _ binds: inout [BindRecord], _ findings: inout Findings
    ) {
        guard
            let names = findings.reading(folder, hides: [.item(item.path)], { try root.entriesIfPresent(of: folder) })
                ?? nil
        else { return }
        var record = records[String(folder.name)] ?? VolumeRecord(name: String(folder.name), path: item.path)
        record.path = item.path
        if names.contains(where: { $0.name == "opts.json" }) {
            record.options =
                options(folder / "opts.json", item.path, in: root, &findings) ?? ["opts.json": "unreadable"]
        }
        if names.contains(where: { $0.name == "_data" && $0.kind == .symbolicLink }) {
            claimLinkedData(of: item, folder, in: root, &findings)
        }
        if names.contains(where: { $0.name == "config.json" }) {
            if let bind = bindRecord(of: item, folder, in: root, &findings) { binds.append(bind) }
        }
        findings.catalog.volumes.append(record)
    }

    private func options(
        _ file: RelativePath, _ item: RelativePath, in root: Directory, _ findings: inout Findings
    ) -> [String: String]? {
        struct Document: Decodable {
            var MountType: String?
            var MountOpts: String?
            var MountDevice: String?
        }
        return findings.reading(file, hides: [.item(item)]) {
            let document = try decodeJSON(Document.self, root.read(file))
            return ["type": document.MountType, "o": document.MountOpts, "device": document.MountDevice]
                .compactMapValues { $0?.isEmpty == false ? $0 : nil }
        }
    }

    /// `volumes/<id>/_data` may be a link to the volume's old place, and then needs what lies there.
    private func claimLinkedData(of item: Item, _ folder: RelativePath, in root: Directory, _ findings: inout Findings)
    {
        let link = folder / "_data"
        guard let target = findings.reading(link, hides: [.item(item.path)], { try root.linkTarget(link) }) else {
            return
        }
        let components = EntryName.escaped(target).split(separator: "/")
        if let start = components.firstRange(of: ["vfs", "dir"]), start.upperBound < components.endIndex {
            findings.claim(Self.vfs / components[start.upperBound], by: .item(item.path), source: link.text)
        }
    }

    /// `nil` for the record of a volume.
    private func bindRecord(
        of item: Item, _ folder: RelativePath, in root: Directory, _ findings: inout Findings
    ) -> BindRecord? {
        struct Document: Decodable {
            var ID: String?
            var Path: String
            var IsBindMount: Bool
        }
        let file = folder / "config.json"
        // Whether it is a record of data or of a bind cannot be told: whatever it stands for must stay.
        let areas: Set<Area> = [.item(item.path), .item(Self.vfs / folder.name)]
        guard let document = findings.reading(file, hides: areas, { try decodeJSON(Document.self, root.read(file)) }),
            document.IsBindMount, item.paths.count == 1
        else { return nil }
        return BindRecord(item: item.path, file: file, path: document.Path)
    }

    /// Since 1.7 no engine reads the records of bind mounts, so no container can need one.
    private func isReadByEngines(_ items: Findings) -> Bool {
        !items.catalog.containers.contains(where: \.hasMountPoints)
    }
}
