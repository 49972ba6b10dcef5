// SPDX-License-Identifier: Apache-2.0

import Demo
import Foundation
import SystemPackage
import TestSupport
import Testing

/// What measuring costs, counted, not timed: the same on every machine and under every load.
///
/// These run the executable itself: `$BILGE`, and `$BILGE_RELEASE` for instructions, which an unoptimised build has three
/// times as many of. `make test` builds both.
@Suite("what the walk costs", .serialized)
struct WalkCountTests {
    static let debug = ProcessInfo.processInfo.environment["BILGE"]
    static let release = ProcessInfo.processInfo.environment["BILGE_RELEASE"]

    static let directories = 400
    static let filesPerDirectory = 24
    static var entries: Int { directories * (1 + filesPerDirectory) }

    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory("count") }

    /// Makes a directory and one with 10,000 entries in it, a few names of which are links.
    private func makeTrees() throws {
        try folder.makeDirectory("empty")
        for directory in 0..<Self.directories {
            let path = directory % 20 == directory ? "full/\(directory)" : "full/\(directory % 20)/\(directory)"
            try folder.makeDirectory(path)
            for file in 0..<Self.filesPerDirectory - 1 { try folder.write("\(path)/file \(file)") }
            try folder.makeLink(path + "/link", to: "file 0")
        }
    }

    private func skip(_ what: String, without variable: String) {
        print("SKIPPED: \(what): \(variable) does not name the executable (`make test` sets it)")
    }

    private func isThere(_ program: String) -> Bool {
        guard (try? run(["which", program])) != nil else {
            print("SKIPPED: no \(program) here")
            return false
        }
        return true
    }

    @Test("at most 400 instructions of its own for each entry, start-up aside")
    func instructions() throws {
        guard let bilge = Self.release else { return skip("instructions", without: "BILGE_RELEASE") }
        guard isThere("valgrind"), isThere("strip") else { return }
        try makeTrees()
        // valgrind cannot read the debug information of the Swift runtime.
        let stripped = folder.path + "/bilge"
        try run(["strip", "-o", stripped, bilge])
        func count(_ tree: String) throws -> Int {
            let output = try run([
                "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", stripped, "du", "--threads", "1",
                folder.path + "/" + tree,
            ])
            let line = try #require(output.split(separator: "\n").first { $0.contains("Collected :") }, "\(output)")
            return try #require(Int(line.split(separator: " ").last ?? ""))
        }
        let perEntry = try (count("full") - count("empty")) / Self.entries
        print("instructions for each entry: \(perEntry)")
        #expect(perEntry <= 400)
        #expect(perEntry > 20, "that many cannot have been counted")
    }

    /// System calls by name.
    private func systemCalls(_ arguments: [String], environment: [String: String] = [:]) throws -> [String: Int] {
        let file = folder.path + "/calls"
        try run(
            ["strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", file] + arguments,
            environment: ProcessInfo.processInfo.environment.merging(environment) { _, new in new })
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        var calls: [String: Int] = [:]
        for line in lines {
            let words = line.split(separator: " ")
            guard words.count == 2, words[1] != "total", let count = Int(words[0]) else { continue }
            calls[String(words[1]), default: 0] += count
        }
        return calls
    }

    /// To start a thread, to end it, and to see whether there are enough.
    private static let callsOfThreads = [
        "clone3", "rseq", "set_robust_list", "rt_sigprocmask", "mmap", "munmap", "mprotect", "madvise", "gettid",
        "exit",
        "clock_gettime",
    ]

    @Test("a system call for each entry and four for each directory", arguments: [1, 16])
    func systemCalls(threads: Int) throws {
        guard let bilge = Self.debug else { return skip("system calls", without: "BILGE") }
        guard isThere("strace") else { return }
        try makeTrees()
        func count(_ tree: String) throws -> Int {
            let calls = try systemCalls([bilge, "du", "--threads", "\(threads)", folder.path + "/" + tree])
            // Threads that have nothing to do wait, which is not work; how often depends on the machine. Where calls take
            // as long as under strace, more threads are started: no more than sixteen, however many entries there are.
            let other = ["futex"] + (threads > 1 ? Self.callsOfThreads : [])
            #expect(Self.callsOfThreads.reduce(0) { $0 + (calls[$1] ?? 0) } < 1000)
            return calls.filter { !other.contains($0.key) }.values.reduce(0, +)
        }
        let calls = try count("full") - count("empty")
        let expected = Self.entries + 4 * Self.directories
        print("system calls: \(calls), with \(threads) threads; expected \(expected)")
        #expect(abs(calls - expected) * 100 <= expected)
    }

    @Test("the second df makes no call for a file of a layer")
    func remembered() throws {
        guard let bilge = Self.debug else { return skip("the second df", without: "BILGE") }
        guard isThere("strace") else { return }
        let root = folder.path + "/root"
        try Demo.buildLargeRoot(at: FilePath(root), layers: 20, containers: 2, volumes: 2)
        let records = root + "/image/overlay2/layerdb/sha256"
        for chain in try FileManager.default.contentsOfDirectory(atPath: records) {
            let id = try String(contentsOfFile: "\(records)/\(chain)/cache-id", encoding: .utf8)
            for file in 0..<250 { try folder.write("root/overlay2/\(id)/diff/\(file % 10)/\(file)") }
        }
        sleep(3)  // What changed a moment ago is not remembered.
        let environment = ["BILGE_STATE_DIRECTORY": folder.path + "/state"]
        func count() throws -> Int {
            let calls = try systemCalls(
                [bilge, "df", "--offline", "--data-root", root], environment: environment)
            return ["statx", "openat", "openat2", "getdents64"].reduce(0) { $0 + (calls[$1] ?? 0) }
        }
        let (first, second) = try (count(), count())
        print("calls that look at entries: \(first) in the first run, \(second) in the second")
        // For each layer: 250 files, ten directories of four calls and the one that holds them; less a few for its marks.
        #expect(first - second >= 20 * (250 + 10 * 5 - 10))
    }
}
