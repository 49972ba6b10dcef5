// SPDX-License-Identifier: Apache-2.0

import Decide
import Flow
import Model

extension HostReport {
    var kinds: HTML {
        let rows = report.rows.map { row in
            HTMLTable.Row(
                cells: [
                    "<span class=\"dot \(row.category.cssClass)\">\(row.title)</span>",
                    "\(row.category == .engineMetadata ? "" : Shown.count(Int64(row.items)))",
                    "\(ByteCount(row.usage.allocatedBytes).text)",
                    "\(row.freeableBytes.map { ByteCount($0).text } ?? "–")", "\(Shown.count(row.usage.inodes))",
                    "\(row.notes.joined(separator: "; "))",
                ])
        }
        let sum = HTMLTable.Row(
            cells: [
                "Below this root", "", "\(ByteCount(report.total.allocatedBytes).text)",
                "\(ByteCount(report.freeableBytes).text)", "\(Shown.count(report.total.inodes))", "",
            ], isSum: true)
        return section(
            "kinds", "By kind",
            HTMLTable(["Kind", "#Items", "#Size", "#Could be had back", "#Inodes", "Note"], rows + [sum]))
    }

    /// From what lies below the root to what the file system says is used.
    func ledger(_ ledger: Ledger) -> HTML {
        let facts = ledger.facts
        func row(
            _ title: String, _ bytes: Int64, _ inodes: Int64, _ note: String, isSum: Bool = false
        ) -> HTMLTable.Row {
            HTMLTable.Row(
                cells: ["\(title)", "\(ByteCount(bytes).text)", "\(Shown.count(inodes))", "\(note)"], isSum: isSum)
        }
        var rows = [row("Below this root", ledger.below.allocatedBytes, ledger.below.inodes, "counted")]
        rows.append(
            row("Deleted, still open", ledger.deleted.allocatedBytes, ledger.deleted.inodes, "asked of every process"))
        rows += (facts.own ?? []).map { row("Kept by \(facts.type): \($0.name)", $0.bytes, $0.inodes, "computed") }
        let unknown = facts.own == nil ? "; among it what \(facts.type) keeps for itself, which is not computed" : ""
        rows.append(
            row(
                "Other data", ledger.other.allocatedBytes, ledger.other.inodes,
                "what these leave: not below this root\(unknown)"))
        rows.append(row("Used, says the file system", facts.usedBytes, facts.usedInodes, "", isSum: true))
        rows += (facts.overhead ?? []).map { row("Beside its size: \($0.name)", $0.bytes, $0.inodes, "computed") }
        return section(
            "ledger" + facts.point.map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined(),
            "The ledger of the \(facts.type) at \(Shown.text(facts.point))",
            HTMLTable(["Part", "#Size", "#Inodes", "How it is known"], rows))
    }

    var deleted: HTML {
        let files = account.ledgers.flatMap(\.facts.deleted).prefix(10)
        guard !files.isEmpty else { return "" }
        let rows = files.map { file in
            let holders = file.holders.prefix(3).map { "\($0.name) (\($0.pid))" }.joined(separator: ", ")
            return HTMLTable.Row(
                cells: [
                    "\(ByteCount(file.allocatedBytes).text)", "\(holders)", "<code>\(Shown.text(file.path))</code>",
                ])
        }
        return section("deleted", "Deleted, still open", HTMLTable(["#Size", "Held by", "Where it was"], rows))
    }

    var orphans: HTML {
        let found = survey.items.filter { $0.standing == .orphan }.map { ($0, account.usage[$0.item.path] ?? Usage()) }
            .sorted { ($1.1.allocatedBytes, $0.0.item.path) < ($0.1.allocatedBytes, $1.0.item.path) }
        guard !found.isEmpty else {
            return """
                <section><h2>Orphans</h2>
                <p>None: all that is below this root is needed by somebody, or kept.</p></section>
                """
        }
        let rows = found.prefix(Self.limit).map { entry, usage in
            HTMLTable.Row(
                cells: [
                    "\(entry.item.thing.kind)", "<code>\(Shown.text(entry.item.path))</code>",
                    "\(ByteCount(usage.allocatedBytes).text)",
                    "\(entry.item.modified.map { Age.text(of: $0, at: now) } ?? "")",
                ])
        }
        return section(
            "orphans", "Orphans: what nobody needs",
            HTMLTable(
                ["Kind", "Path", "#Size", "Changed"], Array(rows),
                caption: more(found.count, "`scan -v` shows the evidence for each of them")))
    }

    var growers: HTML {
        guard let (since, growth) = growth else { return "" }
        let lines = growth.lines.filter { $0.bytes > 0 }.prefix(20)
        guard !lines.isEmpty else {
            return "<section><h2>What grew</h2><p>Nothing since \(since.taken).</p></section>"
        }
        let rows = lines.map { line in
            HTMLTable.Row(
                cells: [
                    "\(line.change.rawValue)", "\(GrowthAnswer.signed(line.bytes))",
                    "\(ByteCount(line.after.allocatedBytes).text)", "\(line.thing.kind)",
                    "\(line.names.joined(separator: ", ")) <code>\(Shown.short(line.path))</code>",
                ])
        }
        return section(
            "growers", "What grew most since \(since.taken)",
            HTMLTable(["Change", "#Growth", "#Now", "Kind", "What"], Array(rows)))
    }

    var largest: HTML {
        let rows = largestOfEachKind(survey.items, account.usage).map { entry, usage in
            let category = DiskReport.Category(entry)
            return HTMLTable.Row(
                cells: [
                    "<span class=\"dot \(category.cssClass)\">\(category.title)</span>",
                    "\(tree.names.of(entry.item).joined(separator: ", ")) <code>\(Shown.short(entry.item.path))</code>",
                    "\(ByteCount(usage.allocatedBytes).text)", "\(Shown.count(usage.inodes))",
                    "\(entry.standing.words)",
                ])
        }
        return section(
            "largest", "The largest of each kind", HTMLTable(["Kind", "What", "#Size", "#Inodes", "Standing"], rows))
    }

    private func more(_ count: Int, _ hint: String) -> String {
        count > Self.limit ? "The \(Self.limit) largest of \(Shown.count(Int64(count))); \(hint)." : ""
    }

    private func section(_ id: String, _ title: String, _ table: HTMLTable) -> HTML {
        "<section aria-labelledby=\"\(id)\"><h2 id=\"\(id)\">\(title)</h2>\(table.html(labelledBy: id))</section>"
    }
}

/// A table with a heading for each column and each row.
struct HTMLTable {
    struct Row {
        var cells: [HTML]
        var isSum = false
    }

    /// One that begins with `#` is of numbers.
    var columns: [String]
    var rows: [Row]
    var caption: String

    init(_ columns: [String], _ rows: [Row], caption: String = "") {
        self.columns = columns
        self.rows = rows
        self.caption = caption
    }

    func html(labelledBy id: String) -> HTML {
        let isNumber = columns.map { $0.hasPrefix("#") }
        let head = columns.enumerated().map { index, title in
            let css: HTML = isNumber[index] ? " class=\"n\"" : ""
            return "<th scope=\"col\"\(css)>\(isNumber[index] ? String(title.dropFirst()) : title)</th>" as HTML
        }
        // The first column that is no number says what the row is about.
        let heading = isNumber.firstIndex(of: false) ?? 0
        let body = rows.map { row in
            let cells = row.cells.enumerated().map { index, cell in
                let css: HTML = isNumber[index] ? " class=\"n\"" : ""
                return index == heading ? "<th scope=\"row\"\(css)>\(cell)</th>" : "<td\(css)>\(cell)</td>" as HTML
            }
            return "<tr\(row.isSum ? " class=\"sum\"" : "" as HTML)>\(HTML(cells))</tr>" as HTML
        }
        let caption: HTML = self.caption.isEmpty ? "" : "<caption>\(self.caption)</caption>"
        return """
            <div class="scroll" tabindex="0" role="region" aria-labelledby="\(id)"><table>\(caption)
            <thead><tr>\(HTML(head))</tr></thead>
            <tbody>
            \(HTML(body))
            </tbody></table></div>
            """
    }
}
