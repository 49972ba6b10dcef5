// SPDX-License-Identifier: Apache-2.0

/// Ids and file contents that look random and are the same in every build: they follow from a label.
enum SampleID {
    /// 64 hexadecimal digits.
    static func hex(_ label: String) -> String { full(of: "", label) }

    /// 64 hexadecimal digits that begin with those that are known.
    static func full(of start: String, _ label: String = "") -> String {
        var numbers = Numbers(label.isEmpty ? start : label)
        var id = start
        while id.utf8.count < 64 {
            let digits = String(numbers.next(), radix: 16)
            id += String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        return String(id.prefix(64))
    }

    /// The 26 characters of an overlay2 link.
    static func link(_ label: String) -> String {
        var numbers = Numbers(label)
        return String(decoding: (0..<26).map { _ in alphabet[Int(numbers.next() >> 59)] }, as: UTF8.self)
    }

    /// Bytes that do not compress.
    static func bytes(_ label: String, count: Int) -> [UInt8] {
        var numbers = Numbers(label)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            let number = numbers.next()
            for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        return Array(bytes.prefix(count))
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
}

/// SplitMix64, begun with the FNV-1a hash of a label.
private struct Numbers {
    private var state: UInt64

    init(_ label: String) {
        state = label.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
