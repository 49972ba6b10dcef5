// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Every look-up holds for the kernel's way and for the way component by component.
@Suite struct DirectoryTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory("directory")
        try folder.write("outside/secret", "secret")
        try folder.write("root/a/b/file", "text")
        try folder.makeLink("root/link", to: "../outside")
        try folder.makeLink("root/a/link", to: "b")
        try folder.makeLink("root/a/b/link", to: "file")
    }

    func root(_ lookup: Lookup) throws -> Directory {
        try Directory(path: FilePath(folder.path + "/root"), lookup: lookup)
    }

    @Test("files and directories below are reached", arguments: Lookup.ways)
    func reached(lookup: Lookup) throws {
        let root = try root(lookup)
        #expect(try root.read("a/b/file") == Array("text".utf8))
        #expect(try root.directory("a/b").read("file") == Array("text".utf8))
        #expect(try Set(root.names()) == ["a", "link"])
        #expect(try root.directory(.root).names(of: "a/b").sorted() == ["file", "link"])
        #expect(try root.status("a/b/file").sizeBytes == 4)
        #expect(try root.status("a/b/file") == root.directory("a/b").status("file"))
        #expect(try root.status().kind == .directory)
    }

    @Test(
        "a symbolic link is refused wherever it is on the path", arguments: Lookup.ways,
        ["link", "link/secret", "a/link", "a/link/file", "a/b/link"])
    func symbolicLinks(lookup: Lookup, path: String) throws {
        let root = try root(lookup)
        #expect(errno { _ = try root.read(RelativePath(path)) } == .tooManySymbolicLinkLevels)
        #expect(errno { _ = try root.directory(RelativePath(path)) } == .tooManySymbolicLinkLevels)
        #expect(errno { _ = try root.names(of: RelativePath(path)) } == .tooManySymbolicLinkLevels)
        #expect(errno { _ = try root.status(RelativePath(path) / "x") } == .tooManySymbolicLinkLevels)
    }

    @Test("the status of a link is the link's own", arguments: Lookup.ways)
    func linkStatus(lookup: Lookup) throws {
        let root = try root(lookup)
        #expect(try root.status("link").kind == .symbolicLink)
        #expect(try root.status("a/b/link").kind == .symbolicLink)
        #expect(try root.linkTarget("link") == Array("../outside".utf8))
        #expect(try root.linkTarget("a/b/link") == Array("file".utf8))
        #expect(errno { _ = try root.linkTarget("a") } == .invalidArgument)
    }

    @Test(
        "a path that would leave, or that could be read as another, is refused",
        arguments: Lookup.ways,
        [
            "..", "../outside/secret", "a/../a/b/file", "/etc/passwd", "a/..", "%2E%2E/outside", "a%2Fb", "a/b%00",
            "caf\u{e9}",
        ])
    func leaving(lookup: Lookup, path: String) throws {
        let root = try root(lookup)
        let refusals: [Errno?] = [.improperLink, .invalidArgument]
        #expect(refusals.contains(errno { _ = try root.read(RelativePath(path)) }))
        #expect(refusals.contains(errno { _ = try root.names(of: RelativePath(path)) }))
        #expect(refusals.contains(errno { _ = try root.status(RelativePath(path)) }))
        #expect(refusals.contains(errno { _ = try root.linkTarget(RelativePath(path)) }))
    }

    @Test("what is missing is an answer, what is in the way is an error", arguments: Lookup.ways)
    func missing(lookup: Lookup) throws {
        let root = try root(lookup)
        #expect(try root.readIfPresent("a/nothing") == nil)
        #expect(try root.namesIfPresent(of: "nothing/at/all") == nil)
        #expect(try root.statusIfPresent("nothing/at/all") == nil)
        #expect(errno { _ = try root.readIfPresent("a/b/file/x") } == .notDirectory)
        #expect(errno { _ = try root.statusIfPresent("a/b/file/x") } == .notDirectory)
        #expect(errno { _ = try root.read("a/b") } == .isDirectory)
    }

    @Test("entries tell name, inode and type")
    func entries() throws {
        let root = try root(.available)
        try run(["mkfifo", folder.path + "/root/a/fifo"])
        try folder.write("root/a/100%")
        let entries = try root.entries(of: "a")
        #expect(Set(entries.map(\.name)) == ["b", "link", "fifo", "100%25"])
        for entry in entries {
            let kinds: [String: Entry.Kind] = [
                "b": .directory, "link": .symbolicLink, "fifo": .other, "100%25": .file,
            ]
            #expect(entry.kind == kinds[entry.name])
        }
    }

    @Test("the statuses of many names are those of each", arguments: Lookup.ways)
    func statuses(lookup: Lookup) throws {
        let root = try root(lookup)
        let statuses = try root.statuses(of: "a", names: ["b", "nothing", "link"])
        #expect(try statuses == [root.status("a/b"), nil, root.status("a/link")])
        #expect(errno { _ = try root.statuses(of: "a", names: ["b", ".."]) } == .invalidArgument)
        #expect(errno { _ = try root.statuses(of: "a", names: [""]) } == .invalidArgument)
    }

    @Test("a FIFO is refused, not waited for")
    func fifo() throws {
        try run(["mkfifo", folder.path + "/root/fifo"])
        #expect(errno { _ = try root(.available).read("fifo") } == .invalidArgument)
    }

    @Test("a file longer than the limit is refused")
    func limit() throws {
        try folder.write("root/long", String(repeating: "x", count: 100))
        let root = try root(.available)
        #expect(try root.read("long", limit: 100).count == 100)
        #expect(errno { _ = try root.read("long", limit: 99) } == .fileTooLarge)
    }

    @Test("a file that is replaced all the time is read as one of its versions")
    func replaced() throws {
        let root = try root(.available)
        let base = folder.path + "/root/"
        let versions = ["a", "b"].map { String(repeating: $0, count: 5000) }
        try folder.write("root/record", versions[0])
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            for round in 0..<400 {
                _ = try? Data(versions[round % 2].utf8).write(to: URL(fileURLWithPath: base + "new"))
                rename(base + "new", base + "record")
            }
        }
        for _ in 0..<400 {
            do {
                let text = String(decoding: try root.read("record"), as: UTF8.self)
                #expect(versions.contains(text))
            } catch {
                #expect(error.errno == .resourceTemporarilyUnavailable)
            }
        }
        group.wait()
    }

    @Test("a file that grows while it is read is never given as whole")
    func growing() throws {
        let root = try root(.available)
        let path = folder.path + "/root/log"
        try folder.write("root/log", "")
        let group = DispatchGroup()
        let done = Mutex(false)
        let growing = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        // 16 bytes, which never lie across two pages: the kernel lets a file grow page by page, and a writer that is
        // interrupted between two of them leaves half of what it writes for a while.
        DispatchQueue.global().async(group: group) {
            for _ in 0..<3000 { growing.write(Data("0123456789abcdef".utf8)) }
            done.withLock { $0 = true }
        }
        while !done.withLock({ $0 }) {
            do {
                #expect(try root.read("log").count % 16 == 0)
            } catch {
                #expect(error.errno == .resourceTemporarilyUnavailable)
            }
        }
        group.wait()
        #expect(try root.read("log").count == 48_000)
    }
}
