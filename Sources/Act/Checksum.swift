// SPDX-License-Identifier: Apache-2.0

/// FNV-1a, 64 bits: tells a file that was written to its end from one that was not.
///
/// It is no protection against somebody who forges a file; that is what the trash's mode 0700 is for.
enum Checksum {
    /// 16 hexadecimal digits.
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// `body` below a line that says what it is and checks it: `bilge <version> <checksum>`.
    static func sealed(_ body: [UInt8]) -> [UInt8] { Array("bilge 1 \(text(body))\n".utf8) + body }

    /// What `sealed` was made from, or why it cannot be trusted.
    static func opened(_ bytes: [UInt8]) throws(Unsealed) -> [UInt8] {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")), end < 64 else { throw .damaged }
        let head = String(decoding: bytes[..<end], as: UTF8.self).split(
            separator: " ", omittingEmptySubsequences: false)
        guard head.count == 3, head[0] == "bilge" else { throw .damaged }
        guard head[1] == "1" else { throw .otherVersion }
        let body = Array(bytes[(end + 1)...])
        guard text(body) == head[2] else { throw .damaged }
        return body
    }

    enum Unsealed: Error {
        case damaged, otherVersion

        var reason: String {
            switch self {
            case .damaged: "is not whole"
            case .otherVersion: "was written by another version of bilge"
            }
        }
    }
}
