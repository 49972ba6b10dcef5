// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Model

/// The records of the build cache: `buildkit/metadata_v2.db`, before 20.10 `buildkit/metadata.db`.
///
///     _main / <record> / <field>   {"value": …, "index": …}, or empty
///
/// Source: BuildKit `cache/metadata/metadata.go`, `cache/metadata.go`.
struct BuildRecords {
    struct Record {
        var id: String
        /// The key of its snapshot, if it is not the record's id.
        var snapshot: String?
        /// 64 hexadecimal digits of the engine's layer with the same content.
        var chainID: String?
        /// The record whose directory it shares until one of the two changes.
        var equalMutable: String?
        var description = ""
        var recordType = "regular"
        var created: Timestamp?
        var lastUsed: Timestamp?
        var sizeBytes: Int64?
        var parents: [String] = []
    }

    private(set) var byID: [String: Record] = [:]
    /// What could not be understood: damage, or a format that is not known.
    private(set) var strange: [String] = []

    /// - Throws: `wrongKind` if `_main` is no bucket.
    init(_ root: BoltBucket) throws(BoltError) {
        guard let records = try root.bucket("_main") else { return }
        for entry in records {
            guard case .bucket(let bucket) = entry.value, EntryName.isBuildKitID(entry.name) else {
                strange.append(entry.name)
                continue
            }
            byID[entry.name] = record(entry.name, bucket)
        }
    }

    private mutating func record(_ id: String, _ bucket: BoltBucket) -> Record {
        var record = Record(id: id)
        for entry in bucket {
            guard case .bytes(let bytes) = entry.value else {
                strange.append("\(id)/\(entry.name)")
                continue
            }
            guard !bytes.isEmpty else { continue }
            do { try record.set(entry.name, Array(bytes)) } catch { strange.append("\(id)/\(entry.name)") }
        }
        if record.snapshot.map({ !EntryName.isBuildKitID($0) && BuildSnapshots.chainID($0) == nil }) ?? false {
            strange.append("\(id)/cache.snapshot")
        }
        return record
    }
}

extension BuildRecords.Record {
    /// - Parameter sizeBytes: where the record itself has no size.
    func described(at directory: RelativePath?, sizeBytes other: Int64?) -> CacheRecord {
        CacheRecord(
            id: id, directory: directory, description: description, recordType: recordType, created: created,
            lastUsed: lastUsed, sizeBytes: sizeBytes ?? other, parents: parents)
    }

    /// Takes over the fields that Bilge uses, and ignores the others.
    fileprivate mutating func set(_ field: String, _ json: [UInt8]) throws {
        switch field {
        case "cache.snapshot": snapshot = EntryName.escaped(text: try value(json))
        case "cache.chainID": chainID = BuildSnapshots.chainID(EntryName.escaped(text: try value(json)))
        case "cache.equalMutable": equalMutable = EntryName.escaped(text: try value(json))
        case "cache.description": description = printable(try value(json))
        case "cache.recordType": recordType = printable(try value(json))
        case "cache.createdAt": created = Timestamp(nanoseconds: try value(json))
        case "cache.lastUsedAt": lastUsed = Timestamp(nanoseconds: try value(json))
        case "snapshot.size": sizeBytes = try value(json)
        case "cache.parent", "cache.lowerDiffParent", "cache.upperDiffParent":
            parents.append(EntryName.escaped(text: try value(json)))
        case "cache.mergeParents":
            let several: [String] = try value(json)
            parents += several.map { EntryName.escaped(text: $0) }
        default: break
        }
    }

    private struct Field<Value: Decodable>: Decodable {
        let value: Value
    }

    private func value<Value: Decodable>(_ json: [UInt8]) throws -> Value {
        try JSONDecoder().decode(Field<Value>.self, from: Data(json)).value
    }

    /// A command of a Dockerfile may hold line breaks, and what a terminal would obey.
    private func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: " "
                    default: scalar
                    }
                }))
    }
}
