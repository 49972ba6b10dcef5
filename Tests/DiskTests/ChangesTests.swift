// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

/// The `Errno` that `body` fails with, or `nil` if it succeeds.
func errno(_ body: () throws -> Void) -> Errno? {
    do {
        try body()
        return nil
    } catch let error as DiskError {
        return error.errno
    } catch {
        Issue.record("not a DiskError: \(error)")
        return nil
    }
}

@Suite struct ChangesTests {
    let folder: TemporaryDirectory
    let directory: Directory

    init() throws {
        folder = try TemporaryDirectory("changes")
        directory = try folder.open()
    }

    @Test("a file is made with all its bytes, and only once")
    func createFile() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try directory.createFile("meta", bytes)
        #expect(try directory.read(RelativePath("meta")) == bytes)
        #expect(try directory.status(RelativePath("meta")).mode & 0o7777 == 0o600)
        #expect(errno { try directory.createFile("meta", []) } == .fileExists)
        #expect(try directory.read(RelativePath("meta")).count == 100_000)
    }

    @Test("a file that does not fit is not left behind half written")
    func noHalfFile() throws {
        let mount = folder.path + "/full"
        try folder.makeDirectory("full")
        guard (try? run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", mount])) != nil else {
            print("SKIPPED: mounting a tmpfs needs root")
            return
        }
        defer { _ = try? run(["umount", mount]) }
        let full = try Directory(path: FilePath(mount))
        #expect(errno { try full.createFile("meta", [UInt8](repeating: 1, count: 1 << 20)) } == .noSpace)
        #expect(errno { try full.reserve("reserve", bytes: 1 << 20) } == .noSpace)
        #expect(try full.names() == [])
    }

    @Test("bytes are added at the end, never over what is there")
    func append() throws {
        try directory.append(Array("one\n".utf8), to: "audit.log")
        try directory.append(Array("two\n".utf8), to: "audit.log")
        #expect(try directory.read(RelativePath("audit.log")) == Array("one\ntwo\n".utf8))
        try folder.makeLink("link", to: "audit.log")
        #expect(errno { try directory.append([1], to: "link") } == .tooManySymbolicLinkLevels)
        try run(["mkfifo", folder.path + "/fifo"])
        #expect(errno { try directory.append([1], to: "fifo") } != nil)
    }

    @Test("a reserve takes its space on the disk")
    func reserve() throws {
        try directory.reserve("reserve", bytes: 1 << 20)
        #expect(try directory.status(RelativePath("reserve")).allocatedBytes >= 1 << 20)
    }

    @Test("a rename moves what was there, and never over anything")
    func rename() throws {
        try directory.makeDirectory("from")
        try directory.makeDirectory("to")
        let (from, to) = (try directory.directory("from"), try directory.directory("to"))
        try from.createFile("data", [7])
        let before = try from.status("data").identity
        try from.renameNoReplace("data", to: to, "data.0")
        #expect(try to.status("data.0").identity.isSameObject(as: before))
        #expect(try from.names() == [])
        // A plain rename(2) would replace the empty directory without a word.
        try from.makeDirectory("empty")
        try to.makeDirectory("empty")
        #expect(errno { try from.renameNoReplace("empty", to: to, "empty") } == .fileExists)
        #expect(errno { try from.renameNoReplace("nothing", to: to, "x") } == .noSuchFileOrDirectory)
    }

    @Test("a rename of a link moves the link")
    func renameLink() throws {
        try folder.write("victim/file")
        try folder.makeLink("link", to: "victim")
        try directory.renameNoReplace("link", to: directory, "moved")
        #expect(try directory.linkTarget("moved") == Array("victim".utf8))
        #expect(try directory.names(of: "victim") == ["file"])
    }

    @Test("unlink takes no directory, removeDirectory none that holds anything")
    func removing() throws {
        try folder.write("full/file")
        try folder.makeLink("link", to: "full")
        #expect(errno { try directory.unlink("full") } == .isDirectory)
        #expect(errno { try directory.removeDirectory("full") } == .directoryNotEmpty)
        #expect(errno { try directory.removeDirectory("link") } == .notDirectory)
        try directory.unlink("link")
        #expect(try directory.names(of: "full") == ["file"])
        try directory.directory("full").unlink("file")
        try directory.removeDirectory("full")
        #expect(try directory.names() == [])
    }

    @Test(
        "a change takes one name, never a path",
        arguments: ["", ".", "..", "a/b", "/a", "a%2Fb", "%2E%2E", "a%00b", "%61", "caf\u{e9}"])
    func oneName(name: String) throws {
        try folder.write("a/b", "keep")
        #expect(errno { try directory.makeDirectory(name) } == .invalidArgument)
        #expect(errno { try directory.createFile(name, []) } == .invalidArgument)
        #expect(errno { try directory.append([1], to: name) } == .invalidArgument)
        #expect(errno { try directory.unlink(name) } == .invalidArgument)
        #expect(errno { try directory.removeDirectory(name) } == .invalidArgument)
        #expect(errno { try directory.renameNoReplace(name, to: directory, "c") } == .invalidArgument)
        #expect(errno { try directory.renameNoReplace("a", to: directory, name) } == .invalidArgument)
        #expect(try directory.read("a/b") == Array("keep".utf8))
        #expect(try directory.names() == ["a"])
    }

    @Test("names of any bytes can be changed")
    func anyBytes() throws {
        for name in ["%FF%FE", "new%0Aline", "%1B[2J", "100%25", String(repeating: "a", count: 255), "-rf", " ", "*"] {
            try directory.createFile(name, [1])
            #expect(try directory.names() == [name])
            try directory.renameNoReplace(name, to: directory, "moved")
            try directory.unlink("moved")
        }
    }

    @Test("the file system of a directory is told with its space")
    func fileSystem() throws {
        let fileSystem = try directory.fileSystem()
        #expect(fileSystem.totalBytes > 0)
        #expect(fileSystem.availableBytes <= fileSystem.freeBytes)
        #expect(fileSystem.freeBytes <= fileSystem.totalBytes)
        let proc = try Directory(path: "/proc").fileSystem()
        #expect(proc.magic == 0x9fa0)
        #expect(proc.name == "0x9fa0")
        #expect(!proc.isReadOnly)
    }

    @Test("a directory is brought to the disk")
    func sync() throws { try directory.sync() }
}

extension Lookup {
    /// Every test of a look-up holds for each of them, whatever this kernel has.
    static let ways = [Lookup.available, .components, .oldest]
}

extension RelativePath: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self.init(text) }
}
