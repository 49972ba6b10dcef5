// SPDX-License-Identifier: Apache-2.0

import Flow
import Model

extension Lists {
    /// What `docker system df -v` prints of the build cache, and where each record's files are.
    ///
    /// Sizes are BuildKit's own: of the files, not of blocks. Like Docker, a `*` marks a record that a build uses now.
    func caches() -> ListAnswer {
        let records = survey.catalog.shownCaches()
        let docker = ["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"]
        var table = Table((docker + ["WHERE", "DESCRIPTION"]).map { .left($0) })
        for record in records {
            table.add([
                id(of: record) + (record.isInUse == true ? "*" : ""), record.recordType,
                record.sizeBytes.map { ByteCount($0).text } ?? "N/A",
                record.created.map { Age.text(of: $0, at: now) } ?? "N/A",
                record.lastUsed.map { Age.text(of: $0, at: now) } ?? "",
                record.usageCount.map(String.init) ?? "", record.isShared.map { $0 ? "true" : "false" } ?? "",
                place(of: record), isWhole ? record.description : String(record.description.prefix(60)),
            ])
        }
        return ListAnswer(
            place: Place(survey), table: table, elements: records.map(JSONValue.init), ids: records.map(id))
    }

    private func id(of record: CacheRecord) -> String { isWhole ? record.id : String(record.id.prefix(12)) }

    private func place(of record: CacheRecord) -> String {
        if let directory = record.directory { return Shown.short(directory, whole: isWhole) }
        if let key = record.snapshotKey, let snapshotter = record.snapshotter {
            return "\(snapshotter) snapshot \(shortened(key))"
        }
        return record.chainIDs.min().map { "layer \(shortened($0))" } ?? ""
    }

    private func shortened(_ key: String) -> String {
        key.hasPrefix("sha256:")
            ? "sha256:" + Shown.short(id: String(key.dropFirst("sha256:".count)), whole: isWhole)
            : Shown.short(id: key, whole: isWhole)
    }
}

extension CacheRecord {
    /// One sentence for `explain`.
    var sentence: String {
        let words = description.isEmpty ? "no description" : description
        let uses = usageCount.map { $0 == 1 ? ", used once" : ", used \($0) times" } ?? ""
        return "build step: \(words)   (record \(id), \(recordType)\(uses))"
    }
}

extension JSONValue {
    fileprivate init(_ record: CacheRecord) {
        self = .object(
            ("id", .string(record.id)), ("type", .string(record.recordType)),
            ("description", .string(record.description)), ("bytes", record.sizeBytes.map { .integer($0) }),
            ("created", record.created.map { .string($0.rfc3339) }),
            ("lastUsed", record.lastUsed.map { .string($0.rfc3339) }),
            ("usageCount", record.usageCount.map { .integer($0) }), ("shared", record.isShared.map { .bool($0) }),
            ("inUse", record.isInUse.map { .bool($0) }), ("parents", .strings(record.parents)),
            ("path", record.directory.map { .string(Shown.decoded($0.text) ?? $0.text) }),
            ("layers", .strings(record.chainIDs.sorted())), ("snapshot", record.snapshotKey.map { .string($0) }),
            ("snapshotter", record.snapshotter.map { .string($0) }))
    }
}
