// SPDX-License-Identifier: Apache-2.0

import Model

extension JSONValue {
    /// An element of `"items"` of the JSON contract.
    ///
    /// - Parameter usage: `nil` if nobody measured it.
    init(_ entry: Judged, _ usage: Usage?, names: [String]) { self = .members(Self.members(of: entry, usage, names)) }

    static func members(
        of entry: Judged, _ usage: Usage?, _ names: [String]
    ) -> [(name: String, value: JSONValue)] {
        // One name that is not text makes all of them escaped, so that a reader need not guess which ones are.
        let paths = entry.item.paths.map(\.text)
        let decoded = paths.compactMap { Shown.decoded($0) }
        let isText = decoded.count == paths.count
        var members: [(name: String, value: JSONValue)] = [
            ("kind", .string(entry.item.thing.kind)),
            ("id", .string(isText ? Shown.decoded(entry.item.id) ?? entry.item.id : entry.item.id)),
            ("root", .integer(0)), ("paths", .strings(isText ? decoded : paths)),
        ]
        if !isText { members.append(("encoded", .bool(true))) }
        if !names.isEmpty { members.append(("names", .strings(names))) }
        return members + [
            ("standing", .string(entry.standing.rawValue)), ("protected", .bool(entry.isProtected)),
            ("allocatedBytes", usage.map { .integer($0.allocatedBytes) } ?? .null),
            ("inodes", usage.map { .integer($0.inodes) } ?? .null),
            ("modified", entry.item.modified.map { .string($0.rfc3339) } ?? .null),
            ("evidence", .array(entry.evidence.map(JSONValue.init))),
        ] + (entry.hidden.map { [("hiddenStore", .string($0.text))] } ?? [])
    }

    private init(_ evidence: Evidence) {
        self = .object(
            ("says", .string(evidence.says.rawValue)), ("by", .string(evidence.by)),
            ("source", .string(evidence.source)))
    }
}

/// `"totals"` of the JSON contract: all four standings, also those without items.
struct StandingTotals: Hashable, Sendable {
    struct Total: Hashable, Sendable {
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

    var json: JSONValue {
        .members(
            Standing.allCases.map { standing in
                let total = self[standing]
                return (
                    standing.rawValue,
                    .object(("items", .integer(total.items)), ("allocatedBytes", .integer(total.allocatedBytes)))
                )
            })
    }
}
