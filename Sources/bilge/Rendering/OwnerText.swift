// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// Space by what it belongs to: `df --by image|container|volume|project|filesystem`.
struct OwnerAnswer: Report {
    var place: Place
    /// What a row is.
    var owner: Df.Owner
    var rows: [OwnedSpace]
    var problems: [Problem]
    var measure = DiskAnswer.Measure.bytes
    var isVerbose = false
    var isWhole = false

    func lines(_ style: Style) -> [String] {
        place.lines(style) + [""] + table.lines(style) + problemLines(problems, style, all: isVerbose)
    }

    private var table: Table {
        let parts: [OwnedSpace.Part] = owner == .container || owner == .project ? OwnedSpace.Part.allCases : []
        var table = Table([.left(owner.rawValue.uppercased()), .right("ITEMS")])
        table.columns += parts.map { .right($0.title) }
        table.columns.append(.right(measure == .bytes ? "SIZE" : "INODES"))
        if owner == .image { table.columns.append(.right("SHARED")) }
        table.columns.append(.right("UNIQUE"))
        let addsInodes = isVerbose && measure == .bytes
        if addsInodes { table.columns.append(.right("INODES")) }
        if owner == .volume { table.columns.append(.left("USED BY")) }
        for row in rows {
            var cells = [
                owner == .volume ? Shown.short(id: row.name, whole: isWhole) : row.name, Shown.count(Int64(row.items)),
            ]
            cells += parts.map { text(row.parts[$0] ?? Usage()) }
            cells.append(text(row.usage))
            if owner == .image { cells.append(text(row.shared)) }
            cells.append(text(row.unique))
            if addsInodes { cells.append(Shown.count(row.usage.inodes)) }
            if owner == .volume { cells.append(row.users.joined(separator: ", ")) }
            table.add(cells)
        }
        return table
    }

    private func text(_ usage: Usage) -> String {
        switch measure {
        case .bytes: ByteCount(usage.allocatedBytes).text + (usage.unreadable > 0 ? " or more" : "")
        case .inodes: Shown.count(usage.inodes) + (usage.unreadable > 0 ? " or more" : "")
        }
    }

    func write(json out: (String) -> Void) {
        let rows = rows.map { row in
            JSONValue.object(
                ("name", .string(row.name)), ("items", .integer(row.items)),
                ("allocatedBytes", .integer(row.usage.allocatedBytes)),
                ("uniqueBytes", .integer(row.unique.allocatedBytes)),
                ("sharedBytes", .integer(row.shared.allocatedBytes)), ("inodes", .integer(row.usage.inodes)),
                ("uniqueInodes", .integer(row.unique.inodes)),
                (
                    "parts",
                    row.parts.isEmpty
                        ? nil
                        : .members(
                            OwnedSpace.Part.allCases.map {
                                ($0.rawValue, .integer(row.parts[$0]?.allocatedBytes ?? 0))
                            })
                ), ("usedBy", owner == .volume ? .strings(row.users) : nil))
        }
        writeJSON(
            place.members + [
                ("by", .value(.string(owner.rawValue))), ("rows", .list(rows)), ("problems", .problems(problems)),
            ],
            to: out)
    }

    var ids: [String] { rows.map(\.name) }
}

extension OwnedSpace.Part {
    fileprivate var title: String {
        switch self {
        case .writableLayer: "WRITABLE"
        case .logs: "LOGS"
        case .volumes: "VOLUMES"
        case .records: "RECORDS"
        }
    }
}
