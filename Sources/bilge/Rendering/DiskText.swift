// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

/// The answer of `df` by kind.
struct DiskAnswer: Report {
    /// What the columns of `df` count.
    enum Measure { case bytes, inodes }

    var place: Place
    var report: DiskReport
    /// The largest items of each kind, for `-v`; largest first.
    var largest: [(entry: Judged, usage: Usage)] = []
    var onTop: [MountOnTop] = []
    /// Processes that could not be asked which deleted files they hold.
    var unasked = 0
    var problems: [Problem]
    /// What to do next, for bare `bilge`: a command and what it shows.
    var next: [(command: String, why: String)] = []
    var measure = Measure.bytes
    /// Columns for bars; `nil` for a table.
    var barColumns: Int?
    var isVerbose = false
    var isWhole = false

    func lines(_ style: Style) -> [String] {
        var lines = place.lines(style) + report.ledgers.compactMap(capacityLine) + [""]
        lines += barColumns.map { DiskBars(report: report, columns: $0).lines(style) } ?? table.lines(style)
        lines += remarks
        if isVerbose {
            for (title, table) in [
                ("LARGEST OF EACH KIND", largestTable), ("DELETED, STILL OPEN", deletedTable),
                ("KEPT BY FILE SYSTEMS", keptTable), ("MOUNTED ON TOP, NOT COUNTED", onTopTable),
            ] where !table.rows.isEmpty {
                lines += ["", title] + table.lines(style)
            }
        }
        lines += problemLines(problems, style, all: isVerbose)
        if !next.isEmpty { lines += [""] + nextLines(style) }
        return lines
    }

    private func capacityLine(_ ledger: Ledger) -> String? {
        let facts = ledger.facts
        let (used, total, size) =
            switch measure {
            case .bytes: (facts.usedBytes, facts.totalBytes, ByteCount(facts.totalBytes).text)
            case .inodes: (facts.usedInodes, facts.totalInodes, Shown.count(facts.totalInodes) + " inodes")
            }
        guard total > 0 else { return nil }
        let percent = Int((Double(used) * 100 / Double(total)).rounded())
        let point = report.ledgers.count > 1 ? " at \(Shown.text(facts.point))" : ""
        return "\(Shown.raw(facts.type))\(point) of \(size), \(percent) % full"
    }

    /// What is not in the sum, or may be missing from it.
    private var remarks: [String] {
        var lines: [String] = []
        if !onTop.isEmpty {
            let types = Dictionary(grouping: onTop) { $0.isBind ? "bind" : $0.type }.sorted { $0.key < $1.key }
            let text = types.map { "\($0.value.count) \(Shown.raw($0.key))" }.joined(separator: ", ")
            lines.append("mounted on top, not counted: \(text)")
        }
        if unasked > 0 {
            lines.append("processes that could not be asked for deleted files: \(Shown.count(Int64(unasked)))")
        }
        return lines.isEmpty ? [] : [""] + lines
    }

    private func nextLines(_ style: Style) -> [String] {
        var table = Table([.left(""), .left(""), .left("")])
        table.hasHeading = false
        for (index, step) in next.enumerated() { table.add([index == 0 ? "Next:" : "", step.command, step.why]) }
        return table.lines(style)
    }
}

// MARK: - The main table

extension DiskAnswer {
    private var table: Table {
        var table = Table([.left("KIND"), .right("ITEMS"), .right("IN USE")])
        switch measure {
        case .bytes:
            table.columns += [.right("SIZE"), .right("FREEABLE")]
            if isVerbose { table.columns.append(.right("INODES")) }
        case .inodes: table.columns += [.right("INODES"), .right("FREEABLE")]
        }
        table.columns.append(.left("NOTE"))
        for row in report.rows {
            let isCounted = row.category != .engineMetadata
            add(
                to: &table, row.title, items: isCounted ? Shown.count(Int64(row.items)) : "",
                inUse: isCounted && row.category != .orphans ? Shown.count(Int64(row.inUse)) : isCounted ? "–" : "",
                row.usage, freeable: row.freeable.map(text) ?? "–", note: row.notes.joined(separator: "; "),
                row.category == .orphans ? .yellow : .plain)
        }
        addRule(to: &table)
        add(to: &table, "Below this root", report.total, freeable: text(report.freeable), .bold)
        for ledger in report.ledgers { add(ledger, to: &table) }
        return table
    }

    /// The way from what is below the root to what the file system says is used.
    private func add(_ ledger: Ledger, to table: inout Table) {
        let type = ledger.facts.type
        if report.ledgers.count > 1 {
            add(
                to: &table, "Of that on \(type)", ledger.below,
                note: "at " + Shown.text(ledger.facts.point))
        }
        if let largest = ledger.facts.deleted.first {
            let holder = largest.holders.first.map { "\($0.name) (\($0.pid))" } ?? "?"
            let count = Shown.count(Int64(ledger.facts.deleted.count))
            add(
                to: &table, "Deleted, still open", items: count, inUse: count, ledger.deleted,
                note: "largest: \(holder) \(ByteCount(largest.allocatedBytes).text); freed when closed")
        }
        if let own = ledger.facts.own, !own.isEmpty {
            add(
                to: &table, "Kept by \(type)", Usage(allocatedBytes: ledger.own.bytes, inodes: ledger.own.inodes),
                note: own.map(\.name).joined(separator: ", "))
        }
        let unknown = ledger.facts.own == nil ? ", and what \(type) keeps for itself" : ""
        if ledger.isOverdrawn {
            add(
                to: &table, "Counted twice on this \(type)", ledger.other,
                note: "files share blocks, or changed meanwhile\(unknown)")
        } else {
            add(to: &table, "Other data on this \(type)", ledger.other, note: "not below this root\(unknown)")
        }
        addRule(to: &table)
        add(
            to: &table, "Used on this \(type)",
            Usage(allocatedBytes: ledger.facts.usedBytes, inodes: ledger.facts.usedInodes),
            note: "says the file system",
            .bold)
    }

    private func add(
        to table: inout Table, _ title: String, items: String = "", inUse: String = "", _ usage: Usage,
        freeable: String = "", note: String = "", _ ink: Style.Ink = .plain
    ) {
        let inodes = measure == .bytes && isVerbose ? [Shown.count(usage.inodes)] : []
        table.add([title, items, inUse, text(usage), freeable] + inodes + [note], ink)
    }

    private func addRule(to table: inout Table) {
        table.add(["", "", "", "---------", "---------"])
    }

    private func text(_ usage: Usage) -> String {
        switch measure {
        case .bytes: ByteCount(usage.allocatedBytes).text
        case .inodes: Shown.count(usage.inodes)
        }
    }
}

// MARK: - What -v adds

extension DiskAnswer {
    private var largestTable: Table {
        var table = Table([.left("KIND"), .right("SIZE"), .right("INODES"), .left("STANDING"), .left("PATH")])
        var last: DiskReport.Category?
        for (entry, usage) in largest {
            let category = DiskReport.Category(entry)
            table.add([
                category == last ? "" : category.title, ByteCount(usage.allocatedBytes).text,
                Shown.count(usage.inodes), entry.standing.words, Shown.short(entry.item.path, whole: isWhole),
            ])
            last = category
        }
        return table
    }

    private var deletedTable: Table {
        var table = Table([.right("SIZE"), .left("HELD BY"), .left("WAS")])
        for file in report.ledgers.flatMap(\.facts.deleted).prefix(10) {
            let holders = file.holders.prefix(3).map { "\($0.name) (\($0.pid))" }.joined(separator: ", ")
            let more = file.holders.count > 3 ? " and \(file.holders.count - 3) more" : ""
            table.add([ByteCount(file.allocatedBytes).text, holders + more, Shown.text(file.path)])
        }
        return table
    }

    /// What is beside the size that file systems tell, and so in no row above.
    private var keptTable: Table {
        var table = Table([.right("SIZE"), .left("FILE SYSTEM"), .left("FOR"), .left("")])
        for facts in report.ledgers.map(\.facts) {
            for part in facts.own ?? [] {
                table.add([ByteCount(part.bytes).text, facts.type, part.name, "counted as used"])
            }
            for part in facts.overhead ?? [] {
                table.add([ByteCount(part.bytes).text, facts.type, part.name, "beside its size"])
            }
            let reserve = facts.freeBytes - facts.availableBytes
            if reserve > 0 { table.add([ByteCount(reserve).text, facts.type, "root's reserve", "counted as free"]) }
        }
        return table
    }

    private var onTopTable: Table {
        var table = Table([.left("TYPE"), .left("PATH")])
        for mount in onTop.sorted(by: { $0.path < $1.path }) {
            table.add([mount.isBind ? "bind" : mount.type, Shown.short(mount.path, whole: isWhole)])
        }
        return table
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
