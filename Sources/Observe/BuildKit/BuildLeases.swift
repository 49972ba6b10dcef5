// SPDX-License-Identifier: Apache-2.0

import Model

/// What BuildKit's leases name: `buildkit/containerdmeta.db`, since 20.10.
///
///     v1 / <namespace> / leases / <lease> / snapshots / <snapshotter> / <key>
///
/// A lease has the id of the cache record it belongs to, and is written before its snapshot: alone it proves nothing.
/// Source: containerd `core/metadata/buckets.go`, moby `builder/builder-next/adapters/snapshot/leasemanager.go`.
struct BuildLeases {
    /// Lease and snapshot key.
    private(set) var snapshots: [(lease: String, key: String)] = []

    /// - Throws: `wrongKind` if a bucket is no bucket.
    init(_ root: BoltBucket) throws(BoltError) {
        for namespace in try root.entries(below: "v1") {
            // Beside the namespaces lies the version of the format.
            guard case .bucket(let namespace) = namespace.value else { continue }
            for lease in try namespace.entries(below: "leases") {
                for snapshotter in try lease.bucket().entries(below: "snapshots") {
                    for key in try snapshotter.bucket() { snapshots.append((lease.name, key.name)) }
                }
            }
        }
    }
}
