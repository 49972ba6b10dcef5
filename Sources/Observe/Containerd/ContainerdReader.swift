// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads the root of a containerd: that of the one dockerd starts itself (18.09 and later), or that of the system's.
///
///     io.containerd.content.v1.content/blobs/<algorithm>/<digits>    content, shared by all namespaces
///     io.containerd.content.v1.content/ingest/<digits>/              content on its way in; `ref` is its name
///     io.containerd.snapshotter.v1.<name>/snapshots/<number>         file systems; `new-*` while they are made
///     io.containerd.snapshotter.v1.<name>/metadata.db                the snapshotter's own list of them
///     io.containerd.metadata.v1.bolt/meta.db                         who needs which, per namespace
///     <anything else>                                                state of other plug-ins
///
/// Claims follow containerd's own garbage collection, over all namespaces. Only containerd removes from its store: what
/// nobody needs is reported, and never moved. Source: containerd `core/metadata/buckets.go`, `core/metadata/gc.go`,
/// `plugins/content/local/store.go`, `plugins/snapshots/overlay/overlay.go`; `docs/formats/containerd.md`.
package struct ContainerdReader: Reader {
    private static let folder = RelativePath("containerd")
    let store: ContainerdStore
    let now: Timestamp?

    /// - Parameter now: `nil` where nobody knows: no lease has expired then.
    package init(_ store: ContainerdStore = .inDataRoot, now: Timestamp? = nil) {
        self.store = store
        self.now = now
    }

    package func items(in root: Directory) -> Findings {
        var findings = Findings()
        if !store.isOutside {
            for name in names(of: Self.folder, in: root, &findings) {
                findings.add(Item(name == "daemon" ? .metadata : .foreign, [Self.folder / name]))
            }
            guard findings.has(store.base) else { return findings }
        }
        for name in names(of: store.base, in: root, &findings) {
            let path = store.base / name
            // A root of its own may be a file system of its own, with a `lost+found`.
            let isContainerds = !store.isOutside || name.hasPrefix("io.containerd.") || name == "tmpmounts"
            findings.add(Item(isContainerds ? .metadata : .foreign, [path]))
            if path == store.content {
                for algorithm in names(of: path / "blobs", in: root, &findings) {
                    add(.blob, in: path / "blobs" / algorithm, root, &findings)
                }
                add(.ingest, in: path / "ingest", root, &findings)
            } else if name.hasPrefix(ContainerdStore.snapshotterPrefix) {
                add(.snapshot, in: path / "snapshots", root, &findings)
            }
        }
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        let top = store.isOutside ? store.base : Self.folder
        for item in items.items(below: top) where item.thing == .metadata {
            findings.claim(item.path, by: .layout, source: top.text)
        }
        let file = store.database
        let answer = findings.bolt(
            store.inside(file), in: store.directory ?? root, hides: Self.hidden, as: file)
        findings.merge(ImageStore(root: root, store: store).findings(answer, among: items))
        switch answer {
        case .unreadable: break
        case .absent:
            guard items.items(below: store.base).contains(where: \.thing.isContainerds) else { break }
            findings.problem(
                file.text, hides: [.containerd], because: "there is content, but not the record of who needs it")
        case .present(let bolt):
            let database = findings.reading(file, hides: Self.hidden) { try ContainerdDatabase(bolt.root) }
            if let database { claims(of: database, root, items, &findings) }
        }
        return findings
    }

    /// A database that cannot be read may name anything of containerd's, and images of the engine's that are hidden now.
    private static let hidden = ImageStore.hidden.union([.containerd])

    private func claims(
        of database: ContainerdDatabase, _ root: Directory, _ items: Findings, _ findings: inout Findings
    ) {
        let directory = store.directory ?? root
        for name in database.strange {
            findings.problem(
                store.database.text, hides: [.containerd], because: "\(name) is nothing that containerd writes")
        }
        // A lease whose container cannot be seen is not one whose container is gone.
        let folder = Containers.folder
        _ = findings.reading(folder, hides: [.containerd]) { try root.namesIfPresent(of: folder) }
        var things = ContainerdThings(store, among: items)
        things.read(in: directory, &findings)
        for place in things.missing(database).sorted() {
            // Made since the directories were listed, most likely.
            let status = findings.reading(place, hides: [.containerd]) {
                try directory.statusIfPresent(store.inside(place))
            }
            guard status == .some(.none) else { continue }
            findings.problem(
                store.database.text, hides: [.containerd], because: "it names \(place), which does not exist")
        }
        for upload in things.doubtfulUploads(database) {
            findings.problem(
                store.database.text, hides: [.item(upload)], because: "it has an upload whose name no directory has")
        }
        let graph = ContainerdGraph(store: store, database: database, things: things, items: items, now: now)
        findings.merge(graph.findings())
        for (path, name) in things.listed {
            findings.claim(
                path, by: .containerd("its snapshotter knows it as \(name)"), .knows,
                source: (path.parent?.parent ?? store.base).text + "/metadata.db")
        }
        findings.catalog.merge(
            ContainerdCatalog(store: store, database: database, things: things, directory: directory).catalog())
    }

    private func add(_ thing: Thing, in folder: RelativePath, _ root: Directory, _ findings: inout Findings) {
        for name in names(of: folder, in: root, &findings) { findings.add(Item(thing, [folder / name])) }
    }

    /// Names in a directory that need not exist.
    private func names(of folder: RelativePath, in root: Directory, _ findings: inout Findings) -> [String] {
        let names = findings.reading(folder, hides: [.item(folder)]) {
            try (store.directory ?? root).namesIfPresent(of: store.inside(folder))
        }
        return (names ?? nil) ?? []
    }
}

extension Thing {
    /// Content that containerd's records are about.
    var isContainerds: Bool { self == .snapshot || self == .blob || self == .ingest }
}
