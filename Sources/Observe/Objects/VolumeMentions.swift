// SPDX-License-Identifier: Apache-2.0

import Model

/// Finds the ids of volumes anywhere in the record of a container.
///
/// A bit that flips in the path of a volume, in its id or in the word `Volumes` leaves a record that is as well-formed as
/// before and no longer names the volume. The id is 64 digits made at random, so that where half of one stands, that
/// volume is meant. Older engines have no other record of who uses an anonymous volume.
struct VolumeMentions: Sendable {
    /// Digits of half an id.
    private static let half = 32
    /// By the number that half of an id is.
    private let volumes: [UInt128: [RelativePath]]
    /// Which last digits such numbers have: a look here spares most looks there. One bit each for the last four.
    private let endings: [UInt64]

    /// - Parameter items: what all readers found; volumes without a chosen name count.
    init(_ items: Findings) {
        var volumes: [UInt128: [RelativePath]] = [:]
        var endings = [UInt64](repeating: 0, count: 1 << 10)
        for item in items.items(in: Volumes.folder) + items.items(in: Volumes.vfs) where item.thing == .anonymousVolume
        {
            let id = item.path.name
            guard id.utf8.count == 2 * Self.half else { continue }
            for half in [id.prefix(Self.half), id.suffix(Self.half)] {
                guard let number = UInt128(half, radix: 16) else { continue }
                volumes[number, default: []].append(item.path)
                let ending = Int(truncatingIfNeeded: number & 0xffff)
                endings[ending / 64] |= 1 << (ending % 64)
            }
        }
        self.volumes = volumes
        self.endings = endings
    }

    /// The volumes of which a half of the id stands in `record`.
    func volumes(in record: [UInt8]) -> Set<RelativePath> {
        guard !volumes.isEmpty else { return [] }
        var found: Set<RelativePath> = []
        let (record, endings, digits) = (record.span, endings.span, Self.digits.span)
        // Whatever is that long covers one of the places that are looked at: most bytes of a record are not.
        var place = Self.half - 1
        while place < record.count {
            guard digits[Int(record[place])] < 16 else {
                place += Self.half
                continue
            }
            var start = place
            while start > 0, digits[Int(record[start - 1])] < 16 { start -= 1 }
            var last: UInt64 = 0
            place = start
            while place < record.count {
                let digit = digits[Int(record[place])]
                guard digit < 16 else { break }
                last = last << 4 | UInt64(digit)
                place += 1
                let ending = Int(truncatingIfNeeded: last & 0xffff)
                guard place - start >= Self.half, endings[ending / 64] & 1 << (ending % 64) != 0 else { continue }
                var half: UInt128 = 0
                for index in place - Self.half..<place { half = half << 4 | UInt128(digits[Int(record[index])]) }
                found.formUnion(volumes[half] ?? [])
            }
            place += Self.half
        }
        return found
    }

    /// What each byte is worth as a hexadecimal digit; 255 for what is none.
    private static let digits: [UInt8] = (UInt8.min...UInt8.max).map { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): return byte - UInt8(ascii: "a") + 10
        default: return 255
        }
    }
}
