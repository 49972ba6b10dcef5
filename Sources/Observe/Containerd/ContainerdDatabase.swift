// SPDX-License-Identifier: Apache-2.0

import Model

/// Who needs which of containerd's things: `io.containerd.metadata.v1.bolt/meta.db`.
///
///     v1 / version
///     v1 / <namespace> / images / <name> / target / digest              also createdat, updatedat, labels, annotations
///     v1 / <namespace> / containers / <id> / snapshotter, snapshotKey
///     v1 / <namespace> / snapshots / <snapshotter> / <key> / name, parent, children, labels
///     v1 / <namespace> / content / blob / <digest> / size, labels
///     v1 / <namespace> / content / ingests / <ref> / ref, expireat
///     v1 / <namespace> / leases / <id> / createdat, labels, content, snapshots / <snapshotter>, ingests, images
///     v1 / <namespace> / sandboxes / <id> / labels
///
/// Source: containerd `core/metadata/buckets.go`, `core/metadata/gc.go`.
package struct ContainerdDatabase {
    /// A thing of one namespace.
    enum Node: Hashable {
        /// By its digest.
        case blob(String)
        case snapshot(snapshotter: String, key: String)
        /// By its key in the database.
        case ingest(String)
        case image(String)
        case container(String)
    }

    struct Record {
        /// What it needs, by its labels and its parent.
        var needs: [Node] = []
        /// What needs it, by its own labels.
        var neededBy: [Node] = []
        /// Its label says that it is to be kept.
        var isRoot = false
        /// What Docker notes beside an image (the configuration of the container it was made from): no part of it.
        var notes: Set<Node> = []
        var created: Timestamp?
    }

    struct Lease {
        var record = Record()
        /// `nil` for one that never expires.
        var expires: Timestamp?
    }

    struct Namespace {
        var images: [String: Record] = [:]
        /// The digest that an image's name stands for.
        var targets: [String: String] = [:]
        /// The digest of the image that a classic build made it from.
        var parents: [String: String] = [:]
        var containers: [String: Record] = [:]
        var sandboxes: [String: Record] = [:]
        var leases: [String: Lease] = [:]
        var blobs: [String: Record] = [:]
        /// Bytes of each blob.
        var sizes: [String: Int64] = [:]
        var snapshots: [Node: Record] = [:]
        /// The snapshotter's own name for a snapshot.
        var snapshotNames: [Node: String] = [:]
        var snapshotParents: [Node: Node] = [:]
        /// containerd's name for each upload, and until when it waits for more.
        var ingests: [String: (ref: String, expires: Timestamp?)] = [:]

        /// Everything that the namespace has a record of.
        func record(of node: Node) -> Record? {
            switch node {
            case .blob(let digest): blobs[digest]
            case .snapshot: snapshots[node]
            case .image(let name): images[name]
            case .container(let id): containers[id]
            case .ingest: nil
            }
        }
    }

    var namespaces: [String: Namespace] = [:]
    /// What does not look like containerd's: damage, or a format that is not known.
    var strange: [String] = []

    /// True for namespaces that Docker makes: `moby`, `moby-<uid>.<gid>`, `moby_history`, `plugins.moby`.
    static func isDockers(_ namespace: String) -> Bool {
        let name = namespace.hasPrefix("plugins.") ? namespace.dropFirst("plugins.".count) : namespace[...]
        return name == "moby" || name.hasPrefix("moby-") || name.hasPrefix("moby_")
    }

    /// `docker.io/library/app:1` is what Docker shows as `app:1`. Source: distribution/reference `normalize.go`.
    static func familiar(_ name: String) -> String {
        guard name.hasPrefix("docker.io/") else { return name }
        let rest = name.dropFirst("docker.io/".count)
        return String(rest.hasPrefix("library/") ? rest.dropFirst("library/".count) : rest)
    }

    /// Namespaces of others, such as Kubernetes.
    var foreign: [String] { namespaces.keys.filter { !Self.isDockers($0) }.sorted() }

    /// - Throws: `wrongKind` if there is a value where the format has a bucket.
    package init(_ root: BoltBucket) throws(BoltError) {
        for version in root where version.name != "v1" { strange.append(version.name) }
        for entry in try root.entries(below: "v1") {
            guard case .bucket(let bucket) = entry.value else {
                if entry.name != "version" { strange.append("v1/" + entry.name) }
                continue
            }
            var reader = NamespaceReader(entry.name)
            try reader.read(bucket)
            namespaces[entry.name] = reader.found
            strange += reader.strange
        }
    }
}
