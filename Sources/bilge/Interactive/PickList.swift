// SPDX-License-Identifier: Apache-2.0

import Model

/// A list to tick, as a value: keys go in, lines of the screen come out. It knows no terminal.
struct PickList: Sendable {
    struct Row: Hashable, Sendable {
        var kind: String
        var name: String
        var bytes: Int64
        var why: String
        /// The rows that have to go before this one can: what is built on it or uses it.
        var needs: Set<Int> = []
    }

    enum State: Hashable, Sendable { case choosing, accepted, left }

    /// A line of the screen, at most as wide as it.
    struct Line: Hashable, Sendable {
        var text: String
        var isCurrent = false
        var isDim = false
    }

    let title: String
    let rows: [Row]
    private(set) var ticked: Set<Int> {
        didSet { bytes = count(ticked) }
    }
    private(set) var cursor = 0
    private(set) var state = State.choosing
    /// The first row that is shown.
    private var top = 0
    private var size: (rows: Int, columns: Int) = (24, 80)
    /// What each row frees if exactly these rows are ticked: what two of them share goes with the last.
    private let count: @Sendable (Set<Int>) -> [Int64]
    private var bytes: [Int64]

    /// - Parameter count: what each row frees beside others; the bytes of the row itself if they share nothing.
    init(title: String, rows: [Row], count: (@Sendable (Set<Int>) -> [Int64])? = nil) {
        let own = rows.map(\.bytes)
        self.title = title
        self.rows = rows
        self.count = count ?? { _ in own }
        ticked = Set(rows.indices)
        bytes = own
    }

    var tickedBytes: Int64 { ticked.reduce(0) { $0 + bytes[$1] } }

    /// What a row frees: beside the others that are ticked, or if it were ticked as well.
    private func bytes(of index: Int) -> Int64 {
        guard !ticked.contains(index) else { return bytes[index] }
        let more = ticked.union(with(index, isTicked: false))
        let counted = count(more)
        return more.reduce(0) { $0 + counted[$1] } - tickedBytes
    }

    /// Rows of the screen beside those of the list: the head, a line above, the reason, the keys.
    private static let frame = 5
    private var page: Int { max(1, size.rows - Self.frame) }

    mutating func resize(rows: Int, columns: Int) {
        size = (max(1, rows), max(1, columns))
        scroll()
    }

    mutating func press(_ key: Key) {
        switch key {
        case .up: move(-1)
        case .down: move(1)
        case .pageUp: move(-page)
        case .pageDown: move(page)
        case .first: move(-rows.count)
        case .last: move(rows.count)
        case .tick: if rows.indices.contains(cursor) { tick(cursor) }
        case .tickAll: ticked = ticked.count == rows.count ? [] : Set(rows.indices)
        case .accept: state = .accepted
        case .leave: state = .left
        case .other: break
        }
    }

    private mutating func move(_ count: Int) {
        cursor = max(0, min(rows.count - 1, cursor + count))
        scroll()
    }

    private mutating func scroll() {
        if cursor < top { top = cursor }
        if cursor >= top + page { top = cursor - page + 1 }
        top = max(0, min(top, rows.count - page))
    }

    /// Whoever ticks a thing ticks what has to go first; whoever keeps one keeps what cannot go without it.
    private mutating func tick(_ index: Int) {
        let isTicked = ticked.contains(index)
        let reached = with(index, isTicked: isTicked)
        if isTicked { ticked.subtract(reached) } else { ticked.formUnion(reached) }
    }

    /// The row and all that goes or stays with it.
    private func with(_ index: Int, isTicked: Bool) -> Set<Int> {
        var reached: Set<Int> = [index]
        var open = [index]
        while let next = open.popLast() {
            let more = isTicked ? rows.indices.filter { rows[$0].needs.contains(next) } : rows[next].needs.sorted()
            for row in more where reached.insert(row).inserted { open.append(row) }
        }
        return reached
    }

    /// The whole screen, from the top.
    func screen() -> [Line] {
        let total = rows.reduce(0) { $0 + $1.bytes }
        let head =
            "\(title)   \(ticked.count) of \(rows.count) ticked: "
            + "\(ByteCount(tickedBytes).text) of \(ByteCount(total).text)"
        var lines = [Line(text: head), Line(text: "")]
        let last = min(rows.count, top + page)
        lines += (top..<last).map(line)
        while lines.count < size.rows - 3 { lines.append(Line(text: "")) }
        let place = rows.count > page ? "\(top + 1)–\(last) of \(rows.count)" : ""
        lines.append(Line(text: place, isDim: true))
        lines.append(Line(text: rows.indices.contains(cursor) ? rows[cursor].why : ""))
        lines.append(Line(text: "space tick   a all   enter go on   q leave   ↑ ↓ j k move", isDim: true))
        return lines.prefix(size.rows).map { line in
            var line = line
            line.text = Shown.shortened(Shown.raw(line.text), to: size.columns)
            return line
        }
    }

    private func line(_ index: Int) -> Line {
        let row = rows[index]
        let bytes = ByteCount(bytes(of: index)).text
        let mark = (index == cursor ? "> " : "  ") + (ticked.contains(index) ? "[x] " : "[ ] ")
        let kind = Shown.raw(row.kind).padded(to: 11)
        // What is left for the name, between two spaces and the size at the right.
        let room = max(4, size.columns - mark.count - Shown.width(kind) - 12)
        let name = Shown.shortened(Shown.raw(row.name), to: room)
        let gap = String(repeating: " ", count: room - Shown.width(name) + max(0, 12 - bytes.count))
        return Line(text: mark + kind + name + gap + bytes, isCurrent: index == cursor)
    }
}

extension Shown {
    /// Text of at most `columns` columns: its beginning and its end, which tell more than its middle.
    static func shortened(_ text: String, to columns: Int) -> String {
        guard width(text) > columns else { return text }
        guard columns > 1 else { return columns == 1 ? "…" : "" }
        let tail = (columns - 1) / 3
        var head = ""
        for character in text {
            guard width(head + String(character)) <= columns - 1 - tail else { break }
            head.append(character)
        }
        var end = ""
        for character in text.reversed() {
            guard width(String(character) + end) <= tail else { break }
            end = String(character) + end
        }
        return head + "…" + end
    }
}
