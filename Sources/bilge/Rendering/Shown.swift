// SPDX-License-Identifier: Apache-2.0

import Model

/// Text as it may reach a terminal: no byte of a file name or a record is ever taken for a command to the terminal.
enum Shown {
    /// A name or path in `EntryName`'s form: decoded if all of it is text, else as it is, with `%XX`.
    static func text(_ escaped: some StringProtocol) -> String {
        guard escaped.utf8.contains(UInt8(ascii: "%")) else { return String(escaped) }
        guard let decoded = decoded(escaped), decoded.unicodeScalars.allSatisfy(isHarmless) else {
            return String(escaped)
        }
        return decoded
    }

    static func text(_ path: RelativePath) -> String { text(path.text) }

    /// Text out of a record: a tag, the name of a container or of a process, a reason.
    static func raw(_ text: String) -> String {
        if EntryName.isPrintable(text.utf8.span) || text.unicodeScalars.allSatisfy(isHarmless) { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            if isHarmless(scalar) {
                safe.unicodeScalars.append(scalar)
            } else {
                for byte in String(scalar).utf8 {
                    safe += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
                }
            }
        }
        return safe
    }

    /// The name as text, whatever is in it; `nil` if it is not UTF-8. For JSON, which escapes for itself.
    static func decoded(_ escaped: some StringProtocol) -> String? {
        // Most names need no escape, and are looked at very often.
        guard escaped.utf8.contains(UInt8(ascii: "%")) else { return String(escaped) }
        return String(validating: EntryName.bytes(escaped), as: UTF8.self)
    }

    /// Columns that text takes on a terminal: two for the wide letters of East Asia and for pictures, none for marks.
    static func width(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.unicodeScalars.reduce(0) { $0 + width($1) }
    }

    private static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: break  // The categories are Unicode's, not ours.
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }

    /// Refused: control characters, and what reorders or hides text without being seen.
    static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value >= 0x20 && scalar.value < 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return false
        default: return true  // The categories are Unicode's, not ours.
        }
    }
}
