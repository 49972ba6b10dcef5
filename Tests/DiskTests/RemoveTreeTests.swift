// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Disk

@Suite struct RemoveTreeTests {
    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory("remove") }

    func holder(_ lookup: Lookup) throws -> Directory {
        try Directory(path: FilePath(folder.path), lookup: lookup)
    }

    @Test("a tree of everything goes, and what it freed is counted", arguments: Lookup.ways)
    func everything(lookup: Lookup) throws {
        try folder.write("tree/a/b/file", String(repeating: "x", count: 10_000))
        try folder.write("tree/a/two names", "twice")
        try run(["ln", folder.path + "/tree/a/two names", folder.path + "/tree/a/b/again"])
        try folder.write("kept", "kept")
        try run(["ln", folder.path + "/kept", folder.path + "/tree/kept"])
        try folder.makeLink("tree/dangling", to: "/nowhere")
        try run(["mkfifo", folder.path + "/tree/fifo"])
        let directory = try holder(lookup)
        for name in ["%FF%FE", "new%0Aline", "%1B]0;x%07", String(repeating: "n", count: 255), "-rf", " ", "..x"] {
            try directory.directory("tree/a").createFile(name, [1])
            try directory.directory("tree").makeDirectory(name)
        }
        // Allocated bytes of the tree less the two inodes of `kept`, which keeps its other name.
        let before = try run(["du", "-s", "--block-size=1", folder.path + "/tree"]).split(separator: "\t")[0]
        let kept = try directory.status("kept").allocatedBytes
        var removed = Usage()
        try directory.removeTree("tree", counting: &removed)
        #expect(try directory.names() == ["kept"])
        #expect(try directory.read("kept") == Array("kept".utf8))
        #expect(removed.allocatedBytes == Int64(before)! - kept)
        // tree, a, b, file, the file with two names, the link, the FIFO, and seven names twice.
        #expect(removed.inodes == 7 + 14)
        #expect(removed.unreadable == 0)
    }

    @Test("a file, a link and a FIFO are trees of one", arguments: Lookup.ways)
    func single(lookup: Lookup) throws {
        try folder.write("victim/file", "x")
        try folder.makeLink("link", to: "victim")
        try run(["mkfifo", folder.path + "/fifo"])
        try folder.write("plain", "x")
        let directory = try holder(lookup)
        var removed = Usage()
        for name in ["link", "fifo", "plain", "nothing"] { try directory.removeTree(name, counting: &removed) }
        #expect(try directory.names() == ["victim"])
        #expect(try directory.names(of: "victim") == ["file"])
        #expect(removed.inodes == 3)
    }

    @Test("nothing behind a symbolic link is touched", arguments: Lookup.ways)
    func links(lookup: Lookup) throws {
        try folder.write("victim/inside/file", "x")
        try folder.makeLink("tree/a/to directory", to: folder.path + "/victim")
        try folder.makeLink("tree/a/to file", to: folder.path + "/victim/inside/file")
        try folder.makeLink("tree/up", to: "../victim")
        var removed = Usage()
        try holder(lookup).removeTree("tree", counting: &removed)
        #expect(try folder.open().names() == ["victim"])
        #expect(try folder.open().read("victim/inside/file") == Array("x".utf8))
    }

    @Test("a swapper of directory and link leads nowhere", arguments: Lookup.ways)
    func swapper(lookup: Lookup) throws {
        for _ in 0..<20 {
            for file in 0..<20 {
                try folder.write("victim/f\(file)", "x")
                try folder.write("tree/x/d/f\(file)", "x")
            }
            let swapper = Swapper(folder.path + "/tree/x/", victim: folder.path + "/victim")
            let group = DispatchGroup()
            DispatchQueue.global().async(group: group) { swapper.run() }
            var removed = Usage()
            // It may give up because of the swapper, but never follow it.
            _ = try? holder(lookup).removeTree("tree", counting: &removed)
            swapper.stop()
            group.wait()
            #expect(try folder.open().names(of: "victim").count == 20)
            try holder(lookup).removeTree("tree", counting: &removed)
        }
        #expect(try folder.open().names() == ["victim"])
    }

    @Test("a tree far deeper than there are descriptors goes", arguments: Lookup.ways)
    func deep(lookup: Lookup) throws {
        let directory = try holder(lookup)
        try directory.makeDirectory("deep")
        var current = try directory.directory("deep")
        for level in 0..<3000 {
            try current.makeDirectory("d")
            if level % 100 == 0 { try current.createFile("file", []) }
            // A second directory makes it come back to a level whose descriptor it closed.
            if level % 50 == 0 { try current.makeDirectory("e") }
            current = try current.directory("d")
        }
        var removed = Usage()
        try directory.removeTree("deep", counting: &removed)
        #expect(try directory.names() == [])
        #expect(removed.inodes == 3001 + 30 + 60)
    }

    @Test("a thread far down is confined, and what stops it stops all", arguments: [RemovalPace.fast, .gentle])
    func farDownFailure(pace: RemovalPace) throws {
        let directory = try folder.open()
        try folder.write("victim/db", "precious")
        let deep = "tree/" + Array(repeating: "d", count: 500).joined(separator: "/")
        try run(["mkdir", "-p", folder.path + "/" + deep + "/mounted"])
        guard (try? run(["mount", "--bind", folder.path + "/victim", folder.path + "/" + deep + "/mounted"])) != nil
        else {
            print("SKIPPED: a bind mount needs root")
            return
        }
        defer { _ = try? run(["umount", folder.path + "/" + deep + "/mounted"]) }
        var removed = Usage()
        #expect(errno { try directory.removeTree("tree", pace: pace, counting: &removed) } == .improperLink)
        #expect(try directory.read("victim/db") == Array("precious".utf8))
        #expect(try directory.names(of: RelativePath(deep)) == ["mounted"])
    }

    @Test("a directory with more names than fit into one buffer goes", arguments: Lookup.ways)
    func wide(lookup: Lookup) throws {
        let directory = try holder(lookup)
        try directory.makeDirectory("wide")
        let wide = try directory.directory("wide")
        for number in 0..<3000 {
            try wide.makeDirectory("directory \(number)")
            try folder.write("wide/file \(number)")
        }
        var removed = Usage()
        try directory.removeTree("wide", counting: &removed)
        #expect(try directory.names() == [])
        #expect(removed.inodes == 6001)
    }

    @Test("many threads and one free the same, and all of it", arguments: [RemovalPace.fast, .gentle])
    func paces(pace: RemovalPace) throws {
        // Wide and deep enough that threads hand directories to each other on every level.
        for a in 0..<12 {
            for b in 0..<12 {
                for c in 0..<6 { try folder.write("tree/\(a)/\(b)/\(c)/file", "x") }
                try folder.write("tree/\(a)/\(b)/file", "x")
            }
        }
        try folder.write("kept", "x")
        let directory = try folder.open()
        var removed = Usage()
        try directory.removeTree("tree", pace: pace, counting: &removed)
        #expect(try directory.names() == ["kept"])
        #expect(removed.inodes == 1 + 12 + 144 + 144 * 6 + 144 * 6 + 144)
    }

    @Test("what stops one thread stops all, and is told")
    func failureOfOne() throws {
        for a in 0..<12 {
            for b in 0..<12 { try folder.write("tree/\(a)/\(b)/file", "x") }
        }
        try folder.write("victim/db", "precious")
        guard (try? run(["mount", "--bind", folder.path + "/victim", folder.path + "/tree/7/7"])) != nil else {
            print("SKIPPED: a bind mount needs root")
            return
        }
        defer { _ = try? run(["umount", folder.path + "/tree/7/7"]) }
        var removed = Usage()
        let directory = try folder.open()
        #expect(errno { try directory.removeTree("tree", counting: &removed) } == .improperLink)
        #expect(try directory.read("victim/db") == Array("precious".utf8))
    }

    @Test("a thread that is confined to a directory can remove in it, and change nothing else")
    func confinement() throws {
        guard Directory.canConfineRemovals else {
            print("SKIPPED: this kernel has no Landlock")
            return
        }
        try folder.write("inside/file", "x")
        try folder.write("outside/file", "x")
        let directory = try folder.open()
        let inside = try directory.directory("inside")
        let outside = try directory.directory("outside")
        let answers = Mutex<[Errno?]>([])
        let status = Mutex("")
        let thread = try #require(
            WorkThread {
                let isConfined = inside.confineThread()
                status.withLock {
                    $0 = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? ""
                }
                answers.withLock { answers in
                    answers.append(isConfined ? nil : .notSupported)
                    answers.append(errno { try outside.unlink("file") })
                    answers.append(errno { try outside.createFile("new", []) })
                    answers.append(errno { try inside.renameNoReplace("file", to: outside, "moved") })
                    answers.append(errno { try inside.unlink("file") })
                }
            })
        thread.join()
        let lines = status.withLock { $0 }.split(separator: "\n")
        #expect(lines.contains("NoNewPrivs:\t1"))
        let capabilities = try #require(lines.first { $0.hasPrefix("CapEff:\t") }?.dropFirst(8))
        // Three of root's forty at most: DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER.
        #expect(try #require(UInt64(capabilities, radix: 16)) & ~0b1110 == 0)
        let found = answers.withLock { $0 }
        #expect(found.prefix(3) == [nil, .permissionDenied, .permissionDenied] && found.last == .some(nil))
        // Which of the two depends on the kernel's version.
        #expect(found[3] == .improperLink || found[3] == .permissionDenied)
        #expect(try outside.names() == ["file"])
        // The rest of the process is as free as before.
        try outside.createFile("new", [])
    }

    @Test("the time for a deep tree does not grow with the square of its depth")
    func deepIsLinear() throws {
        let directory = try folder.open()
        func seconds(_ depth: Int) throws -> Double {
            try makeDeep(depth, in: directory)
            var removed = Usage()
            let start = nanoseconds(CLOCK_PROCESS_CPUTIME_ID)
            try directory.removeTree("deep", counting: &removed)
            #expect(removed.inodes == Int64(depth) + 1)
            return Double(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - start)
        }
        let (short, long) = (try seconds(1_000), try seconds(8_000))
        // Eight times as deep: eight times as long, or sixty-four.
        #expect(long < 24 * short)
    }

    /// Nothing below stays open: the kernel keeps what is above an open directory, and looks through it at each removal.
    private func makeDeep(_ depth: Int, in directory: Directory) throws {
        try directory.makeDirectory("deep")
        var current = try directory.directory("deep")
        for _ in 0..<depth {
            try current.makeDirectory("d")
            current = try current.directory("d")
        }
    }

    @Test("a bind mount of the same file system stops it", arguments: Lookup.ways)
    func bindMount(lookup: Lookup) throws {
        try folder.write("victim/db", "precious")
        try folder.write("tree/m/x/underneath", "x")
        guard (try? run(["mount", "--bind", folder.path + "/victim", folder.path + "/tree/m/x"])) != nil else {
            print("SKIPPED: a bind mount needs root")
            return
        }
        defer { _ = try? run(["umount", folder.path + "/tree/m/x"]) }
        let directory = try holder(lookup)
        var removed = Usage()
        let error = errno { try directory.removeTree("tree", counting: &removed) }
        #expect(error == .improperLink)
        #expect(try directory.read("victim/db") == Array("precious".utf8))
        // Neither may it begin on a mount.
        let inside = try Directory(path: FilePath(folder.path + "/tree/m"), lookup: lookup)
        #expect(errno { try inside.removeTree("x", counting: &removed) } == .improperLink)
        #expect(try directory.read("victim/db") == Array("precious".utf8))
    }

    @Test("a mounted file stops it", arguments: Lookup.ways)
    func fileMount(lookup: Lookup) throws {
        try folder.write("victim", "precious")
        try folder.write("tree/hosts", "x")
        guard (try? run(["mount", "--bind", folder.path + "/victim", folder.path + "/tree/hosts"])) != nil else {
            print("SKIPPED: a bind mount needs root")
            return
        }
        defer { _ = try? run(["umount", folder.path + "/tree/hosts"]) }
        var removed = Usage()
        let directory = try holder(lookup)
        do {
            try directory.removeTree("tree", counting: &removed)
            Issue.record("it removed a mounted file")
        } catch {
            #expect(error.errno == .resourceBusy)
            #expect("\(error)" == "cannot remove \(folder.path)/tree/hosts: something is mounted there")
        }
        #expect(try directory.read("victim") == Array("precious".utf8))
    }

    @Test("it takes one name, never a path", arguments: ["", ".", "..", "a/b", "/", "%2E%2E", "a%2Fb"])
    func oneName(name: String) throws {
        try folder.write("a/b/c")
        var removed = Usage()
        #expect(errno { try folder.open().removeTree(name, counting: &removed) } == .invalidArgument)
        #expect(try folder.open().names(of: "a/b") == ["c"])
    }
}

/// Makes a directory and a symbolic link change places as fast as it can, as a container could in its own volume.
private final class Swapper: Sendable {
    private let base: String
    private let victim: String
    private let stopped = Atomic(false)

    init(_ base: String, victim: String) {
        self.base = base
        self.victim = victim
    }

    func stop() { stopped.store(true, ordering: .relaxed) }

    func run() {
        // Not for ever: as long as it makes links, the directory that they are in is never empty.
        for _ in 0..<5000 where !stopped.load(ordering: .relaxed) {
            rename(base + "d", base + "t")
            symlink(victim, base + "d")
            unlink(base + "d")
            rename(base + "t", base + "d")
        }
    }
}
