// SPDX-License-Identifier: Apache-2.0

import Observe

/// Reads the bytes as a bolt database, and what it holds as each of the databases that Bilge knows.
enum BoltFuzz {
    static func run(_ bytes: UnsafeRawBufferPointer) {
        do {
            // Half of the inputs get right checksums: no mutation would ever find one.
            let found = try BoltFile.read(bytes: bytes.count % 2 == 0 ? withChecksums(bytes) : Array(bytes))
            walk(found.root, depth: 0)
            // Each in a scope of its own: what is none of the one may be the other.
            do { _ = try ContainerdDatabase(found.root) } catch {}
            do { _ = try SnapshotterDatabase(found.root) } catch {}
        } catch {
            // Refusing is always right.
        }
    }

    /// Every key and value can be reached, keys ascend, and each is found by its name.
    private static func walk(_ bucket: BoltBucket, depth: Int) {
        precondition(depth <= 64, "buckets are nested without an end")
        var previous: ArraySlice<UInt8>?
        for entry in bucket {
            if let previous { precondition(previous.lexicographicallyPrecedes(entry.key), "keys do not ascend") }
            previous = entry.key
            switch entry.value {
            case .bytes(let bytes): precondition(bytes.count <= 1 << 28)
            case .bucket(let below): walk(below, depth: depth + 1)
            }
        }
    }

    private static func withChecksums(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var bytes = Array(bytes)
        guard bytes.count >= 80 else { return bytes }
        let size = Int(bytes[24]) | Int(bytes[25]) << 8 | Int(bytes[26]) << 16
        for start in [0, size] where start + 80 <= bytes.count {
            var sum: UInt64 = 0xCBF2_9CE4_8422_2325
            for index in start + 16..<start + 72 { sum = (sum ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
            for index in 0..<8 { bytes[start + 72 + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt64(index))) }
        }
        return bytes
    }
}
