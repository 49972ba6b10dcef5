// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Glibc
import TestSupport
import Testing

@testable import bilge

@Suite("bilge du")
struct DuTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory("du")
        try folder.write("tree/a/large", String(repeating: "x", count: 300_000))
        try folder.write("tree/b/small", "x")
        try folder.makeLink("link", to: "tree")
        try run(["ln", folder.path + "/tree/a/large", folder.path + "/tree/b/again"])
    }

    private func path(_ name: String) -> String { folder.path + "/" + name }

    private func du(_ arguments: String..., ends status: Status = .done) async throws -> Screen {
        let screen = Screen()
        #expect(try await runBilge(["du"] + arguments, screen.console()) == status)
        return screen
    }

    /// The second number is the inodes.
    private func numbers(_ screen: Screen) throws -> [[Int]] {
        try screen.outLines.map { line in try line.split(separator: "\t").dropLast().map { try #require(Int($0)) } }
    }

    @Test("it says what du says, in bytes and for people")
    func likeDu() async throws {
        let bytes = try #require(Int(try run(["du", "-s", "-B1", path("tree")]).split(separator: "\t")[0]))
        let screen = try await du("--bytes", "--inodes", path("tree"))
        #expect(screen.out == "\(bytes)\t5\t\(path("tree"))\n" && screen.err.isEmpty)
        let people = try await du(path("tree"), path("tree/b"))
        #expect(people.outLines.count == 2 && people.outLines[0].hasSuffix(" kB   " + path("tree")))
        let json = try await du("--json", path("tree"))
        #expect(json.out.contains(#""allocatedBytes":\#(bytes),"inodes":5,"unreadable":0"#))
    }

    @Test("the rows add up: what is below another path, given twice, or has two names, counts once")
    func once() async throws {
        let whole = try numbers(try await du("--bytes", "--inodes", path("tree")))[0]
        for paths in [
            ["tree", "tree/a", "tree/a/large", "tree/b/again"], ["tree/a/large", "tree", "tree"],
            ["tree/b", "tree", "tree/a"], ["tree/b/small", "tree/"],
        ] {
            let rows = try numbers(try await runDu(["--bytes", "--inodes"] + paths.map(path)))
            #expect(rows.count == paths.count)
            #expect(rows.reduce(0) { $0 + $1[0] } == whole[0] && rows.reduce(0) { $0 + $1[1] } == whole[1], "\(paths)")
        }
    }

    private func runDu(_ arguments: [String]) async throws -> Screen {
        let screen = Screen()
        #expect(try await runBilge(["du"] + arguments, screen.console()) == .done)
        return screen
    }

    @Test("a link is what it is, with a slash it is where it leads")
    func links() async throws {
        #expect(try numbers(try await du("--bytes", "--inodes", path("link")))[0] == [0, 1])
        let tree = try numbers(try await du("--bytes", "--inodes", path("tree")))
        #expect(try numbers(try await du("--bytes", "--inodes", path("link/"))) == tree)
    }

    @Test("what is not there is named, and the answer is one in part")
    func missing() async throws {
        let screen = try await du(path("nothing"), path("tree"), ends: .partly)
        #expect(screen.outLines.count == 2 && screen.outLines[0].hasPrefix("at least 0 B"))
        #expect(screen.err.contains("1 entry could not be looked at"))
        #expect(screen.err.contains(path("nothing") + ": No such file or directory"))
        _ = try await du(path("nothing"), path("nothing too"), ends: .failed)
        #expect(throws: (any Error).self) { try Bilge.parseAsRoot(["du", ""]) }
        #expect(throws: (any Error).self) { try Bilge.parseAsRoot(["du"]) }
    }

    @Test("twenty are named, the rest is counted, and no name is a command to the terminal")
    func many() async throws {
        var paths = (0..<30).map { path("missing-\($0 + 10)") }
        paths[0] = path("missing-\u{1B}[2J")
        let screen = Screen()
        #expect(try await runBilge(["du"] + paths, screen.console()) == .failed)
        #expect(screen.err.contains("30 entries") && screen.err.contains("and 10 more"))
        #expect(!screen.err.contains("\u{1B}") && !screen.out.contains("\u{1B}"))
    }

    @Test("without descriptors a sum is at least so much, never whole; with few it is whole")
    func descriptors() throws {
        guard let bilge = WalkCountTests.debug else {
            print("SKIPPED: running out of descriptors: BILGE does not name the executable (`make test` sets it)")
            return
        }
        for number in 0..<40 { try folder.write("tree/\(number % 7)/\(number)/file") }
        func run(limit: Int, expecting status: Int32) throws -> String {
            try TestSupport.run(
                ["sh", "-c", "ulimit -n \(limit); exec \"$0\" du --bytes \"$1\"", bilge, path("tree")],
                expecting: status)
        }
        let whole = try run(limit: 1024, expecting: 0)
        #expect(try run(limit: 16, expecting: 0) == whole)
        let partly = try run(limit: 8, expecting: 4)
        #expect(partly.contains("too small") && partly.contains("Too many open files"))
    }
}
