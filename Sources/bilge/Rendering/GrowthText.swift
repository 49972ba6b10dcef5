// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// The answer of `diff`: what grew since a snapshot, item by item.
struct GrowthAnswer: Report {
    var place: Place
    var growth: Growth
    var since: Snapshot
    var today: Snapshot
    var now: Timestamp
    var problems: [Problem]
    var isVerbose = false
    var isWhole = false

    /// Lines that are shown without `-v`.
    private static let limit = 20

    func lines(_ style: Style) -> [String] {
        let age = since.time.map { " (\(Age.text(of: $0, at: now)))" } ?? ""
        var lines = place.lines(style) + ["since \(since.taken)\(age)", ""]
        if since.device != today.device || since.inode != today.inode {
            lines.insert("note: it is not the same directory as then", at: lines.count - 1)
        }
        lines += table.lines(style)
        let rest = growth.lines.count - shown.count
        if rest > 0 { lines.append("… and \(Shown.count(rest, "smaller change")): `diff -v`") }
        return lines + problemLines(problems, style, all: isVerbose)
    }

    private var shown: ArraySlice<Growth.Line> {
        isVerbose ? growth.lines[...] : growth.lines.prefix(Self.limit)
    }

    private var table: Table {
        var table = Table([
            .left("CHANGE"), .right("GROWTH"), .right("NOW"), .right("INODES"), .left("KIND"), .left("WHAT"),
        ])
        for line in shown {
            table.add(
                [
                    line.change.rawValue, Self.signed(line.bytes),
                    line.change == .gone ? "–" : ByteCount(line.after.allocatedBytes).text,
                    (line.inodes > 0 ? "+" : "") + Shown.count(line.inodes), line.thing.kind, what(line),
                ], line.change == .gone || line.change == .shrunk ? .dim : .plain)
        }
        table.add(["", "---------", "---------", "", "", ""])
        table.add(
            [
                "", Self.signed(growth.after.allocatedBytes - growth.before.allocatedBytes),
                ByteCount(growth.after.allocatedBytes).text, "", "", "below this root",
            ], .bold)
        for space in today.filesystems {
            guard let before = since.filesystems.first(where: { $0.point == space.point && $0.type == space.type })
            else { continue }
            table.add([
                "", Self.signed(space.usedBytes - before.usedBytes), ByteCount(space.usedBytes).text, "", "",
                "used on \(space.type) at \(Shown.text(space.point))",
            ])
        }
        return table
    }

    private func what(_ line: Growth.Line) -> String {
        let path = Shown.short(line.path, whole: isWhole)
        return line.names.isEmpty ? path : "\(line.names.joined(separator: ", "))   \(path)"
    }

    /// `+12.83 MB`, `-910 B`, `0 B`.
    static func signed(_ bytes: Int64) -> String { (bytes > 0 ? "+" : "") + ByteCount(bytes).text }

    func write(json out: (String) -> Void) {
        let lines = growth.lines.map { line in
            JSONValue.object(
                ("change", .string(line.change.rawValue)),
                ("path", .string(Shown.decoded(line.path.text) ?? line.path.text)), ("kind", .string(line.thing.kind)),
                ("names", .strings(line.names)), ("growthBytes", .integer(line.bytes)),
                ("growthInodes", .integer(line.inodes)), ("allocatedBytes", .integer(line.after.allocatedBytes)),
                ("inodes", .integer(line.after.inodes)))
        }
        let totals = JSONValue.object(
            ("beforeBytes", .integer(growth.before.allocatedBytes)),
            ("allocatedBytes", .integer(growth.after.allocatedBytes)),
            ("beforeInodes", .integer(growth.before.inodes)), ("inodes", .integer(growth.after.inodes)))
        writeJSON(
            place.members + [
                ("since", .value(.string(since.taken))), ("changes", .list(lines)), ("totals", .value(totals)),
                ("problems", .problems(problems)),
            ], to: out)
    }

    var ids: [String] { growth.lines.map { Shown.text($0.path) } }
}

/// The answer of `diff --list`.
struct SnapshotsAnswer: Report {
    var place: Place
    var snapshots: [Snapshot]
    var now: Timestamp

    func lines(_ style: Style) -> [String] {
        var table = Table([.left("SNAPSHOT"), .left("TAKEN"), .right("ITEMS"), .right("SIZE"), .right("INODES")])
        for snapshot in snapshots {
            let total = snapshot.total
            table.add([
                snapshot.taken, snapshot.time.map { Age.text(of: $0, at: now) } ?? "",
                Shown.count(Int64(snapshot.items.count)), ByteCount(total.allocatedBytes).text,
                Shown.count(total.inodes),
            ])
        }
        return table.lines(style)
    }

    func write(json out: (String) -> Void) {
        let elements = snapshots.map { snapshot in
            let total = snapshot.total
            return JSONValue.object(
                ("snapshot", .string(snapshot.taken)), ("items", .integer(snapshot.items.count)),
                ("allocatedBytes", .integer(total.allocatedBytes)), ("inodes", .integer(total.inodes)))
        }
        writeJSON(place.members + [("snapshots", .list(elements))], to: out)
    }

    var ids: [String] { snapshots.map(\.taken) }
}
