// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@testable import Observe

@Suite struct BoltTests {
    static let sample: [String: BoltImage.Value] = [
        "alpha": .text("1"),
        "beta": .bucket(["one": .text("1"), "two": .text(""), "inner": .pagedBucket(["x": .text("y")])]),
        "empty": .pagedBucket([:]),
        "gamma": .pagedBucket(Dictionary(uniqueKeysWithValues: (0..<40).map { ("key\($0)", .text("value \($0)")) })),
        "long": .bytes([UInt8](repeating: 7, count: 10_000)),
        "tiny": .bucket([:]),
    ]

    @Test("what was written is read", arguments: [1024, 4096, 16384, 65536], [3, 1000])
    func roundTrip(pageSize: Int, leafCapacity: Int) throws {
        var image = BoltImage(pageSize: pageSize, leafCapacity: leafCapacity)
        let found = try read(image.bytes(Self.sample))
        #expect(found.doubt == nil)
        #expect(found.transaction == 7)
        #expect(found.root.map(\.name) == ["alpha", "beta", "empty", "gamma", "long", "tiny"])
        #expect(try found.root.bucket("gamma")?.map(\.name) == (0..<40).map { "key\($0)" }.sorted())
        for index in 0..<40 {
            let bytes = try found.root.bucket("gamma")?.bytes("key\(index)")
            #expect(bytes.map { String(decoding: $0, as: UTF8.self) } == "value \(index)")
        }
        #expect(try found.root.bytes("long")?.count == 10_000)
        #expect(try found.root.bucket("beta")?.bucket("inner")?.bytes("x") == [UInt8(ascii: "y")])
        #expect(try found.root.bucket("tiny")?.map(\.name) == [])
        #expect(try found.root.bucket("empty")?.map(\.name) == [])
        #expect(try found.root.bucket("zeta") == nil)
        #expect(try found.root.bytes("") == nil)
    }

    @Test("a key that holds something else than expected is an error, not an absence")
    func wrongKind() throws {
        var image = BoltImage()
        let root = try read(image.bytes(Self.sample)).root
        #expect(throws: BoltError.wrongKind(key: "alpha")) { try root.bucket("alpha") }
        #expect(throws: BoltError.wrongKind(key: "beta")) { try root.bytes("beta") }
    }

    @Test("no file, an empty file, a folder, and something else are each told apart")
    func notADatabase() throws {
        let directory = try TemporaryDirectory()
        try directory.write("empty.db")
        try directory.write("text.db", String(repeating: "no database. ", count: 20_000))
        try directory.makeDirectory("folder.db")
        try directory.makeLink("link.db", to: "text.db")
        let root = try directory.open()
        #expect(throws: BoltError.empty) { try BoltFile.read(root.file(RelativePath("empty.db"))) }
        #expect(throws: BoltError.noValidMeta) {
            try BoltFile.read(root.file(RelativePath("text.db")), pause: { _ in })
        }
        #expect(throws: BoltError.notAFile) { try BoltFile.read(root.file(RelativePath("folder.db"))) }
        var findings = Findings()
        if case .absent = findings.bolt(RelativePath("none.db"), in: root, hides: [.layers]) {
        } else {
            Issue.record("not absent")
        }
        #expect(findings.problems.isEmpty)
        for name in ["empty.db", "text.db", "folder.db", "link.db", "text.db/none.db"] {
            let answer = findings.bolt(RelativePath(name), in: root, hides: [.layers])
            if case .unreadable = answer {} else { Issue.record("\(name) was read") }
        }
        #expect(findings.problems.map(\.path) == ["empty.db", "text.db", "folder.db", "link.db", "text.db/none.db"])
        #expect(findings.problems.allSatisfy { $0.areas == [.layers] })
    }

    @Test("one damaged meta page is survived and told, two are not", arguments: [1024, 4096, 65536])
    func damagedMeta(pageSize: Int) throws {
        var image = BoltImage(pageSize: pageSize)
        let healthy = image.bytes(Self.sample)
        for page in 0...1 {
            var bytes = healthy
            bytes[page * pageSize + 60] ^= 1
            let found = try read(bytes)
            #expect(found.doubt == .oneMetaPage)
            #expect(try dump(found.root) == dump(read(healthy).root))
        }
        var bytes = healthy
        bytes[60] ^= 1
        bytes[pageSize + 60] ^= 1
        #expect(throws: BoltError.noValidMeta) { try read(bytes) }

        let directory = try TemporaryDirectory()
        bytes = healthy
        bytes[pageSize + 60] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: directory.path + "/half.db"))
        var findings = Findings()
        let answer = try findings.bolt(RelativePath("half.db"), in: directory.open(), hides: [.volumes])
        if case .present = answer {} else { Issue.record("not read") }
        #expect(findings.problems.map(\.areas) == [[.volumes]])
    }

    @Test("a file cut off anywhere below its high-water page is an error")
    func truncation() throws {
        var image = BoltImage(pageSize: 1024, leafCapacity: 4)
        let healthy = image.bytes(Self.sample)
        let scratch = try Scratch()
        for length in stride(from: 1, to: healthy.count, by: 41) {
            #expect(throws: BoltError.self, "cut to \(length)") { try scratch.read(Array(healthy.prefix(length))) }
        }
        #expect(throws: BoltError.self) { try read(Array(healthy.dropLast())) }
        #expect(try dump(read(healthy + [1, 2, 3]).root) == dump(read(healthy).root))
    }

    @Test("any changed byte is an error, or leaves a doubt, or leaves every key and bucket in place")
    func everyByte() throws {
        var image = BoltImage(pageSize: 1024, leafCapacity: 4)
        let healthy = image.bytes(Self.sample.filter { $0.key != "long" })
        let expected = try shape(read(healthy).root)
        var random = SplitMix(state: 1)
        var detected = 0
        let scratch = try Scratch()
        // What follows in each page is not used.
        for index in healthy.indices where index % 1024 < 260 {
            var bytes = healthy
            bytes[index] ^= index % 2 == 0 ? 1 : random.byte() | 2
            guard let found = try? scratch.read(bytes) else {
                detected += 1
                continue
            }
            let shape = try shape(found.root)
            #expect(found.doubt != nil || isAsLarge(shape, as: expected), "byte \(index)")
        }
        #expect(detected > 1000)
    }

    @Test("trees that eat themselves are refused")
    func crafted() throws {
        var image = BoltImage(leafCapacity: 4)
        let healthy = image.bytes(Self.sample)
        let top = Int(BoltMeta.newest(in: healthy[...])!.meta.root)
        /// Makes the first child of the root page another page.
        func child(_ id: UInt64) -> [UInt8] {
            var bytes = healthy
            bytes.replaceSubrange(
                top * 4096 + 24..<top * 4096 + 32, with: withUnsafeBytes(of: id.littleEndian) { Array($0) })
            return bytes
        }
        #expect(throws: BoltError.page(UInt64(top), .reachedTwice)) { try read(child(UInt64(top))) }
        #expect(throws: BoltError.page(0, .outOfRange)) { try read(child(0)) }
        #expect(throws: BoltError.page(9999, .outOfRange)) { try read(child(9999)) }
        #expect(throws: BoltError.page(.max, .outOfRange)) { try read(child(.max)) }
        #expect(throws: BoltError.page(3, .callsItself(0))) { try read(child(3)) }
        var endless = healthy
        endless.replaceSubrange(top * 4096 + 12..<top * 4096 + 16, with: [255, 255, 255, 255])
        #expect(throws: BoltError.page(UInt64(top), .outOfRange)) { try read(endless) }
    }

    @Test("a page in use that is also free is refused")
    func alsoFree() throws {
        var image = BoltImage()
        var bytes = image.bytes(Self.sample)
        bytes[2 * 4096 + 16] = 4
        #expect(throws: BoltError.page(4, .alsoFree)) { try read(bytes) }
        var without = BoltImage(storesFreelist: false)
        #expect(throws: Never.self) { try read(without.bytes(Self.sample)) }
    }

    @Test("pages that are neither in use nor free leave a doubt")
    func lostPages() throws {
        var image = BoltImage(leafCapacity: 4)
        var bytes = image.bytes(Self.sample)
        // The free list has one page, 3; now it has none.
        bytes[2 * 4096 + 10] = 0
        #expect(try read(bytes).doubt == .lostPages(1))
    }

    @Test("buckets in buckets have a limit")
    func depth() throws {
        func nested(_ depth: Int) -> [String: BoltImage.Value] {
            (0..<depth).reduce(["leaf": .text("x")]) { inner, _ in ["b": .bucket(inner)] }
        }
        var image = BoltImage()
        #expect(throws: Never.self) { try read(image.bytes(nested(30))) }
        #expect(throws: BoltError.self) { try read(image.bytes(nested(40))) }
    }

    @Test("a file larger than is read at once gives the same content page by page")
    func large() throws {
        var image = BoltImage(pageSize: 4096, leafCapacity: 50)
        let content = Dictionary(
            uniqueKeysWithValues: (0..<600).map {
                (String(format: "%04d", $0), BoltImage.Value.bytes([UInt8](repeating: UInt8($0 & 255), count: 2000)))
            })
        let bytes = image.bytes(["big": .pagedBucket(content)])
        let padding = [UInt8](repeating: 0, count: 17 << 20)
        let small = try read(bytes)
        let large = try read(bytes + padding)
        #expect(try dump(small.root) == dump(large.root))
        #expect(try large.root.bucket("big")?.reduce(0) { count, _ in count + 1 } == 600)
    }

    @Test("a file that changes during each attempt is given up, one that settles is read")
    func changing() throws {
        var image = BoltImage()
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let path = directory.path + "/live.db"
        var transaction: UInt64 = 8
        var bytes = image.bytes(Self.sample, transaction: transaction)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let file = try directory.open().file(RelativePath("live.db"))
        let reader = try BoltFile.read(file)
        #expect(reader.transaction == 9)

        // Damaged at first, repaired by the next transaction while we wait.
        bytes[4 * 4096] = 99
        try overwrite(path, bytes)
        var pauses = 0
        let found = try BoltFile.read(file) { _ in
            pauses += 1
            transaction += 2
            try? overwrite(path, image.bytes(Self.sample, transaction: transaction))
        }
        #expect(found.transaction == 11)
        #expect(pauses == 1)
    }

    // MARK: -

    private func read(_ bytes: [UInt8]) throws -> BoltFile { try Scratch().read(bytes) }
}

/// One file, written again and again.
struct Scratch {
    private let directory: TemporaryDirectory
    private let file: SmallFile

    init() throws {
        directory = try TemporaryDirectory("bolt")
        try directory.write("test.db")
        file = try directory.open().file(RelativePath("test.db"))
    }

    func read(_ bytes: [UInt8]) throws -> BoltFile {
        try overwrite(directory.path + "/test.db", bytes)
        return try BoltFile.read(file, pause: { _ in })
    }
}

func overwrite(_ path: String, _ bytes: [UInt8]) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.truncate(atOffset: UInt64(bytes.count))
    try handle.seek(toOffset: 0)
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
}

/// The number of entries of each bucket, in order; a bucket's own come after it.
indirect enum Shape: Equatable {
    case value
    case bucket([Shape])
}

func shape(_ bucket: BoltBucket) throws -> [Shape] {
    try bucket.map { entry in
        switch entry.value {
        case .bytes: .value
        case .bucket(let below): .bucket(try shape(below))
        }
    }
}

/// A changed byte may rename a key or turn a bucket into a value (which a reader that expects a bucket refuses), but it
/// must not make a bucket smaller.
func isAsLarge(_ shape: [Shape], as expected: [Shape]) -> Bool {
    shape.count == expected.count
        && zip(shape, expected).allSatisfy { found, wanted in
            switch (found, wanted) {
            case (.bucket(let found), .bucket(let wanted)): isAsLarge(found, as: wanted)
            case (.value, _), (.bucket, .value): true
            }
        }
}

/// Numbers that look random and are the same in each run.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }
}
