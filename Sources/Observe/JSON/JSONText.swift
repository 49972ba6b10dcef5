// SPDX-License-Identifier: Apache-2.0

import Model

/// One JSON document, read once and accepted only as a whole: RFC 8259 in UTF-8, nested at most 512 deep.
///
/// Records are many and small, and little of each is wanted. So a document becomes a list of where its values are, which
/// `JSONValue` looks things up in; text is made only of what somebody asks for. What is never asked for is checked just
/// the same: a record that is damaged anywhere was not written by the engine.
final class JSONText: Sendable {
    let bytes: [UInt8]
    /// Every value in the order of the text; in an object each member is its key, then its value.
    let nodes: [Node]

    struct Node: Sendable {
        enum Kind: Sendable { case object, array, text, escapedText, number, yes, no, null }

        var kind: Kind
        /// Of the bytes between the quotes, or of a number.
        var start: Int32
        var end: Int32
        /// The node after this value and all that is in it.
        var next: Int32 = 0
    }

    /// - Throws: if it is anything else than exactly one document, with white space around it at most.
    init(_ bytes: [UInt8]) throws(FormatError) {
        var scanner = JSONScanner(bytes)
        try scanner.scan()
        self.bytes = bytes
        nodes = scanner.nodes
    }
}

/// Finds the values of a document, and every error in it.
private struct JSONScanner {
    private let bytes: [UInt8]
    private var place = 0
    private(set) var nodes: [JSONText.Node] = []

    private static let deepest = 512
    private static let invalid = FormatError("not valid JSON")

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        nodes.reserveCapacity(bytes.count / 16 + 1)
    }

    mutating func scan() throws(FormatError) {
        // Places are kept in 32 bits.
        guard bytes.count < Int(Int32.max) else { throw Self.invalid }
        try scanValue(depth: 0)
        skipSpace()
        guard place == bytes.count else { throw Self.invalid }
    }

    private var next: UInt8 { place < bytes.count ? bytes[place] : 0 }

    private mutating func skipSpace() {
        while place < bytes.count, bytes[place] <= 0x20, Self.isSpace(bytes[place]) { place += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D
    }

    private mutating func skip(_ byte: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: byte) else { return false }
        place += 1
        return true
    }

    private mutating func scanValue(depth: Int) throws(FormatError) {
        skipSpace()
        let number = nodes.count
        switch next {
        case UInt8(ascii: "\""): try scanText()
        case UInt8(ascii: "{"): try scanMembers(.object, depth: depth + 1)
        case UInt8(ascii: "["): try scanMembers(.array, depth: depth + 1)
        case UInt8(ascii: "t"): try scanWord(Self.yes, .yes)
        case UInt8(ascii: "f"): try scanWord(Self.no, .no)
        case UInt8(ascii: "n"): try scanWord(Self.null, .null)
        default: try scanNumber()
        }
        nodes[number].next = Int32(nodes.count)
    }

    private mutating func add(_ kind: JSONText.Node.Kind, from start: Int) {
        nodes.append(JSONText.Node(kind: kind, start: Int32(start), end: Int32(place)))
    }

    private mutating func scanMembers(_ kind: JSONText.Node.Kind, depth: Int) throws(FormatError) {
        guard depth <= Self.deepest else { throw Self.invalid }
        let close: Unicode.Scalar = kind == .object ? "}" : "]"
        add(kind, from: place)
        place += 1
        skipSpace()
        if skip(close) { return }
        while true {
            if kind == .object {
                skipSpace()
                guard next == UInt8(ascii: "\"") else { throw Self.invalid }
                try scanText()
                nodes[nodes.count - 1].next = Int32(nodes.count)
                skipSpace()
                guard skip(":") else { throw Self.invalid }
            }
            try scanValue(depth: depth)
            skipSpace()
            if skip(close) { return }
            guard skip(",") else { throw Self.invalid }
        }
    }

    private static let yes = Array("true".utf8)
    private static let no = Array("false".utf8)
    private static let null = Array("null".utf8)

    private mutating func scanWord(_ word: [UInt8], _ kind: JSONText.Node.Kind) throws(FormatError) {
        let start = place
        for byte in word {
            guard next == byte else { throw Self.invalid }
            place += 1
        }
        add(kind, from: start)
    }

    private mutating func scanNumber() throws(FormatError) {
        let start = place
        _ = skip("-")
        if !skip("0") { try scanDigits() }
        if skip(".") { try scanDigits() }
        if skip("e") || skip("E") {
            _ = skip("+") || skip("-")
            try scanDigits()
        }
        add(.number, from: start)
    }

    private mutating func scanDigits() throws(FormatError) {
        let start = place
        while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { place += 1 }
        guard place > start else { throw Self.invalid }
    }
}

// MARK: - Text

extension JSONScanner {
    /// From the quote at `place` to behind the one that ends it.
    private mutating func scanText() throws(FormatError) {
        place += 1
        let start = place
        var kind = JSONText.Node.Kind.text
        while true {
            place = Self.endOfPlain(bytes.span, from: place)
            guard place < bytes.count else { throw Self.invalid }
            switch bytes[place] {
            case UInt8(ascii: "\""):
                add(kind, from: start)
                place += 1
                return
            case UInt8(ascii: "\\"):
                kind = .escapedText
                try scanEscape()
            case 0x80...: try scanCharacter()
            default: throw Self.invalid
            }
        }
    }

    /// The place of the next byte that ends a text or is not simply a part of it: most bytes of a record are.
    private static func endOfPlain(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var place = start
        while place + 8 <= bytes.count {
            let ends = Self.ends(bytes.word(at: place))
            if ends != 0 { return place + ends.trailingZeroBitCount / 8 }
            place += 8
        }
        while place < bytes.count {
            let byte = bytes[place]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            place += 1
        }
        return place
    }

    /// The highest bit of the first of eight bytes that is below 0x20, above 0x7F, `"` or `\`, and perhaps of later ones: a
    /// subtraction borrows from what follows only.
    private static func ends(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let (quote, backslash) = (word ^ (ones &* 0x22), word ^ (ones &* 0x5C))
        let low = (word &- (ones &* 0x20)) & ~word
        let isQuote = (quote &- ones) & ~quote
        let isBackslash = (backslash &- ones) & ~backslash
        return (word | low | isQuote | isBackslash) & (ones &* 0x80)
    }

    private mutating func scanEscape() throws(FormatError) {
        place += 1
        guard place < bytes.count, "\"\\/bfnrtu".utf8.contains(bytes[place]) else { throw Self.invalid }
        guard bytes[place] == UInt8(ascii: "u") else {
            place += 1
            return
        }
        guard let unit = JSONText.unit(bytes, at: place + 1) else { throw Self.invalid }
        place += 5
        if UTF16.isTrailSurrogate(unit) { throw Self.invalid }
        guard UTF16.isLeadSurrogate(unit) else { return }
        guard next == UInt8(ascii: "\\"), place + 1 < bytes.count, bytes[place + 1] == UInt8(ascii: "u"),
            let second = JSONText.unit(bytes, at: place + 2), UTF16.isTrailSurrogate(second)
        else { throw Self.invalid }
        place += 6
    }

    /// One character of two to four bytes: none longer than it need be, no surrogate, nothing above U+10FFFF.
    ///
    /// Source: The Unicode Standard, table 3-7.
    private mutating func scanCharacter() throws(FormatError) {
        let (count, second): (Int, ClosedRange<UInt8>) =
            switch bytes[place] {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xE1...0xEF: (3, 0x80...0xBF)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            default: throw Self.invalid
            }
        guard place + count <= bytes.count, second.contains(bytes[place + 1]),
            bytes[(place + 2)..<(place + count)].allSatisfy({ 0x80...0xBF ~= $0 })
        else { throw Self.invalid }
        place += count
    }
}

extension JSONText {
    /// The text of a string; its escapes were checked when it was found.
    func text(_ node: Node) -> String {
        let range = Int(node.start)..<Int(node.end)
        guard node.kind == .escapedText else { return String(decoding: bytes[range], as: UTF8.self) }
        var units: [UInt16] = []
        var text = ""
        func flush() {
            text += String(decoding: units, as: UTF16.self)
            units = []
        }
        var place = range.lowerBound
        while place < range.upperBound {
            if bytes[place] == UInt8(ascii: "\\") {
                if bytes[place + 1] == UInt8(ascii: "u") {
                    units.append(Self.unit(bytes, at: place + 2) ?? 0xFFFD)
                    place += 6
                } else {
                    units.append(UInt16(Self.escaped(bytes[place + 1])))
                    place += 2
                }
            } else {
                let end = bytes[place..<range.upperBound].firstIndex(of: UInt8(ascii: "\\")) ?? range.upperBound
                flush()
                text += String(decoding: bytes[place..<end], as: UTF8.self)
                place = end
            }
        }
        flush()
        return text
    }

    private static func escaped(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: byte
        }
    }

    /// Four hexadecimal digits.
    fileprivate static func unit(_ bytes: [UInt8], at place: Int) -> UInt16? {
        guard place + 4 <= bytes.count else { return nil }
        var unit: UInt16 = 0
        for byte in bytes[place..<(place + 4)] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt16(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): unit = unit << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): unit = unit << 4 | UInt16(byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return unit
    }

    /// True if the string is `name`, without making a `String` of it unless it has escapes.
    func equals(_ node: Node, _ name: String) -> Bool {
        if node.kind == .escapedText { return text(node) == name }
        guard Int(node.end - node.start) == name.utf8.count else { return false }
        return isSame(Int(node.start), name.utf8.span)
    }

    private func isSame(_ start: Int, _ name: Span<UInt8>) -> Bool {
        for index in name.indices where bytes[start + index] != name[index] { return false }
        return true
    }
}
