// SPDX-License-Identifier: Apache-2.0

/// A value of JSON, written as it may reach a terminal.
///
/// Members keep the order they are given in, so that two equal answers are equal byte for byte; and a large answer is
/// written element by element, without being held as a whole.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case string(String)
    case array([JSONValue])
    case members([(name: String, value: JSONValue)])
    /// JSON already, such as an encoded plan.
    case encoded(String)

    /// Members that are `nil` are left out.
    static func object(_ members: (name: String, value: JSONValue?)...) -> JSONValue {
        .members(members.compactMap { member in member.value.map { (member.name, $0) } })
    }

    static func integer(_ number: Int) -> JSONValue { .integer(Int64(number)) }

    static func strings(_ texts: some Sequence<String>) -> JSONValue { .array(texts.map { .string($0) }) }

    var text: String {
        var text = ""
        write(to: &text)
        return text
    }

    func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let number): text += String(number)
        case .string(let string): Self.write(string, to: &text)
        case .encoded(let json): text += json
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                element.write(to: &text)
            }
            text += "]"
        case .members(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                Self.write(member.name, to: &text)
                text += ":"
                member.value.write(to: &text)
            }
            text += "}"
        }
    }

    private static func write(_ string: String, to text: inout String) {
        text += "\""
        let isPlain = string.utf8.allSatisfy {
            $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain {
            text += string
        } else {
            for scalar in string.unicodeScalars {
                if scalar == "\"" || scalar == "\\" { text += "\\" }
                if Shown.isHarmless(scalar) { text.unicodeScalars.append(scalar) } else { text += escape(scalar) }
            }
        }
        text += "\""
    }

    /// JSON requires an escape below U+0020 only; terminals listen to U+007F…U+009F and to invisible letters, too.
    static func escape(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }
}

/// A member of the one object that a command answers with.
enum JSONMember {
    case value(JSONValue)
    /// One element per line: easy to look through, and to compare with the answer of yesterday.
    case list(any Sequence<JSONValue>)
}

/// Writes the one object, a part at a time.
func writeJSON(_ members: [(name: String, value: JSONMember)], to out: (String) -> Void) {
    var text = "{"
    func flush(above limit: Int) {
        guard text.utf8.count > limit else { return }
        out(text)
        text = ""
    }
    for (index, member) in members.enumerated() {
        text += (index > 0 ? ",\n" : "") + "\"\(member.name)\":"
        switch member.value {
        case .value(let value): value.write(to: &text)
        case .list(let elements):
            var isFirst = true
            for element in elements {
                text += isFirst ? "[\n" : ",\n"
                isFirst = false
                element.write(to: &text)
                flush(above: 1 << 16)
            }
            text += isFirst ? "[]" : "\n]"
        }
    }
    text += "}\n"
    flush(above: 0)
}
