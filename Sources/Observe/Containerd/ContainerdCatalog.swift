// SPDX-License-Identifier: Apache-2.0

import Disk
import FoundationEssentials
import Model

/// Docker's images and layers in containerd's store, for listing; nothing is decided by it.
///
/// An image is a name for a manifest, or for an index of manifests for several machines. Its configuration has a label
/// `containerd.io/gc.ref.snapshot.<snapshotter>` once the image is unpacked, which names the topmost layer.
struct ContainerdCatalog {
    private typealias Node = ContainerdDatabase.Node

    let store: ContainerdStore
    let database: ContainerdDatabase
    let things: ContainerdThings
    let directory: Directory

    func catalog() -> Catalog {
        var catalog = Catalog()
        for (name, namespace) in database.namespaces where ContainerdDatabase.isDockers(name) {
            let names = Dictionary(grouping: namespace.targets.keys) { namespace.targets[$0] ?? "" }
            for (digest, names) in names.sorted(by: { $0.key < $1.key }) {
                if let image = image(digest, names.sorted(), in: namespace) { catalog.images.append(image) }
            }
            catalog.layers += layers(of: namespace)
            for (node, snapshot) in namespace.snapshotNames { add(node, snapshot, namespace, to: &catalog) }
        }
        return catalog
    }

    private func image(
        _ digest: String, _ names: [String], in namespace: ContainerdDatabase.Namespace
    ) -> ImageRecord? {
        guard let path = store.blob(digest) else { return nil }
        var image = ImageRecord(id: Self.bare(digest), path: path)
        image.parent = names.lazy.compactMap { namespace.parents[$0] }.first.map(Self.bare)
        for name in names where !name.hasPrefix("moby-dangling@") {
            let familiar = ContainerdDatabase.familiar(name)
            if name.contains("@") { image.digests.append(familiar) } else { image.tags.append(familiar) }
        }
        let content = content(below: digest, in: namespace)
        image.ownBytes = content.reduce(0) { $0 + max(0, namespace.sizes[$1] ?? 0) }
        image.content = content.compactMap { things.item(of: .blob($0), in: namespace) }.sorted()
        image.driver = "containerd"
        image.created = names.lazy.compactMap { namespace.images[$0]?.created }.min()
        // Several if the image was pulled for several machines: the one that is unpacked is this host's.
        let unpacked = content.sorted().compactMap { blob -> (config: String, top: Node)? in
            let tops = namespace.blobs[blob]?.needs.filter { namespace.snapshots[$0] != nil } ?? []
            return tops.first.map { (blob, $0) }
        }
        if let (config, top) = unpacked.first {
            image.configID = Self.bare(config)
            image.chain = chain(to: top, in: namespace)
            if case .snapshot(let snapshotter, _) = top { image.driver = snapshotter }
            image.created = created(config) ?? image.created
        }
        return image
    }

    /// The blobs that an image is made of, as far as they are here.
    private func content(below digest: String, in namespace: ContainerdDatabase.Namespace) -> Set<String> {
        var content: Set<String> = [digest]
        var pending = [digest]
        while let next = pending.popLast() {
            guard let record = namespace.blobs[next] else { continue }
            for node in record.needs where !record.notes.contains(node) {
                guard case .blob(let below) = node, namespace.blobs[below] != nil else { continue }
                if content.insert(below).inserted { pending.append(below) }
            }
        }
        return content
    }

    /// Keys from the base up.
    private func chain(to top: Node, in namespace: ContainerdDatabase.Namespace) -> [String] {
        var chain: [String] = []
        var seen: Set<Node> = []
        var current: Node? = top
        while let node = current, seen.insert(node).inserted {
            if case .snapshot(_, let key) = node { chain.append(Self.bare(key)) }
            current = namespace.snapshotParents[node]
        }
        return chain.reversed()
    }

    /// Snapshots that images are made of, and what those stand on.
    private func layers(of namespace: ContainerdDatabase.Namespace) -> [LayerRecord] {
        var nodes = Set(namespace.blobs.values.flatMap(\.needs).filter { namespace.snapshots[$0] != nil })
        var pending = Array(nodes)
        while let node = pending.popLast() {
            if let below = namespace.snapshotParents[node], nodes.insert(below).inserted { pending.append(below) }
        }
        return nodes.compactMap { node in
            guard case .snapshot(let snapshotter, let key) = node else { return nil }
            var parent: String?
            if case .snapshot(_, let below) = namespace.snapshotParents[node] { parent = Self.bare(below) }
            return LayerRecord(
                chainID: Self.bare(key), parent: parent, driver: snapshotter,
                directory: things.item(of: node, in: namespace),
                bytes: snapshotSize(node, namespace))
        }
    }

    private func snapshotSize(_ node: Node, _ namespace: ContainerdDatabase.Namespace) -> Int64? {
        guard case .snapshot(let snapshotter, _) = node, let name = namespace.snapshotNames[node] else { return nil }
        return things.snapshotters[snapshotter]?.byName[name]?.sizeBytes
    }

    private func add(
        _ node: Node, _ name: String, _ namespace: ContainerdDatabase.Namespace, to catalog: inout Catalog
    ) {
        guard case .snapshot(let snapshotter, let key) = node, let path = things.item(of: node, in: namespace) else {
            return
        }
        catalog.snapshots.append(SnapshotRecord(key: key, snapshotter: snapshotter, path: path))
    }

    private struct Configuration: Decodable {
        var created: String?
    }

    private func created(_ digest: String) -> Timestamp? {
        guard let path = store.blob(digest) else { return nil }
        do {
            let bytes = try directory.read(store.inside(path))
            return try decodeJSON(Configuration.self, bytes).created.flatMap(Timestamp.init(rfc3339:))
        } catch {
            // The time of the record is shown instead.
            return nil
        }
    }

    private static func bare(_ digest: String) -> String {
        digest.hasPrefix("sha256:") ? String(digest.dropFirst("sha256:".count)) : digest
    }
}
