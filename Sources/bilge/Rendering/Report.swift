// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Model

/// The answer of a command, in every form in which it can be printed.
protocol Report: Sendable {
    /// For people.
    func lines(_ style: Style) -> [String]
    /// For programs: one object, and a line feed.
    func write(json out: (String) -> Void) throws
    /// For `-q`.
    var ids: [String] { get }
    /// What must be said even if only ids were asked for: what was not done, and why.
    var exceptions: [String] { get }
}

extension Report {
    var ids: [String] { [] }
    var exceptions: [String] { [] }
}

extension Report {
    func json() throws -> String {
        var text = ""
        try write { text += $0 }
        return text
    }
}

/// What is saved and read again, such as a plan, in JSON that may reach a terminal.
enum JSONText {
    /// Keys in alphabetical order, so that two equal values are equal byte for byte.
    static func encode(_ value: some Encodable, pretty: Bool = false) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        let json = String(decoding: try encoder.encode(value), as: UTF8.self)
        guard !json.utf8.allSatisfy({ $0 < 0x7F }) else { return json }
        return json.unicodeScalars.reduce(into: "") { text, scalar in
            // Line feeds are its own: those in names are escaped already.
            if scalar == "\n" || Shown.isHarmless(scalar) {
                text.unicodeScalars.append(scalar)
            } else {
                text += JSONValue.escape(scalar)
            }
        }
    }
}
