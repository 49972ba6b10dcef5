// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

@Suite struct FileLockTests {
    let folder: TemporaryDirectory
    let directory: Directory

    init() throws {
        folder = try TemporaryDirectory("lock")
        try folder.write("volumes/metadata.db", "x")
        directory = try folder.open()
    }

    @Test("one holder excludes another, and lets go at its end")
    func exclusive() throws {
        var lock = try FileLock.acquire("volumes/metadata.db", in: directory, .exclusive)
        #expect(lock != nil)
        #expect(try FileLock.acquire("volumes/metadata.db", in: directory, .exclusive) == nil)
        #expect(try FileLock.acquire("volumes/metadata.db", in: directory, .shared) == nil)
        lock = nil
        let shared = try FileLock.acquire("volumes/metadata.db", in: directory, .shared)
        let another = try FileLock.acquire("volumes/metadata.db", in: directory, .shared)
        #expect(shared != nil && another != nil)
        #expect(try FileLock.acquire("volumes/metadata.db", in: directory, .exclusive) == nil)
        withExtendedLifetime((lock, shared, another)) {}
    }

    @Test("nothing but a regular file is locked, and none is made without being asked to")
    func onlyFiles() throws {
        try folder.makeLink("link", to: "volumes/metadata.db")
        try run(["mkfifo", folder.path + "/fifo"])
        #expect(errno { _ = try FileLock.acquire("nothing", in: directory, .shared) } == .noSuchFileOrDirectory)
        #expect(errno { _ = try FileLock.acquire("link", in: directory, .shared) } == .tooManySymbolicLinkLevels)
        #expect(errno { _ = try FileLock.acquire("volumes", in: directory, .shared) } == .invalidArgument)
        #expect(errno { _ = try FileLock.acquire("fifo", in: directory, .shared) } == .invalidArgument)
        #expect(try Set(directory.names()) == ["volumes", "link", "fifo"])
        let made = try FileLock.acquireCreating("lock", in: directory, .exclusive)
        #expect(made != nil)
        #expect(try directory.status("lock").mode & 0o7777 == 0o600)
        #expect(try FileLock.acquireCreating("lock", in: directory, .exclusive) == nil)
        withExtendedLifetime(made) {}
    }

    @Test("the kernel's list of locks tells who holds ours")
    func listed() throws {
        let lock = try FileLock.acquire("volumes/metadata.db", in: directory, .exclusive)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "/proc/locks")))
        let status = try directory.status("volumes/metadata.db")
        let record = try LockRecord.parse(bytes).first { $0.inode == status.inode && $0.device == status.device }
        #expect(record?.pid == getpid())
        #expect(record?.type == "FLOCK")
        #expect(record?.mode == .write)
        #expect(record?.waits == false)
        withExtendedLifetime(lock) {}
    }

    @Test("every kind of line is understood")
    func lines() throws {
        let records = try LockRecord.parse(
            Array(
                """
                1: FLOCK  ADVISORY  WRITE 708 00:1b:1234 0 EOF
                1: -> FLOCK  ADVISORY  READ  709 00:1b:1234 0 EOF
                1:     -> FLOCK  ADVISORY  READ  710 00:1b:1234 0 EOF
                2: OFDLCK ADVISORY  READ  -1 fe:00:77 128 128
                3: POSIX  ADVISORY  WRITE 5 103:02:18446744073709551615 0 EOF
                4: LEASE  ACTIVE    READ  6 00:1b:9 0 EOF
                5: POSIX  *NOINODE* READ  7 <none>:0 0 EOF

                """.utf8))
        #expect(records.map(\.pid) == [708, 709, 710, -1, 5, 6])
        #expect(records.map(\.waits) == [false, true, true, false, false, false])
        #expect(records.map(\.type) == ["FLOCK", "FLOCK", "FLOCK", "OFDLCK", "POSIX", "LEASE"])
        #expect(records.map(\.mode) == [.write, .read, .read, .read, .write, .read])
        #expect(records[3].device == 0xfe00)
        #expect(records[4].inode == .max)
    }

    @Test(
        "a line that is not understood is named",
        arguments: [
            "FLOCK", "1: FLOCK ADVISORY WRITE x 00:1b:1 0 EOF", "1: FLOCK ADVISORY MAYBE 1 00:1b:1 0 EOF",
            "1: FLOCK ADVISORY WRITE 1 001b1 0 EOF", "1: FLOCK ADVISORY WRITE 1 00:1b: 0 EOF",
            "1: FLOCK ADVISORY WRITE",
        ])
    func broken(line: String) {
        #expect(throws: LineError.self) { try LockRecord.parse(Array(line.utf8)) }
    }
}
