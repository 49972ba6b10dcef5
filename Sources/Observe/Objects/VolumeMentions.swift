// SPDX-License-Identifier: Apache-2.0

import Model

/// Finds the ids of volumes anywhere in the record of a container.
///
/// A bit that flips in the path of a volume, in its id or in the word `Volumes` leaves a record that is as well-formed as
/// before and no longer names the volume. The id is 64 digits made at random, so that where half of one stands, that
/// volume is meant. Older engines have no other record of who uses an anonymous volume.
struct VolumeMentions: Sendable {
    private static let half = 32
    private let volumes: [ArraySlice<UInt8>: [RelativePath]]

    /// - Parameter items: what all readers found; volumes without a chosen name count.
    init(_ items: Findings) {
        var volumes: [ArraySlice<UInt8>: [RelativePath]] = [:]
        for item in items.items(in: Volumes.folder) + items.items(in: Volumes.vfs) where item.thing == .anonymousVolume
        {
            let id = Array(item.path.name.utf8)
            guard id.count == 2 * Self.half else { continue }
            volumes[id.prefix(Self.half), default: []].append(item.path)
            volumes[id.suffix(Self.half), default: []].append(item.path)
        }
        self.volumes = volumes
    }

    /// The volumes of which a half of the id stands in `record`.
    func volumes(in record: [UInt8]) -> Set<RelativePath> {
        guard !volumes.isEmpty else { return [] }
        var found: Set<RelativePath> = []
        // Whatever is that long covers one of the places that are looked at: most bytes of a record are not.
        var place = Self.half - 1
        while place < record.count {
            guard Self.isDigit(record[place]) else {
                place += Self.half
                continue
            }
            var (start, end) = (place, place + 1)
            while start > 0, Self.isDigit(record[start - 1]) { start -= 1 }
            while end < record.count, Self.isDigit(record[end]) { end += 1 }
            for half in stride(from: start, through: end - Self.half, by: 1) {
                found.formUnion(volumes[record[half..<(half + Self.half)]] ?? [])
            }
            place = end + Self.half
        }
        return found
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
