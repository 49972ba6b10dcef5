// SPDX-License-Identifier: Apache-2.0

/// What somebody pressed.
enum Key: Hashable, Sendable {
    case up, down, pageUp, pageDown, first, last, tick, tickAll, accept, leave
    /// Anything else.
    case other

    /// The keys in what a terminal sent at once.
    ///
    /// Source: ECMA-48 and xterm's `ctlseqs`: cursor keys are `ESC [ A` or `ESC O A`, others `ESC [ 5 ~`.
    static func keys(in bytes: [UInt8]) -> [Key] {
        var keys: [Key] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x1B:
                guard let next = rest.first else {
                    keys.append(.leave)
                    continue
                }
                guard next == UInt8(ascii: "[") || next == UInt8(ascii: "O") else {
                    keys.append(.other)
                    continue
                }
                rest.removeFirst()
                keys.append(sequence(&rest))
            case UInt8(ascii: "k"), 0x10: keys.append(.up)
            case UInt8(ascii: "j"), 0x0E: keys.append(.down)
            case UInt8(ascii: "g"): keys.append(.first)
            case UInt8(ascii: "G"): keys.append(.last)
            case UInt8(ascii: " "): keys.append(.tick)
            case UInt8(ascii: "a"): keys.append(.tickAll)
            case 0x0D, 0x0A: keys.append(.accept)
            // Ctrl-C and Ctrl-D arrive as bytes here.
            case UInt8(ascii: "q"), 0x03, 0x04: keys.append(.leave)
            default: keys.append(.other)  // Bytes are the terminal's.
            }
        }
        return keys
    }

    /// What follows `ESC [`: parameters, and a final byte.
    private static func sequence(_ rest: inout ArraySlice<UInt8>) -> Key {
        var parameters = ""
        while let byte = rest.popFirst() {
            guard byte >= 0x40 else {
                parameters.unicodeScalars.append(Unicode.Scalar(byte))
                continue
            }
            switch (byte, parameters) {
            case (UInt8(ascii: "A"), _): return .up
            case (UInt8(ascii: "B"), _): return .down
            case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"), (UInt8(ascii: "~"), "7"): return .first
            case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"), (UInt8(ascii: "~"), "8"): return .last
            case (UInt8(ascii: "~"), "5"): return .pageUp
            case (UInt8(ascii: "~"), "6"): return .pageDown
            default: return .other  // Bytes are the terminal's.
            }
        }
        return .other
    }
}
