// SPDX-License-Identifier: Apache-2.0

import Decide
import Model

/// `df --bars`: the rows of `df` as bars, of which the light part is what could be had back.
struct DiskBars {
    var report: DiskReport
    /// Of the terminal.
    var columns: Int

    func lines(_ style: Style) -> [String] {
        let shown = report.rows.filter { $0.usage.allocatedBytes > 0 }
            .sorted { $0.usage.allocatedBytes > $1.usage.allocatedBytes }
        let largest = shown.first?.usage.allocatedBytes ?? 0
        var lines = style.legend
        for row in shown {
            let ink: Style.Ink = row.category == .orphans ? .yellow : .plain
            lines.append(
                line(
                    row.title, row.usage.allocatedBytes, of: report.total.allocatedBytes, style,
                    bar(row.usage.allocatedBytes, freeable: row.freeableBytes ?? 0, largest: largest, style, ink)))
        }
        for ledger in report.ledgers { lines += [""] + self.lines(ledger, style) }
        return lines
    }

    private static let titleColumns = 22
    private static let fixedColumns = titleColumns + 11 + 8

    /// Columns that the longest bar takes.
    private var barColumns: Int { min(max(columns - Self.fixedColumns, 8), 72) }

    private func line(_ title: String, _ bytes: Int64, of whole: Int64, _ style: Style, _ bar: String) -> String {
        let size = ByteCount(bytes).text
        let share = whole > 0 ? Double(bytes) * 100 / Double(whole) : 0
        let percent = share > 0 && share < 1 ? "<1 %" : "\(Int(share.rounded())) %"
        return Shown.raw(title).padded(to: Self.titleColumns) + size.leading(to: 11) + percent.leading(to: 6) + "  "
            + bar
    }

    private func bar(_ bytes: Int64, freeable: Int64, largest: Int64, _ style: Style, _ ink: Style.Ink) -> String {
        guard largest > 0 else { return "" }
        let eighths = Int((Double(bytes) * Double(barColumns * 8) / Double(largest)).rounded())
        let free = Int((Double(min(freeable, bytes)) * Double(barColumns * 8) / Double(largest)).rounded()) / 8
        let kept = max(eighths - free * 8, 0)
        let solid = String(repeating: "█", count: kept / 8)
        let edge = kept % 8 > 0 && free == 0 ? ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][kept % 8] : ""
        // Whatever takes space shows.
        let text = solid.isEmpty && edge.isEmpty && free == 0 ? "▏" : solid + edge
        return style(text, ink) + style(String(repeating: "▒", count: free), .yellow)
    }

    /// One bar for the whole file system.
    private func lines(_ ledger: Ledger, _ style: Style) -> [String] {
        let facts = ledger.facts
        guard facts.totalBytes > 0 else { return [] }
        let width = min(max(columns - 2, 20), 100)
        func share(_ bytes: Int64) -> Int {
            Int((Double(max(0, bytes)) * Double(width) / Double(facts.totalBytes)).rounded(.up))
        }
        let below = min(share(ledger.below.allocatedBytes), width)
        let used = min(max(share(facts.usedBytes), below), width)
        let parts = [
            style(String(repeating: "█", count: below), .plain), String(repeating: "▒", count: used - below),
            style(String(repeating: "░", count: width - used), .dim),
        ]
        let sizes = [
            "█ \(ByteCount(ledger.below.allocatedBytes).text) below this root",
            "▒ \(ByteCount(facts.usedBytes - ledger.below.allocatedBytes).text) other",
            "░ \(ByteCount(facts.freeBytes).text) free",
        ]
        return [
            "\(Shown.raw(facts.type)) at \(Shown.text(facts.point)): " + sizes.joined(separator: ", "),
            parts.joined(),
        ]
    }
}

extension Style {
    fileprivate var legend: [String] { [self("█ stays   ▒ could be had back", .dim)] }
}

extension String {
    /// With spaces before it, up to so many columns.
    fileprivate func leading(to columns: Int) -> String {
        String(repeating: " ", count: max(0, columns - Shown.width(self))) + self
    }
}
