// SPDX-License-Identifier: Apache-2.0

import Flow
import Model

/// The answer of `df` by kind.
struct DiskAnswer: Report {
    var place: Place
    var report: DiskReport
    /// Of containerd's own root, in the order of the place's `stores`.
    var others: [DiskReport] = []
    /// The largest items, for `-v`; largest first.
    var largest: [(entry: Judged, usage: Usage)] = []
    var problems: [Problem]
    /// What to do next, for bare `bilge`: a command and what it shows.
    var next: [(command: String, why: String)] = []
    var isVerbose = false
    var isWhole = false

    func lines(_ style: Style) -> [String] {
        var lines = place.lines(style)
        if let capacity = report.capacity, capacity.totalBytes > 0 {
            let percent = Int((Double(capacity.usedBytes) * 100 / Double(capacity.totalBytes)).rounded())
            let size = ByteCount(capacity.totalBytes).text
            lines.append("\(Shown.raw(place.root.filesystem)) of \(size), \(percent) % full")
        }
        lines += [""] + table(of: report, "Below this root", place.root).lines(style)
        for (store, other) in zip(place.stores, others) {
            lines += ["", style("Below \(Shown.text(store.path)): containerd's own root", .bold)]
            lines += table(of: other, "Below that root", store).lines(style)
        }
        if isVerbose, !largest.isEmpty { lines += ["", "LARGEST"] + largestTable.lines(style) }
        lines += problemLines(problems, style, all: isVerbose)
        if !next.isEmpty { lines += [""] + nextLines(style) }
        return lines
    }

    private func table(of report: DiskReport, _ sum: String, _ root: Survey.Root) -> Table {
        var table = Table([.left("KIND"), .right("ITEMS"), .right("IN USE"), .right("SIZE"), .right("FREEABLE")])
        if isVerbose { table.columns.append(.right("INODES")) }
        table.columns.append(.left("NOTE"))
        func add(_ cells: [String], _ inodes: Int64?, _ note: String, _ ink: Style.Ink = .plain) {
            table.add(cells + (isVerbose ? [inodes.map { Shown.count($0) } ?? ""] : []) + [note], ink)
        }
        for row in report.rows {
            let isCounted = row.category != .engineMetadata
            let freeable = row.freeableBytes.map { ByteCount($0).text } ?? "–"
            add(
                [
                    row.category.title, isCounted ? Shown.count(Int64(row.items)) : "",
                    isCounted && row.category != .orphans ? Shown.count(Int64(row.inUse)) : isCounted ? "–" : "",
                    ByteCount(row.usage.allocatedBytes).text, freeable,
                ], row.usage.inodes, row.notes.joined(separator: "; "), row.category == .orphans ? .yellow : .plain)
        }
        add(["", "", "", "---------", "---------"], nil, "")
        add(
            [
                sum, "", "", ByteCount(report.total.allocatedBytes).text,
                ByteCount(report.freeableBytes).text,
            ],
            report.total.inodes, "", .bold)
        if let other = report.otherBytes {
            add(
                ["Other data on this \(root.filesystem)", "", "", ByteCount(other).text, ""], nil,
                "not below this root")
        }
        return table
    }

    private var largestTable: Table {
        var table = Table([.right("SIZE"), .right("INODES"), .left("KIND"), .left("STANDING"), .left("PATH")])
        for (entry, usage) in largest {
            table.add([
                ByteCount(usage.allocatedBytes).text, Shown.count(usage.inodes), entry.item.thing.kind,
                entry.standing.words, Shown.short(entry.item.path, whole: isWhole),
            ])
        }
        return table
    }

    private func nextLines(_ style: Style) -> [String] {
        var table = Table([.left(""), .left(""), .left("")])
        table.hasHeading = false
        for (index, step) in next.enumerated() { table.add([index == 0 ? "Next:" : "", step.command, step.why]) }
        return table.lines(style)
    }

    func write(json out: (String) -> Void) {
        let rows = ([report] + others).enumerated().flatMap { index, report in report.rows.map { (index, $0) } }.map {
            root, row in
            JSONValue.object(
                ("root", .integer(root)), ("kind", .string(row.category.rawValue)), ("items", .integer(row.items)),
                ("inUse", .integer(row.inUse)),
                ("allocatedBytes", .integer(row.usage.allocatedBytes)), ("inodes", .integer(row.usage.inodes)),
                ("freeableBytes", row.freeableBytes.map { .integer($0) }), ("notes", .strings(row.notes)))
        }
        let outside = others.reduce(Int64(0)) { $0 + $1.total.allocatedBytes }
        let totals = JSONValue.object(
            ("outsideBytes", others.isEmpty ? nil : .integer(outside)),
            ("allocatedBytes", .integer(report.total.allocatedBytes)), ("inodes", .integer(report.total.inodes)),
            ("freeableBytes", .integer(report.freeableBytes)), ("otherBytes", report.otherBytes.map { .integer($0) }),
            ("filesystemBytes", report.capacity.map { .integer($0.totalBytes) }))
        writeJSON(
            place.members + [("rows", .list(rows)), ("totals", .value(totals)), ("problems", .problems(problems))],
            to: out)
    }
}

extension Standing {
    /// As people write it.
    var words: String {
        switch self {
        case .inUse: "in use"
        case .reclaimable: "reclaimable"
        case .orphan: "orphan"
        case .unknown: "unknown"
        }
    }
}
