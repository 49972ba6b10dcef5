// SPDX-License-Identifier: Apache-2.0

/// Columns with a heading each, as wide as their widest cell, three spaces apart, as Docker prints them.
struct Table: Sendable {
    enum Alignment: Sendable { case left, right }

    struct Column: Sendable {
        var title: String
        var alignment = Alignment.left

        static func left(_ title: String) -> Column { Column(title: title) }
        static func right(_ title: String) -> Column { Column(title: title, alignment: .right) }
    }

    struct Row: Sendable {
        var cells: [String]
        var ink = Style.Ink.plain
    }

    var columns: [Column]
    var rows: [Row] = []
    var hasHeading = true

    init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row. Cells are made harmless here, so that no caller can forget it.
    mutating func add(_ cells: [String], _ ink: Style.Ink = .plain) {
        rows.append(Row(cells: cells.map(Shown.raw), ink: ink))
    }

    func lines(_ style: Style) -> [String] {
        let headings = columns.map(\.title)
        let widths = columns.indices.map { index in
            (rows.map(\.cells) + (hasHeading ? [headings] : [])).map { index < $0.count ? Shown.width($0[index]) : 0 }
                .max() ?? 0
        }
        let heading = hasHeading ? [style(line(headings, widths), .bold)] : []
        return heading + rows.map { style(line($0.cells, widths), $0.ink) }
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (index, cell) in cells.enumerated() where index < columns.count {
            let padding = String(repeating: " ", count: max(0, widths[index] - Shown.width(cell)))
            if index > 0 { text += "   " }
            switch columns[index].alignment {
            case .left: text += cell + padding
            case .right: text += padding + cell
            }
        }
        while text.last == " " { text.removeLast() }
        return text
    }
}
