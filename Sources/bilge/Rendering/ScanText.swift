// SPDX-License-Identifier: Apache-2.0

import Model

/// The answer of `scan`: what nobody needs, what nobody can tell, and the evidence for both.
struct ScanAnswer: Report {
    var place: Place
    /// Everything that was looked at.
    var items: [Judged]
    var usage: [RelativePath: Usage]
    var names: Names
    var problems: [Problem]
    /// Every item, not only orphans and unknown ones.
    var showsAll = false
    var isVerbose = false
    var isWhole = false
    var now: Timestamp

    private var shown: [Judged] {
        showsAll ? items : items.filter { $0.standing == .orphan || $0.standing == .unknown }
    }

    var ids: [String] { shown.map(\.item.path.text) }

    func lines(_ style: Style) -> [String] {
        let orphans = items.filter { $0.standing == .orphan }
        let unknown = items.filter { $0.standing == .unknown }
        let totals = StandingTotals(items, usage)
        let size = ByteCount(totals[.orphan].allocatedBytes).text
        let summary =
            "\(Shown.count(orphans.count, "orphan")), \(size)   (\(Shown.count(items.count, "item")) looked at; "
            + "\(Shown.count(Int64(unknown.count))) unknown, never touched)"
        var lines = place.lines(style) + [""]
        if showsAll {
            lines += isVerbose ? blocks(items, mark: "#", style) : table(items, withStanding: true).lines(style)
            lines += [""] + standingLines(totals) + ["", style(summary, orphans.isEmpty ? .plain : .yellow)]
        } else {
            lines += [style(summary, orphans.isEmpty ? .plain : .yellow)]
            if !orphans.isEmpty {
                lines += [""] + (isVerbose ? blocks(orphans, mark: "#", style) : table(orphans).lines(style))
            }
            if !unknown.isEmpty {
                lines += ["", style("UNKNOWN: kept, whatever they are", .bold)]
                lines += isVerbose ? blocks(unknown, mark: "?", style) : table(unknown).lines(style)
            }
        }
        return lines + problemLines(problems, style, all: isVerbose)
    }

    private func standingLines(_ totals: StandingTotals) -> [String] {
        var table = Table([.left("STANDING"), .right("ITEMS"), .right("SIZE")])
        for standing in Standing.allCases {
            let total = totals[standing]
            table.add([standing.words, Shown.count(Int64(total.items)), size(total.allocatedBytes)])
        }
        return table.lines(Style(isColoured: false))
    }

    private func table(_ entries: [Judged], withStanding: Bool = false) -> Table {
        var table = Table(
            (withStanding ? [.left("STANDING")] : []) + [
                .left("KIND"), .left("PATH"), .right("SIZE"), .left("CHANGED"), .left("WHY"),
            ])
        for entry in entries {
            let cells = [
                entry.item.thing.kind, Shown.short(entry.item.path, whole: isWhole),
                size(usage[entry.item.path]?.allocatedBytes), age(entry), why(entry),
            ]
            table.add(
                (withStanding ? [entry.standing.words] : []) + cells, entry.standing == .orphan ? .yellow : .plain)
        }
        return table
    }

    /// One paragraph for each item, with every piece of evidence.
    private func blocks(_ entries: [Judged], mark: String, _ style: Style) -> [String] {
        var lines: [String] = []
        for (index, entry) in entries.enumerated() {
            let number = mark == "#" ? "#\(index + 1)" : mark
            let path = Shown.short(entry.item.path, whole: isWhole)
            let name = names.of(entry.item).isEmpty ? "" : "  " + names.of(entry.item).joined(separator: ", ")
            let heading =
                "\(number)  \(path)   \(size(usage[entry.item.path]?.allocatedBytes))   \(entry.item.thing.kind)"
                + (showsAll ? ", \(entry.standing.words)" : "") + name
            lines.append(style(Shown.raw(heading), entry.standing == .orphan ? .yellow : .bold))
            for path in entry.item.paths.dropFirst() {
                lines.append("    with      " + Shown.short(path, whole: isWhole))
            }
            lines += evidenceLines(entry.evidence, indent: 4, whole: isWhole)
            if let modified = entry.item.modified {
                lines.append("    changed   \(modified.rfc3339), \(Age.text(of: modified, at: now))")
            }
        }
        return lines
    }

    private func why(_ entry: Judged) -> String {
        let decisive = entry.evidence.first { entry.standing != .unknown || $0.says != .denied } ?? entry.evidence.first
        let more = entry.evidence.count - 1
        return Shown.short(RelativePath(decisive?.by ?? ""), whole: isWhole) + (more > 0 ? " (+\(more), -v)" : "")
    }

    private func age(_ entry: Judged) -> String { entry.item.modified.map { Age.text(of: $0, at: now) } ?? "" }

    private func size(_ bytes: Int64?) -> String { bytes.map { ByteCount($0).text } ?? "" }

    func write(json out: (String) -> Void) {
        let elements = shown.lazy.map { JSONValue($0, usage[$0.item.path], names: names.of($0.item), in: place) }
        writeJSON(
            place.members + [
                ("items", .list(elements)), ("problems", .problems(problems)),
                ("totals", .value(StandingTotals(items, usage).json)),
            ], to: out)
    }
}

/// One line for each piece of evidence: the word, the fact, where it was read.
func evidenceLines(_ evidence: [Evidence], indent: Int, whole: Bool) -> [String] {
    var table = Table([.left(""), .left("")])
    table.hasHeading = false
    for fact in evidence { table.add([fact.says.word.padded(to: 7), fact.text(whole: whole)]) }
    return table.lines(Style(isColoured: false)).map { String(repeating: " ", count: indent) + $0 }
}

extension Evidence {
    /// The fact, and where it was read if that is another place.
    func text(whole: Bool) -> String {
        let fact = Shown.short(RelativePath(by), whole: whole)
        return source.isEmpty || source == by ? fact : fact + "   (\(Shown.short(RelativePath(source), whole: whole)))"
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
