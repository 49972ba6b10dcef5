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
        var usageCount: Int64?
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
            do { try record.set(entry.name, bytes) } catch { strange.append("\(id)/\(entry.name)") }
        }
        if record.snapshot.map({ !EntryName.isBuildKitID($0) && BuildSnapshots.chainID($0) == nil }) ?? false {
            strange.append("\(id)/cache.snapshot")
        }
        return record
    }
}

extension BuildRecords.Record {
    /// - Parameter sizeBytes: where the record itself has no size.
    func described(at directory: RelativePath?, sizeBytes other: Int64?, isCommitted: Bool = false) -> CacheRecord {
        var cache = CacheRecord(
            id: id, directory: directory, description: description, recordType: recordType, created: created,
            lastUsed: lastUsed, sizeBytes: sizeBytes ?? other, parents: parents, isCommitted: isCommitted)
        cache.usageCount = usageCount
        cache.twin = equalMutable
        cache.chainIDs = Set([chainID, snapshot.flatMap(BuildSnapshots.chainID)].compactMap(\.self))
        return cache
    }

    /// Takes over the fields that Bilge uses, and ignores the others.
    fileprivate mutating func set(_ field: String, _ json: ArraySlice<UInt8>) throws {
        switch field {
        case "cache.snapshot": snapshot = EntryName.escaped(text: try text(json))
        case "cache.chainID": chainID = BuildSnapshots.chainID(EntryName.escaped(text: try text(json)))
        case "cache.equalMutable": equalMutable = EntryName.escaped(text: try text(json))
        case "cache.description": description = printable(try text(json))
        case "cache.recordType": recordType = printable(try text(json))
        case "cache.createdAt": created = Timestamp(nanoseconds: try number(json))
        case "cache.lastUsedAt": lastUsed = Timestamp(nanoseconds: try number(json))
        case "cache.usageCount": usageCount = try number(json)
        case "snapshot.size": sizeBytes = try number(json)
        case "cache.parent", "cache.lowerDiffParent", "cache.upperDiffParent":
            parents.append(EntryName.escaped(text: try text(json)))
        case "cache.mergeParents":
            let several: [String] = try decoded(json)
            parents += several.map { EntryName.escaped(text: $0) }
        default: break
        }
    }

    /// A host has ten thousands of such fields, and a JSON decoder takes longer to start than to read one: what is as
    /// simple as most are is taken as it is.
    private func number(_ json: ArraySlice<UInt8>) throws -> Int64 {
        if let number = Int64(String(decoding: json.dropFirst(Self.opening.count).dropLast(), as: UTF8.self)),
            json.starts(with: Self.opening), json.last == UInt8(ascii: "}")
        {
            return number
        }
        return try decoded(json)
    }

    private func text(_ json: ArraySlice<UInt8>) throws -> String {
        let text = json.dropFirst(Self.opening.count + 1).dropLast(2)
        let isPlain =
            json.count >= Self.opening.count + 3
            && text.allSatisfy { 0x20...0x7E ~= $0 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        if isPlain, json.starts(with: Self.opening + [UInt8(ascii: "\"")]), json.suffix(2).elementsEqual("\"}".utf8) {
            return String(decoding: text, as: UTF8.self)
        }
        return try decoded(json)
    }

    private static let opening = Array("{\"value\":".utf8)

    private struct Field<Value: Decodable>: Decodable {
        let value: Value
    }

    private func decoded<Value: Decodable>(_ json: ArraySlice<UInt8>) throws -> Value {
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
