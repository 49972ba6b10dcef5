// SPDX-License-Identifier: Apache-2.0

import Model

/// An element of `"items"` of the JSON contract.
struct ItemJSON: Encodable {
    private var entry: Judged
    private var usage: Usage?
    private var names: [String]

    /// - Parameter usage: `nil` if nobody measured it.
    init(_ entry: Judged, _ usage: Usage?, names: [String]) {
        self.entry = entry
        self.usage = usage
        self.names = names
    }

    private enum Key: String, CodingKey {
        case kind, id, root, paths, standing, protected, allocatedBytes, inodes, modified, evidence, encoded, names
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        // One name that is not text makes all of them escaped, so that a reader need not guess which ones are.
        let paths = entry.item.paths.map(\.text)
        let decoded = paths.compactMap { Shown.decoded($0) }
        let isText = decoded.count == paths.count
        try container.encode(entry.item.thing.kind, forKey: .kind)
        try container.encode(isText ? Shown.decoded(entry.item.id) ?? entry.item.id : entry.item.id, forKey: .id)
        try container.encode(0, forKey: .root)
        try container.encode(isText ? decoded : paths, forKey: .paths)
        if !isText { try container.encode(true, forKey: .encoded) }
        if !names.isEmpty { try container.encode(names, forKey: .names) }
        try container.encode(entry.standing.rawValue, forKey: .standing)
        try container.encode(entry.isProtected, forKey: .protected)
        try container.encode(usage?.allocatedBytes, forKey: .allocatedBytes)
        try container.encode(usage?.inodes, forKey: .inodes)
        try container.encode(entry.item.modified?.rfc3339, forKey: .modified)
        try container.encode(entry.evidence.map(EvidenceJSON.init), forKey: .evidence)
    }

    private struct EvidenceJSON: Encodable {
        var says: String
        var by: String
        var source: String

        init(_ evidence: Evidence) {
            says = evidence.says.rawValue
            by = evidence.by
            source = evidence.source
        }
    }
}

/// `"totals"` of the JSON contract: all four standings, also those without items.
struct StandingTotals: Hashable, Sendable {
    struct Total: Hashable, Encodable, Sendable {
        var items = 0
        var allocatedBytes: Int64 = 0
    }

    private(set) var byStanding: [Standing: Total] = [:]

    init(_ items: [Judged], _ usage: [RelativePath: Usage]) {
        for entry in items {
            byStanding[entry.standing, default: Total()].items += 1
            byStanding[entry.standing, default: Total()].allocatedBytes += usage[entry.item.path]?.allocatedBytes ?? 0
        }
    }

    subscript(_ standing: Standing) -> Total { byStanding[standing] ?? Total() }

    func json() throws -> String {
        let members = try Standing.allCases.map { "\"\($0.rawValue)\":" + (try JSONText.encode(self[$0])) }
        return "{" + members.joined(separator: ",") + "}"
    }
}
