// SPDX-License-Identifier: Apache-2.0

/// File names as Bilge writes them down: printable ASCII, so that comparing, hashing and printing are exact and harmless.
///
/// A file name is bytes, not text. Swift's `String` would call two different names equal (Unicode normal forms), and a
/// name may hold an escape sequence meant for a terminal. So every byte outside printable ASCII, and `%` and `\`
/// themselves, is written `%XX`. Names that Docker makes need no escape and stay as they are.
package enum EntryName {
    /// Returns the escaped form of the bytes of one name or of a path (`/` stays).
    package static func escaped(_ bytes: some Collection<UInt8>) -> String {
        bytes.allSatisfy(isPlain) ? String(decoding: bytes, as: UTF8.self) : encoded(bytes)
    }

    private static func encoded(_ bytes: some Collection<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            if isPlain(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }

    /// The same, much faster: generic code is not specialised across modules.
    package static func escaped(_ bytes: [UInt8]) -> String { escaped(bytes.span) }

    package static func escaped(_ bytes: ArraySlice<UInt8>) -> String { escaped(bytes.span) }

    package static func escaped(_ bytes: Span<UInt8>) -> String {
        if isPlain(bytes) {
            // What is plain is ASCII, and so never fails.
            do { return String(copying: try UTF8Span(validating: bytes)) } catch {}
        }
        return encoded(bytes.indices.map { bytes[$0] })
    }

    /// Returns the escaped form of text out of a metadata file, such as a volume's name in a JSON document.
    package static func escaped(text: String) -> String { isPlain(text.utf8.span) ? text : escaped(text.utf8) }

    /// Returns the bytes that `escaped` came from.
    package static func bytes(_ escaped: some StringProtocol) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(escaped.utf8.count)
        var rest = escaped.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }

    /// True for 64 lowercase hexadecimal digits: image, container, layer and anonymous volume ids of every era.
    package static func isHexID(_ name: some StringProtocol) -> Bool {
        name.utf8.count == 64 && name.utf8.allSatisfy(isLowercaseHex)
    }

    /// The same, much faster: generic code is not specialised across modules.
    package static func isHexID(_ name: String) -> Bool { isHexID(name.utf8.span) }

    package static func isHexID(_ name: Substring) -> Bool { isHexID(name.utf8.span) }

    private static func isHexID(_ name: Span<UInt8>) -> Bool {
        guard name.count == 64 else { return false }
        for index in name.indices where !isLowercaseHex(name[index]) { return false }
        return true
    }

    /// True for the 25 characters of a BuildKit id (base 36). Source: BuildKit `identity/randomid.go`.
    package static func isBuildKitID(_ name: some StringProtocol) -> Bool {
        name.utf8.count == 25
            && name.utf8.allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    }

    package static func isBuildKitID(_ name: String) -> Bool { isBuildKitID(name.utf8.span) }

    package static func isBuildKitID(_ name: Substring) -> Bool { isBuildKitID(name.utf8.span) }

    private static func isBuildKitID(_ name: Span<UInt8>) -> Bool {
        guard name.count == 25 else { return false }
        for index in name.indices where !isDigit(name[index]) {
            guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(name[index]) else { return false }
        }
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLowercaseHex(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// True for ASCII without control characters.
    package static func isPrintable(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices where bytes[index] < 0x20 || bytes[index] >= 0x7F { return false }
        return true
    }

    /// True for what needs no escape.
    package static func isPlain(_ bytes: Span<UInt8>) -> Bool {
        var place = 0
        while place + 8 <= bytes.count {
            guard arePlain(bytes.word(at: place)) else { return false }
            place += 8
        }
        while place < bytes.count {
            guard isPlain(bytes[place]) else { return false }
            place += 1
        }
        return true
    }

    /// The same for eight bytes at once: a byte's highest bit is set below if it, or one before it, is not plain.
    private static func arePlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let (percent, backslash, delete) = (word ^ (ones &* 0x25), word ^ (ones &* 0x5C), word ^ (ones &* 0x7F))
        let low = (word &- (ones &* 0x20)) & ~word
        let others =
            ((percent &- ones) & ~percent) | ((backslash &- ones) & ~backslash) | ((delete &- ones) & ~delete)
        return (word | low | others) & (ones &* 0x80) == 0
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "%") && byte != UInt8(ascii: "\\")
    }

    /// True if two ids differ in one or two characters: no two ids are ever made so alike, so one of them was damaged.
    package static func areNearlyTheSame(_ one: some StringProtocol, _ other: some StringProtocol) -> Bool {
        guard one != other, one.utf8.count >= 25, one.utf8.count == other.utf8.count else { return false }
        // Where an id is compared with all that there are, nearly every pair is told apart by its first few characters.
        var different = 0
        for (a, b) in zip(one.utf8, other.utf8) where a != b {
            different += 1
            if different > 2 { return false }
        }
        return true
    }
}
