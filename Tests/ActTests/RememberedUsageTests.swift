// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Act

@Suite("remembered usage")
struct RememberedUsageTests {
    let folder: TemporaryDirectory
    let root: FileStatus

    init() throws {
        folder = try TemporaryDirectory("memory")
        root = try folder.open().status()
    }

    private var memory: RememberedUsage {
        var memory = RememberedUsage(root: root)
        memory.runs = 7
        memory.strays = .max
        memory.layers[RelativePath("overlay2/a%20b")] = .init(
            marks: "1:2:3,-", usage: Usage(allocatedBytes: 4096, inodes: 3))
        memory.layers[RelativePath("overlay2/c")] = .init(marks: "4:5:6", usage: Usage(allocatedBytes: 0, inodes: 1))
        return memory
    }

    private func state() throws -> StateDirectory {
        try .forChanges(at: folder.path + "/state", caller: geteuid())
    }

    private func load(_ status: FileStatus) throws -> (memory: RememberedUsage, isDamaged: Bool) {
        var isDamaged = false
        let memory = try RememberedUsage.load("/r", status, from: try state(), isDamaged: &isDamaged)
        return (memory, isDamaged)
    }

    @Test("what is written is read again, for this root only")
    func written() throws {
        #expect(try load(root).memory.layers.isEmpty)
        try memory.save("/r", to: try state())
        let read = try load(root)
        #expect(read.memory == memory && !read.isDamaged)
        try folder.makeDirectory("other")
        let other = try load(try folder.open().status(RelativePath("other")))
        #expect(other.memory.layers.isEmpty && other.memory.runs == 0 && !other.isDamaged)
    }

    @Test("a file that lost or changed anything is nothing, and said to be damaged")
    func damaged() throws {
        try memory.save("/r", to: try state())
        let file = URL(fileURLWithPath: folder.path + "/state/" + RememberedUsage.fileName("/r"))
        let whole = try Data(contentsOf: file)
        for length in 0..<whole.count {
            try whole.prefix(length).write(to: file)
            let read = try load(root)
            #expect(read.memory.layers.isEmpty && read.isDamaged, "\(length)")
        }
        for index in whole.indices {
            var other = whole
            other[index] ^= 1
            try other.write(to: file)
            #expect(try load(root).memory.layers.isEmpty, "\(index)")
        }
    }

    @Test(
        "text that nobody wrote is refused, whatever its checksum",
        arguments: [
            "", "usage 2\nroot 1:2:3\nruns 1\nstrays -\n", "usage 1\nroot 1:2:3\nruns -1\nstrays -\n",
            "usage 1\nruns 1\nroot 1:2:3\nstrays -\n",
        ])
    func foreign(text: String) {
        var memory = RememberedUsage(root: root)
        let isRead = memory.read(Array(text.utf8))
        #expect(!isRead)
    }

    @Test("a layer with a size that none can have is refused")
    func sizes() {
        for line in ["overlay2/c -1 1 4:5:6", "overlay2/c 1 0 4:5:6", "overlay2/c 1 1", "overlay2/c 1 1 4:5:6 7"] {
            let text = String(decoding: memory.text, as: UTF8.self) + line + "\n"
            var read = RememberedUsage(root: root)
            let isRead = read.read(Array(text.utf8))
            #expect(!isRead, "\(line)")
        }
    }

    @Test("every tenth run takes a sample, and every layer has its turn")
    func samples() {
        var memory = RememberedUsage(root: root)
        for number in 0..<50 {
            memory.layers[RelativePath("overlay2/\(number)")] = .init(marks: "-", usage: Usage(inodes: 1))
        }
        var seen: Set<RelativePath> = []
        for run in 0...50 {
            memory.runs = run
            #expect(memory.sample.isEmpty == (run % 10 != 0 || run == 0))
            #expect(memory.sample.count <= 16 && Set(memory.sample).count == memory.sample.count)
            seen.formUnion(memory.sample)
        }
        #expect(seen == Set(memory.layers.keys))
    }
}
