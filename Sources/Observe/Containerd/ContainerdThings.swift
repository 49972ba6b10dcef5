// SPDX-License-Identifier: Apache-2.0

import Disk
import Model

/// Which entry on the disk belongs to each of containerd's records: digests name blobs, the snapshotters' databases
/// number the directories of snapshots, and each ingest holds its own name.
struct ContainerdThings {
    typealias Node = ContainerdDatabase.Node

    private let store: ContainerdStore
    /// Snapshotters' databases by snapshotter.
    private(set) var snapshotters: [String: SnapshotterDatabase] = [:]
    /// From containerd's name for an upload to its directory.
    private var ingests: [String: RelativePath] = [:]
    private let items: Findings

    init(_ store: ContainerdStore, among items: Findings) {
        self.store = store
        self.items = items
    }

    /// Reads the snapshotters' databases and the names of uploads.
    mutating func read(in directory: Directory, _ findings: inout Findings) {
        for item in items.items(in: store.base) {
            guard item.path.name.hasPrefix(ContainerdStore.snapshotterPrefix) else { continue }
            readSnapshotter(item.path, in: directory, &findings)
        }
        for item in items.items(in: store.content / "ingest") {
            let file = item.path / "ref"
            let ref = findings.reading(file, hides: [.item(item.path)]) {
                try directory.readIfPresent(store.inside(file), limit: 1 << 16)
            }
            // One that has no name yet, or none any more, belongs to nobody.
            if let bytes = ref ?? nil { ingests[EntryName.escaped(bytes)] = item.path }
        }
    }

    private mutating func readSnapshotter(
        _ folder: RelativePath, in directory: Directory, _ findings: inout Findings
    ) {
        let file = folder / "metadata.db"
        switch findings.bolt(store.inside(file), in: directory, hides: [.item(folder)], as: file) {
        case .unreadable: break
        case .absent:
            // A snapshotter that was never used has none; one with snapshots had.
            guard !items.items(in: folder / "snapshots").isEmpty else { return }
            findings.problem(
                file.text, hides: [.item(folder)], because: "there are snapshots, but not the list of them")
        case .present(let bolt):
            guard let database = findings.reading(file, hides: [.item(folder)], { try SnapshotterDatabase(bolt.root) })
            else { return }
            for name in database.strange {
                findings.problem(
                    file.text, hides: [.item(folder)], because: "\(name) is nothing that containerd writes")
            }
            snapshotters[String(folder.name.dropFirst(ContainerdStore.snapshotterPrefix.count))] = database
        }
    }

    /// Where a record's data should be, whether it is there or not.
    func place(of node: Node, in namespace: ContainerdDatabase.Namespace) -> RelativePath? {
        switch node {
        case .blob(let digest): return store.blob(digest)
        case .snapshot(let snapshotter, _):
            guard let name = namespace.snapshotNames[node],
                let snapshot = snapshotters[snapshotter]?.byName[name]
            else { return nil }
            return store.snapshotter(snapshotter) / "snapshots" / snapshot.directory
        case .ingest(let key): return namespace.ingests[key].flatMap { ingests[$0.ref] }
        case .image, .container: return nil
        }
    }

    /// The item that a record is about; `nil` if there is nothing on the disk.
    func item(of node: Node, in namespace: ContainerdDatabase.Namespace) -> RelativePath? {
        place(of: node, in: namespace).flatMap { items.has($0) ? $0 : nil }
    }

    /// Everything that a namespace has a record of, and that is there.
    func items(of namespace: ContainerdDatabase.Namespace) -> [RelativePath] {
        let nodes =
            namespace.blobs.keys.map(Node.blob) + namespace.snapshots.keys + namespace.ingests.keys.map(Node.ingest)
        return nodes.compactMap { item(of: $0, in: namespace) }
    }

    /// Every place that a record names and that is empty: since data comes before its record and goes after it, such a
    /// record is damaged, or was made a moment ago.
    func missing(_ database: ContainerdDatabase) -> Set<RelativePath> {
        var missing: Set<RelativePath> = []
        for namespace in database.namespaces.values {
            for node in namespace.blobs.keys.map(Node.blob) + namespace.snapshots.keys {
                guard let place = place(of: node, in: namespace), !items.has(place) else { continue }
                missing.insert(place)
            }
        }
        // A snapshotter may keep what no namespace knows.
        for (name, database) in snapshotters {
            for snapshot in database.byName.values {
                let place = store.snapshotter(name) / "snapshots" / snapshot.directory
                if !items.has(place) { missing.insert(place) }
            }
        }
        return missing
    }

    /// Uploads that may be ones whose record names another directory than there is: those without a record, if some record
    /// is without an upload.
    func doubtfulUploads(_ database: ContainerdDatabase) -> [RelativePath] {
        let recorded = Set(database.namespaces.values.flatMap { $0.ingests.values.map(\.ref) })
        guard recorded.contains(where: { ingests[$0] == nil }) else { return [] }
        let known = Set(recorded.compactMap { ingests[$0] })
        return items.items(in: store.content / "ingest").map(\.path).filter { !known.contains($0) }
    }

    /// Directories that a snapshotter has in its list, with the snapshotter's name for each.
    var listed: [(path: RelativePath, name: String)] {
        snapshotters.flatMap { snapshotter, database in
            database.byName.map { (store.snapshotter(snapshotter) / "snapshots" / $1.directory, $0) }
        }.filter { items.has($0.0) }
    }
}
