// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite("Names and paths")
struct PathTests {
    /// Printable ASCII, but for the two that begin an escape.
    private static func isPlain(_ byte: UInt8) -> Bool { 0x20..<0x7F ~= byte && byte != 0x25 && byte != 0x5C }

    @Test("every byte is told plain or not, wherever in a name it stands")
    func plain() {
        for length in [1, 7, 8, 9, 16, 23] {
            for place in 0..<length {
                for byte in UInt8.min...UInt8.max {
                    var bytes = [UInt8](repeating: 0x61, count: length)
                    bytes[place] = byte
                    #expect(EntryName.isPlain(bytes.span) == Self.isPlain(byte), "\(byte) at \(place) of \(length)")
                    #expect(EntryName.bytes(EntryName.escaped(bytes)) == bytes)
                }
            }
        }
    }

    @Test("a path is the same however it was put together, and no other one is")
    func equality() {
        let names = (0...40).map { String(repeating: "n", count: $0) + "x" }
        var paths: Set<RelativePath> = []
        for name in names {
            let path = RelativePath("overlay2") / name
            #expect(path == RelativePath("overlay2/" + name) && path.text == "overlay2/" + name)
            #expect(path == RelativePath("overlay2") / "/\(name)/".split(separator: "/")[0])
            #expect(paths.insert(path).inserted)
            #expect(!paths.insert(RelativePath(bytes: ("overlay2/" + name).utf8)).inserted)
        }
        // The ends of long paths, and zeros, count as much as everything else.
        for place in 0..<80 {
            var bytes = [UInt8](repeating: 0x61, count: 80)
            bytes[place] = 0x62
            #expect(paths.insert(RelativePath(bytes: bytes)).inserted)
        }
        #expect(paths.count == 121 && !paths.contains(.root) && RelativePath.root / "a" == RelativePath("a"))
    }

    @Test("which directory a path is directly in, and which hold it")
    func containment() {
        let path = RelativePath("image/overlay2/layerdb")
        #expect(RelativePath("image").contains(path) && RelativePath.root.contains(path) && path.contains(path))
        #expect(!RelativePath("imag").contains(path) && !RelativePath("image/overlay2/layerdb/x").contains(path))
        #expect(!RelativePath("image/overlay").contains(path) && !RelativePath("graph").contains(path))
    }
}
