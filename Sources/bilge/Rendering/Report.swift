// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Model

/// The answer of a command, in every form in which it can be printed.
protocol Report: Sendable {
    /// For people.
    func lines(_ style: Style) -> [String]
    /// For programs: one object, with a line feed.
    func json() throws -> String
    /// For `-q`.
    var ids: [String] { get }
}

extension Report {
    var ids: [String] { [] }
}

/// JSON as it may reach a terminal.
enum JSONText {
    /// Keys in alphabetical order, so that two equal answers are equal byte for byte.
    static func encode(_ value: some Encodable, pretty: Bool = false) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        return harmless(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// An object whose members come in the given order, an array with one element per line.
    static func object(_ members: [(name: String, value: String)]) -> String {
        "{" + members.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ",\n") + "}\n"
    }

    /// One element per line: easy to look through, and to compare with the answer of yesterday.
    static func array(_ values: some Sequence<some Encodable>) throws -> String {
        let lines = try values.map { try encode($0) }
        return lines.isEmpty ? "[]" : "[\n" + lines.joined(separator: ",\n") + "\n]"
    }

    /// JSON requires an escape below U+0020 only; terminals listen to U+007F…U+009F and to invisible letters, too.
    private static func harmless(_ json: String) -> String {
        guard !json.utf8.allSatisfy({ $0 < 0x7F }) else { return json }
        var text = ""
        for scalar in json.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                if scalar == "\n" {
                    text.unicodeScalars.append(scalar)
                } else {
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                }
            default: text.unicodeScalars.append(scalar)  // The categories are Unicode's, not ours.
            }
        }
        return text
    }
}
