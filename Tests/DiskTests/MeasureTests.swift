// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Glibc
import Model
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct MeasureTests {
    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory("measure") }

    /// What `du` says of all the paths in one run.
    func du(_ paths: String..., options: [String] = []) throws -> Usage {
        func total(_ kind: String) throws -> Int64 {
            let arguments = ["du", "-s", "-c", kind] + options + paths.map { folder.path + "/" + $0 }
            let line = try run(arguments).split(separator: "\n").last ?? ""
            return try #require(Int64(line.split(separator: "\t")[0]))
        }
        return Usage(allocatedBytes: try total("--block-size=1"), inodes: try total("--inodes"))
    }

    func measured(
        _ groups: [[RelativePath]], excluding: Set<RelativePath> = [], lookup: Lookup = .kernel, threads: Int = 4
    ) throws -> [Usage] {
        let directory = try Directory(path: FilePath(folder.path), lookup: lookup)
        return measure(in: directory, groups: groups, excluding: excluding, threads: threads)
    }

    /// Directories, files of some sizes, a sparse file, links of both kinds, a FIFO and odd names.
    func makeTree(_ name: String) throws {
        for number in 0..<60 {
            try folder.write(
                "\(name)/\(number % 7)/\(number % 3)/f\(number)", String(repeating: "x", count: number * 300))
        }
        try folder.makeLink("\(name)/link", to: "/etc")
        try run(["mkfifo", folder.path + "/\(name)/fifo"])
        try run(["truncate", "-s", "10G", folder.path + "/\(name)/sparse"])
        try run(["ln", folder.path + "/\(name)/1/1/f1", folder.path + "/\(name)/again"])
        let tree = try folder.open().directory(RelativePath(name))
        try tree.makeDirectory("%FF%1B[2J")
        try tree.directory("%FF%1B[2J").createFile(String(repeating: "n", count: 255), [1])
    }

    @Test(
        "a tree has the bytes and the inodes that du counts", arguments: Lookup.ways)
    func likeDu(lookup: Lookup) throws {
        try makeTree("tree")
        for threads in [1, 2, 16] {
            #expect(try measured([["tree"]], lookup: lookup, threads: threads) == [du("tree")])
            #expect(try measured([[.root]], lookup: lookup, threads: threads) == [du(".")])
        }
    }

    @Test("each group has its own sum, and all of them that of one run of du", arguments: Lookup.ways)
    func groups(lookup: Lookup) throws {
        for name in ["a", "b", "c"] { try makeTree(name) }
        try run(["ln", folder.path + "/a/0/0/f0", folder.path + "/c/of a"])
        let groups: [[RelativePath]] = [["a/0", "a/1/1/f1"], ["b"], [], ["c", "a/link"]]
        let usages = try measured(groups, lookup: lookup)
        #expect(usages[0] == (try du("a/0", "a/1/1/f1")))
        #expect(usages[1] == (try du("b")))
        #expect(usages[2] == Usage())
        let all = try du("a/0", "a/1/1/f1", "b", "c", "a/link")
        #expect(usages.reduce(Usage(), +) == all)
    }

    @Test("a file with several names counts once, in the first group that has one", arguments: 0..<20)
    func hardLinks(round: Int) throws {
        try folder.write("first/file", String(repeating: "x", count: 50_000))
        try folder.write("second/own")
        for number in 0..<20 {
            try run(["ln", folder.path + "/first/file", folder.path + "/second/\(number)"])
        }
        let size = try folder.open().status("first/file").allocatedBytes
        let usages = try measured([["second"], ["first"]], threads: round % 4 + 1)
        let directories = try ["second", "first"].map { try folder.open().status(RelativePath($0)).allocatedBytes }
        #expect(usages.map(\.allocatedBytes) == [directories[0] + size, directories[1]])
        #expect(usages.map(\.inodes) == [3, 1])
    }

    @Test("what is left out counts in no tree that holds it, but as a path of its own")
    func excluded() throws {
        try makeTree("tree")
        try folder.write("tree/1/log", String(repeating: "x", count: 70_000))
        let children: [RelativePath] = ["tree/1/log", "tree/2", "tree/%FF%1B[2J", "tree/nothing"]
        let usages = try measured([["tree"]] + children.map { [$0] }, excluding: Set(children))
        #expect(usages.reduce(Usage(), +) == (try du("tree")))
        #expect(usages[1].inodes == 1)
        #expect(usages[1].allocatedBytes >= 70_000)
        #expect(usages[2].inodes > 3)
        #expect(usages[4] == Usage())
        // A directory of that name elsewhere is no matter.
        try folder.write("tree/0/2/file", "x")
        #expect(try measured([["tree/0"]], excluding: ["tree/2"]) == [du("tree/0")])
    }

    @Test("a file, a link and a FIFO are trees of one, and what is missing is nothing")
    func single() throws {
        try makeTree("tree")
        let usages = try measured([["tree/sparse"], ["tree/link"], ["tree/fifo"], ["nothing"], ["nothing/at/all"]])
        #expect(usages.map(\.inodes) == [1, 1, 1, 0, 0])
        #expect(usages.allSatisfy { $0.allocatedBytes < 10 << 20 && $0.unreadable == 0 })
    }

    @Test(
        "a path behind a link or out of the root is unreadable, not nothing", arguments: Lookup.ways)
    func refused(lookup: Lookup) throws {
        try makeTree("tree")
        try folder.makeLink("up", to: "tree")
        let usages = try measured([["up/1"], ["../etc"], ["tree/sparse/x"], ["tree/%2E%2E"]], lookup: lookup)
        #expect(usages == Array(repeating: Usage(unreadable: 1), count: 4))
    }

    @Test("a bind mount of the same file system counts nowhere", arguments: Lookup.ways)
    func bindMounts(lookup: Lookup) throws {
        try makeTree("tree")
        try makeTree("elsewhere")
        try folder.write("elsewhere/hosts", String(repeating: "x", count: 90_000))
        try folder.makeDirectory("tree/m")
        let before = try measured([["tree"]], lookup: lookup)[0]
        try folder.write("tree/hosts")
        guard (try? run(["mount", "--bind", folder.path + "/elsewhere", folder.path + "/tree/m"])) != nil else {
            print("SKIPPED: a bind mount needs root")
            return
        }
        defer { _ = try? run(["umount", folder.path + "/tree/m"]) }
        let mountPoint = try folder.open().status("elsewhere/1").allocatedBytes
        let usage = try measured([["tree"]], lookup: lookup)[0]
        // All of it but the mount point itself, of which nobody can tell, and the new empty file.
        #expect(usage == Usage(allocatedBytes: before.allocatedBytes - mountPoint, inodes: before.inodes - 1 + 1))
        // A path that lies on the mount is walked.
        let inside = try measured([["tree/m/1"]], lookup: lookup)
        #expect(inside == [try du("elsewhere/1")])
        if lookup != .oldest {
            try run(["mount", "--bind", folder.path + "/elsewhere/hosts", folder.path + "/tree/hosts"])
            defer { _ = try? run(["umount", folder.path + "/tree/hosts"]) }
            #expect(
                try measured([["tree"]])[0]
                    == Usage(allocatedBytes: before.allocatedBytes - mountPoint, inodes: before.inodes - 1))
        }
    }

    @Test("what may not be read is counted as such", arguments: Lookup.ways)
    func unreadable(lookup: Lookup) throws {
        for name in ["open", "shut", "open/shut"] { try folder.write("tree/\(name)/file", "x") }
        let whole = try measured([["tree"]], lookup: lookup)[0]
        #expect(whole.inodes == 7)
        for name in ["shut", "open/shut"] { try run(["chmod", "000", folder.path + "/tree/" + name]) }
        let directory = try Directory(path: FilePath(folder.path), lookup: lookup)
        // Swift's Glibc module does not export setfsuid(2), which is about one thread only.
        typealias Call = @convention(c) (uid_t) -> CInt
        let becomeNobody = dlsym(nil, "setfsuid").map { unsafeBitCast($0, to: Call.self) }
        // Root may read everything; a thread that looks at files as somebody else may not, nor may those it starts.
        let part = Mutex(Usage())
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            _ = becomeNobody?(65534)
            part.withLock { $0 = measure(in: directory, groups: [["tree"]], threads: 3)[0] }
            done.signal()
        }
        done.wait()
        let usage = part.withLock { $0 }
        #expect(usage.unreadable == 2)
        // The directories themselves are seen, nothing in them.
        #expect(usage.inodes == 5)
    }

    @Test("a directory too large for one buffer is shared out, and nothing is lost")
    func flat() throws {
        try folder.makeDirectory("flat")
        let flat = try folder.open().directory("flat")
        for number in 0..<2500 {
            let name = "\(number)-" + String(repeating: "n", count: 240)
            if number % 100 == 0 { try flat.makeDirectory(name) } else { try folder.write("flat/" + name) }
        }
        for threads in [1, 3, 16] { #expect(try measured([["flat"]], threads: threads) == [du("flat")]) }
    }

    @Test(
        "a tree far deeper than there are descriptors is measured whole", arguments: Lookup.ways)
    func deep(lookup: Lookup) throws {
        let directory = try Directory(path: FilePath(folder.path), lookup: lookup)
        try directory.makeDirectory("deep")
        var current = try directory.directory("deep")
        for level in 0..<700 {
            try current.makeDirectory("d")
            // Those that wait would keep each level open.
            try current.makeDirectory("e")
            try current.makeDirectory("a long name \(level)")
            current = try current.directory("d")
        }
        let usage = try du("deep")
        #expect(usage.inodes == 2101)
        for limit in [0, 5, 4096] {
            #expect(measure(in: directory, groups: [["deep"]], threads: 3, openDirectories: limit) == [usage])
        }
        var removed = Usage()
        try directory.removeTree("deep", counting: &removed)
        #expect(removed == usage)
    }

    @Test("a tree is measured whole when hardly a directory may stay open", arguments: Lookup.ways)
    func fewDescriptors(lookup: Lookup) throws {
        try makeTree("tree")
        let directory = try Directory(path: FilePath(folder.path), lookup: lookup)
        for limit in 0..<4 {
            #expect(measure(in: directory, groups: [["tree"]], openDirectories: limit) == [try du("tree")])
        }
    }

    @Test("a tree that changes all the time is measured without an error")
    func changing() throws {
        try makeTree("tree")
        let base = folder.path + "/tree/"
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            for round in 0..<3000 {
                rename(base + "1", base + "away")
                mkdir(base + "new", 0o755)
                rename(base + "away", base + "1")
                rmdir(base + "new")
                if round % 2 == 0 { unlink(base + "link") } else { symlink("/etc", base + "link") }
            }
        }
        for _ in 0..<50 { #expect(try measured([["tree"]])[0].inodes > 20) }
        group.wait()
        #expect(try measured([["tree"]]) == [du("tree")])
    }

    @Test("no groups and no paths are no work")
    func nothing() throws {
        #expect(try measured([]) == [])
        #expect(try measured([[], []]) == [Usage(), Usage()])
    }
}
