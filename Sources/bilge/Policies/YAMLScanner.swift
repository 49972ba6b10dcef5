// SPDX-License-Identifier: Apache-2.0

/// Reads one line of YAML: a key, and a value or a list of values in brackets.
struct YAMLScanner {
    private var rest: Substring.UnicodeScalarView
    private let line: Int

    init(_ text: Substring.UnicodeScalarView, line: Int) {
        rest = text
        self.line = line
    }

    /// True if nothing follows but spaces and a comment.
    var isAtEnd: Bool {
        let text = rest.drop { $0 == " " }
        return text.isEmpty || (text.first == "#" && text.startIndex > rest.startIndex)
    }

    private func wrong(_ reason: String) -> PolicyFileError { PolicyFileError(line: line, reason: reason) }

    /// What stands before a colon that a space or the end of the line follows.
    mutating func key() throws(PolicyFileError) -> String {
        let key: String
        if let quote = rest.first, quote == "\"" || quote == "'" {
            key = try quoted(quote)
            rest = rest.drop { $0 == " " }
        } else {
            try refuse(rest)
            var text = Substring.UnicodeScalarView()
            while let scalar = rest.first, !isColon {
                if scalar == "#", text.last == " " { break }
                text.append(scalar)
                rest.removeFirst()
            }
            while text.last == " " { text.removeLast() }
            key = String(text)
        }
        guard isColon, !key.isEmpty else { throw wrong("this is no key with a colon behind it") }
        rest.removeFirst()
        return key
    }

    private var isColon: Bool {
        guard rest.first == ":" else { return false }
        let next = rest.dropFirst().first
        return next == nil || next == " "
    }

    /// The value that is the rest of the line.
    mutating func value() throws(PolicyFileError) -> YAMLNode.Value {
        rest = rest.drop { $0 == " " }
        let value: YAMLNode.Value = rest.first == "[" ? .list(try entries()) : .scalar(try scalar(ends: []))
        guard isAtEnd else { throw wrong("nothing may follow this value in its line") }
        return value
    }

    private mutating func entries() throws(PolicyFileError) -> [YAMLNode] {
        var nodes: [YAMLNode] = []
        rest.removeFirst()
        while true {
            rest = rest.drop { $0 == " " }
            if nodes.isEmpty, rest.first == "]" { break }
            guard rest.first != ",", rest.first != "]" else { throw wrong("an entry of the list is missing") }
            nodes.append(YAMLNode(line: line, value: .scalar(try scalar(ends: [",", "]"]))))
            rest = rest.drop { $0 == " " }
            if rest.first == "]" { break }
            guard rest.first == "," else { throw wrong("a list in brackets ends in the line in which it begins") }
            rest.removeFirst()
        }
        rest.removeFirst()
        return nodes
    }

    /// - Parameter ends: what ends a plain value, beside a comment and the end of the line.
    private mutating func scalar(ends: Set<Unicode.Scalar>) throws(PolicyFileError) -> String {
        guard let first = rest.first else { throw wrong("a list in brackets ends in the line in which it begins") }
        if first == "\"" || first == "'" { return try quoted(first) }
        try refuse(rest)
        var text = Substring.UnicodeScalarView()
        while let scalar = rest.first, !ends.contains(scalar) {
            guard scalar != "#" || text.last != " " else {
                // A comment is the rest of the line.
                rest = rest.suffix(0)
                break
            }
            guard scalar != "\t" else { throw wrong("a tab: YAML wants spaces") }
            guard !isColon else { throw wrong("a colon with a space behind it makes a key: quotes are missing") }
            guard ends.isEmpty || !"[]{}".unicodeScalars.contains(scalar) else {
                throw wrong("brackets in a list: quotes are missing")
            }
            text.append(scalar)
            rest.removeFirst()
        }
        while text.last == " " { text.removeLast() }
        guard !text.isEmpty else { throw wrong("a list in brackets ends in the line in which it begins") }
        return String(text)
    }

    /// What begins a plain value in YAML only if it means something else.
    private func refuse(_ text: Substring.UnicodeScalarView) throws(PolicyFileError) {
        guard let first = text.first else { return }
        switch first {
        case "&", "*": throw wrong("anchors and aliases are not understood here; a value that begins so needs quotes")
        case "!": throw wrong("tags are not understood here; a value that begins so needs quotes")
        case "{", "}": throw wrong("maps stand in lines of their own here, not in braces")
        case "|", ">":
            throw wrong("texts of several lines are not understood here; a value that begins so needs quotes")
        case "%", "@", "`", ",", "]", "[", "#": throw wrong("a value that begins with \(first) needs quotes")
        case "\t": throw wrong("a tab: YAML wants spaces")
        case "-", "?", ":":
            let next = text.dropFirst().first
            if next == nil || next == " " { throw wrong("a value that begins with \(first) and a space needs quotes") }
        default: break  // Any other letter.
        }
    }

    private mutating func quoted(_ quote: Unicode.Scalar) throws(PolicyFileError) -> String {
        var text = Substring.UnicodeScalarView()
        rest.removeFirst()
        while let scalar = rest.popFirst() {
            if scalar == quote {
                // In single quotes, two of them are one.
                guard quote == "'", rest.first == "'" else { return String(text) }
                rest.removeFirst()
                text.append("'")
            } else if scalar == "\\", quote == "\"" {
                guard let escaped = rest.popFirst(), "\\\"/".unicodeScalars.contains(escaped) else {
                    throw wrong("after a backslash in double quotes, only \\ \" and / are understood here")
                }
                text.append(escaped)
            } else {
                text.append(scalar)
            }
        }
        throw wrong("the quotes are not closed in their line")
    }
}
