// SPDX-License-Identifier: Apache-2.0

import Model

/// A snapshotter's own list: `io.containerd.snapshotter.v1.<name>/metadata.db`, which says which directory is whose.
///
///     v1 / snapshots / <name> / id       the directory's number (uvarint)
///                             / kind     1 view, 2 active, 3 committed
///                             / size     bytes (varint), once it is committed
///     v1 / parents                       the same relations the other way round
///
/// `<name>` is the `name` of the snapshot in `meta.db`: `<namespace>/<number>/<key>`.
/// Source: containerd `core/snapshots/storage/bolt.go`.
package struct SnapshotterDatabase {
    struct Snapshot {
        var directory: String
        var isCommitted: Bool
        var sizeBytes: Int64?
    }

    private(set) var byName: [String: Snapshot] = [:]
    /// What does not look like a snapshotter's: damage, or a format that is not known.
    private(set) var strange: [String] = []

    /// - Throws: `wrongKind` if there is a value where the format has a bucket.
    package init(_ root: BoltBucket) throws(BoltError) {
        guard let version = try root.bucket("v1") else { return }
        var taken: Set<String> = []
        for entry in try version.entries(below: "snapshots") {
            let bucket = try entry.bucket()
            guard let number = try bucket.bytes("id").flatMap(GoValue.uvarint), number > 0,
                let kind = try bucket.bytes("kind"), kind.count == 1, (1...3).contains(kind[kind.startIndex]),
                taken.insert(String(number)).inserted
            else {
                strange.append(entry.name)
                continue
            }
            byName[entry.name] = Snapshot(
                directory: String(number), isCommitted: kind[kind.startIndex] == 3,
                sizeBytes: try bucket.bytes("size").flatMap(GoValue.varint))
        }
    }
}
