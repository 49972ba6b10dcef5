// SPDX-License-Identifier: Apache-2.0

/// A record of the build cache as BuildKit's `metadata_v2.db` or the running engine describes it.
package struct CacheRecord: Hashable, Sendable {
    /// 25 characters in base 36.
    package var id: String
    /// Where its files are; `nil` if they are those of an image's layer, or in containerd's store.
    package var directory: RelativePath?
    /// The build step in BuildKit's words, without control characters: `mount / from exec /bin/sh -c make`.
    package var description: String
    /// `regular`, `source.local`, `source.git.checkout`, `exec.cachemount`, `frontend`, `internal`.
    package var recordType: String
    package var created: Timestamp?
    package var lastUsed: Timestamp?
    /// `nil` until BuildKit measured it.
    package var sizeBytes: Int64?
    /// The records it was made from.
    package var parents: [String]
    /// Nothing writes to its files any more.
    package var isCommitted = false
    /// How many builds used it; `nil` if nobody says.
    package var usageCount: Int64?
    /// The layers of the engine with the same content, 64 hexadecimal digits of the chain ID each.
    package var chainIDs: Set<String> = []
    /// An image uses its content too; `nil` if nobody can say.
    package var isShared: Bool?
    /// A build uses it now; only a running engine can say.
    package var isInUse: Bool?
    /// The key of its snapshot in containerd's store, with `snapshotter`; both `nil` with a storage driver.
    package var snapshotKey: String?
    /// containerd's name of the snapshotter, such as `overlayfs`.
    package var snapshotter: String?
    /// The record whose files it shares until one of the two changes. Docker shows only that one.
    package var twin: String?

    package init(
        id: String, directory: RelativePath?, description: String, recordType: String, created: Timestamp?,
        lastUsed: Timestamp?, sizeBytes: Int64?, parents: [String], isCommitted: Bool = false
    ) {
        self.id = id
        self.directory = directory
        self.description = description
        self.recordType = recordType
        self.created = created
        self.lastUsed = lastUsed
        self.sizeBytes = sizeBytes
        self.parents = parents
        self.isCommitted = isCommitted
    }
}

extension Catalog {
    /// The records that Docker would show, each once, last used first.
    ///
    /// What the disk says counts, and what only a running engine can know is added to it. A record whose twin is there is
    /// left out: they are one directory. Whether an image uses the content follows from the images' layers.
    ///
    /// Source: BuildKit `cache/manager.go`, `DiskUsage`; moby `builder-next/imagerefchecker/checker.go`.
    package func shownCaches() -> [CacheRecord] {
        var records: [String: CacheRecord] = [:]
        for record in caches {
            guard var known = records[record.id] else {
                records[record.id] = record
                continue
            }
            known.isInUse = known.isInUse ?? record.isInUse
            known.isShared = known.isShared ?? record.isShared
            known.usageCount = known.usageCount ?? record.usageCount
            known.sizeBytes = known.sizeBytes ?? record.sizeBytes
            known.directory = known.directory ?? record.directory
            records[record.id] = known
        }
        // The files were measured under the name of whichever was frozen.
        for record in records.values where record.sizeBytes != nil {
            guard let twin = record.twin, records[twin]?.sizeBytes == nil else { continue }
            records[twin]?.sizeBytes = record.sizeBytes
        }
        let layers = Set(images.flatMap(\.chain))
        for (id, record) in records where record.isShared == nil && record.snapshotter == nil {
            records[id]?.isShared = !layers.isDisjoint(with: record.chainIDs)
        }
        return records.values.filter { record in record.twin.map { records[$0] == nil } ?? true }.sorted {
            ($1.lastUsed?.nanoseconds ?? 0, $0.id) < ($0.lastUsed?.nanoseconds ?? 0, $1.id)
        }
    }
}
