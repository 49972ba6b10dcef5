// SPDX-License-Identifier: Apache-2.0

import Model

/// Numbers and times as containerd writes them into its databases.
///
/// Source: Go `encoding/binary` (`PutUvarint`, `PutVarint`), `time.Time.MarshalBinary`; containerd
/// `core/metadata/boltutil/helpers.go`.
enum GoValue {
    /// Seven bits a byte, lowest first; `nil` unless the bytes are exactly one number.
    static func uvarint(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        guard (1...10).contains(bytes.count) else { return nil }
        var value: UInt64 = 0
        for (index, byte) in bytes.enumerated() {
            let isLast = index + 1 == bytes.count
            guard (byte & 0x80 == 0) == isLast, index < 9 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
        }
        return value
    }

    /// The same with the sign in the lowest bit.
    static func varint(_ bytes: ArraySlice<UInt8>) -> Int64? {
        uvarint(bytes).map { Int64(bitPattern: $0 >> 1) ^ -Int64($0 & 1) }
    }

    /// Version 1: seconds since the year 1 as i64, nanoseconds as i32, minutes east of Greenwich as i16 (-1: UTC), all
    /// big-endian. Version 2 has one more byte, for seconds of the zone.
    static func time(_ bytes: ArraySlice<UInt8>) -> Timestamp? {
        let bytes = Array(bytes)
        guard bytes.count == 15 && bytes[0] == 1 || bytes.count == 16 && bytes[0] == 2 else { return nil }
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        // From the first of January of the year 1 to that of 1970.
        let (seconds, overflow) = Int64(bitPattern: number(1..<9)).subtractingReportingOverflow(62_135_596_800)
        let nanoseconds = Int64(number(9..<13))
        guard !overflow, nanoseconds < 1_000_000_000, abs(seconds) < 8_000_000_000 else { return nil }
        return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    }
}
