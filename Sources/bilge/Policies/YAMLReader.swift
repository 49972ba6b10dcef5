// SPDX-License-Identifier: Apache-2.0

/// Reads the part of YAML that a list of settings needs, and refuses the rest instead of guessing at it.
///
/// Understood: maps and lists by their indentation, values of one line, plain or in quotes, lists of values in brackets,
/// comments. Refused, each with its line: anchors, aliases, tags, maps in braces, texts of several lines, directives,
/// further documents, tabs, and a key that stands twice. What is understood means what YAML 1.2 says, but that a value
/// is the text that was written: `yes`, `0x10` and `~` are three words.
struct YAMLReader {
    private struct Line {
        let number: Int
        /// Spaces before the text.
        let indent: Int
        /// Without spaces at both ends; never empty, and no comment.
        let text: Substring.UnicodeScalarView
    }

    private var lines: ArraySlice<Line> = []
    /// Maps inside maps: more is no policy, and would only use up the stack.
    private static let deepest = 8

    /// - Throws: the first thing that is not understood.
    static func read(_ text: String) throws(PolicyFileError) -> YAMLNode {
        var reader = YAMLReader()
        reader.lines = try Self.lines(text)[...]
        guard let first = reader.lines.first else { return YAMLNode(line: 1, value: .nothing) }
        let node = try reader.block(indent: first.indent, depth: 0)
        if let rest = reader.lines.first {
            throw PolicyFileError(
                line: rest.number, reason: "this does not fit what stands above it: is it indented as it should be")
        }
        return node
    }

    // MARK: - Lines

    /// The lines that say something.
    private static func lines(_ text: String) throws(PolicyFileError) -> [Line] {
        var lines: [Line] = []
        var hasBegun = false
        let scalars =
            text.unicodeScalars.first == "\u{FEFF}" ? text.unicodeScalars.dropFirst() : text.unicodeScalars[...]
        for (index, raw) in scalars.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            func wrong(_ reason: String) -> PolicyFileError { PolicyFileError(line: index + 1, reason: reason) }
            let line = raw.last == "\r" ? raw.dropLast() : raw
            let indent = line.prefix { $0 == " " }.count
            let rest = line.dropFirst(indent)
            guard let first = rest.first, first != "#" else { continue }
            if let control = rest.first(where: { $0 != "\t" && $0.properties.generalCategory == .control }) {
                throw wrong("a character that cannot be seen: U+\(String(control.value, radix: 16, uppercase: true))")
            }
            guard first != "\t" else { throw wrong("indented by a tab: YAML wants spaces") }
            if indent == 0, rest.starts(with: "---".unicodeScalars) || rest.starts(with: "...".unicodeScalars) {
                guard !hasBegun, isEnd(rest.dropFirst(3)), first == "-" else {
                    throw wrong("another document: a policy is one")
                }
                hasBegun = true
                continue
            }
            if indent == 0, first == "%" { throw wrong("directives are not understood here") }
            hasBegun = true
            lines.append(Line(number: index + 1, indent: indent, text: trimmed(rest)))
        }
        return lines
    }

    private static func trimmed(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        var text = text.drop { $0 == " " }
        while text.last == " " { text = text.dropLast() }
        return text
    }

    /// True if nothing follows but spaces and a comment, which a space has to come before.
    private static func isEnd(_ rest: Substring.UnicodeScalarView) -> Bool {
        let text = trimmed(rest)
        return text.isEmpty || (text.first == "#" && rest.first == " ")
    }

    // MARK: - Maps and lists by indentation

    private mutating func block(indent: Int, depth: Int) throws(PolicyFileError) -> YAMLNode {
        guard let first = lines.first else { return YAMLNode(line: 1, value: .nothing) }
        guard depth < Self.deepest else {
            throw PolicyFileError(line: first.number, reason: "this is nested too deeply")
        }
        return try Self.isEntry(first) ? list(indent) : map(indent, depth)
    }

    private static func isEntry(_ line: Line) -> Bool {
        line.text.first == "-" && (line.text.count == 1 || line.text.dropFirst().first == " ")
    }

    private mutating func map(_ indent: Int, _ depth: Int) throws(PolicyFileError) -> YAMLNode {
        var pairs: [YAMLNode.Pair] = []
        let start = lines.first?.number ?? 1
        while let line = lines.first, line.indent == indent {
            guard !Self.isEntry(line) else {
                throw PolicyFileError(line: line.number, reason: "a list does not belong between keys")
            }
            var scanner = YAMLScanner(line.text, line: line.number)
            let key = try scanner.key()
            if let other = pairs.first(where: { $0.key == key }) {
                throw PolicyFileError(line: line.number, reason: "\(key) stands twice, first in line \(other.line)")
            }
            lines.removeFirst()
            let value = try value(after: line, scanner, depth, ofKey: true)
            pairs.append(YAMLNode.Pair(key: key, line: line.number, value: value))
        }
        return YAMLNode(line: start, value: .map(pairs))
    }

    private mutating func list(_ indent: Int) throws(PolicyFileError) -> YAMLNode {
        var nodes: [YAMLNode] = []
        let start = lines.first?.number ?? 1
        while let line = lines.first, line.indent == indent, Self.isEntry(line) {
            lines.removeFirst()
            nodes.append(try value(after: line, YAMLScanner(line.text.dropFirst(), line: line.number), 0, ofKey: false))
        }
        return YAMLNode(line: start, value: .list(nodes))
    }

    /// What stands behind a key or a dash: in the same line, or, behind a key, indented below it.
    private mutating func value(
        after line: Line, _ scanner: YAMLScanner, _ depth: Int, ofKey: Bool
    ) throws(PolicyFileError) -> YAMLNode {
        var scanner = scanner
        let isInLine = !scanner.isAtEnd
        let node = YAMLNode(line: line.number, value: isInLine ? try scanner.value() : .nothing)
        guard let next = lines.first else { return node }
        guard ofKey, !isInLine else {
            guard next.indent <= line.indent else {
                throw PolicyFileError(
                    line: next.number, reason: "this is indented below a value: a value stands in one line")
            }
            return node
        }
        if next.indent > line.indent { return try block(indent: next.indent, depth: depth + 1) }
        // The entries of a list may begin where its key does.
        return next.indent == line.indent && Self.isEntry(next) ? try list(next.indent) : node
    }
}
