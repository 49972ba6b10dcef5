// SPDX-License-Identifier: Apache-2.0

/// A hash of text for dictionaries that live as long as this process.
///
/// The standard library's hash withstands somebody who chooses both keys and seed; on the long paths of a large root it
/// took a twentieth of the time. This one multiplies eight bytes at a time into a state that begins with a secret.
enum ByteDigest {
    private static let secret = UInt64.random(in: .min ... .max)
    private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15

    static func of(_ bytes: Span<UInt8>) -> Int {
        var state = secret ^ UInt64(truncatingIfNeeded: bytes.count)
        var place = 0
        while place + 8 <= bytes.count {
            state = mixed(state, bytes.word(at: place))
            place += 8
        }
        var rest: UInt64 = 0
        while place < bytes.count {
            rest = rest << 8 | UInt64(bytes[place])
            place += 1
        }
        state = mixed(state, rest)
        return Int(truncatingIfNeeded: state)
    }

    /// Both halves of the product, folded, so that every bit of the word counts in every bit of the state.
    private static func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word).multipliedFullWidth(by: factor)
        return (product.high ^ product.low) &+ secret
    }
}
