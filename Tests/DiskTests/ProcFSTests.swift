// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import TestSupport
import Testing

extension ProcessAnswer {
    var value: Value? { if case .value(let value) = self { value } else { nil } }
    var isGone: Bool { if case .gone = self { true } else { false } }
    var isUnreadable: Bool { if case .unreadable = self { true } else { false } }
}

@Suite struct ProcFSTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory("proc")
        try folder.write("held/file", "x")
    }

    /// A `/proc` of one process that says about itself what the test wants.
    func fake(_ stat: String?) throws -> ProcFS {
        try folder.makeDirectory("proc/42/fd")
        try folder.write("proc/uptime", "1 2")
        if let stat { try folder.write("proc/42/stat", stat) }
        return try ProcFS(path: FilePath(folder.path + "/proc"))
    }

    let alive = "42 (a) b (c)) S 1 42 42 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0\n"

    @Test("this process is told as it is")
    func own() throws {
        let proc = try ProcFS()
        #expect(try proc.processes().contains(.own))
        #expect(proc.threads(of: .own).value?.contains(ProcessID(getpid(), thread: getpid())) == true)
        let stat = try #require(proc.stat(of: .own).value)
        #expect(stat.parent == getppid())
        #expect(!stat.isKernelThread && !stat.isExiting)
        #expect(stat.startTicks > 0)
        #expect(
            proc.arguments(of: .own).value == CommandLine.arguments.map { EntryName.escaped(text: $0) })
        let here = try Directory(path: FilePath(FileManager.default.currentDirectoryPath)).status()
        let cwd = try #require(proc.link(.cwd, of: .own).value)
        #expect(cwd.device == here.device && cwd.inode == here.inode)
        #expect(cwd.target == EntryName.escaped(text: FileManager.default.currentDirectoryPath))
        #expect(proc.link(.root, of: .own).value?.target == "/")
        #expect(proc.namespace(.mnt, of: .own).value != nil)
        #expect(
            proc.namespace(.pid, of: .own).value
                == proc.namespace(.pid, of: ProcessID(getpid(), thread: getpid())).value)
        let mounts = try Mount.parse(try #require(proc.mountinfo(of: .own).value))
        #expect(mounts.contains { $0.point == "/" })
    }

    @Test("a file that a process has open is found by its identity, also after it lost its name")
    func openFile() throws {
        let proc = try ProcFS()
        let status = try folder.open().status("held/file")
        let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: folder.path + "/held/file"))
        let found = try #require(
            proc.openFiles(of: .own).value?.first { $0.inode == status.inode && $0.device == status.device })
        #expect(found.target == folder.path + "/held/file")
        #expect(found.mode == status.mode)
        try folder.open().directory("held").unlink("file")
        let unnamed = proc.openFiles(of: .own).value?.first { $0.inode == status.inode && $0.device == status.device }
        #expect(unnamed?.target == folder.path + "/held/file (deleted)")
        withExtendedLifetime(handle) {}
    }

    @Test("a process that does not exist is gone, not unreadable")
    func gone() throws {
        let proc = try ProcFS()
        let nobody = ProcessID(Int32.max)
        #expect(proc.stat(of: nobody).isGone)
        #expect(proc.arguments(of: nobody).isGone)
        #expect(proc.threads(of: nobody).isGone)
        #expect(proc.link(.cwd, of: nobody).isGone)
        #expect(proc.openFiles(of: nobody).isGone)
        #expect(proc.namespace(.mnt, of: nobody).isGone)
        #expect(proc.mountinfo(of: nobody).isGone)
    }

    @Test("a process that ends is gone")
    func ended() throws {
        let proc = try ProcFS()
        let sleeper = Process()
        sleeper.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        sleeper.arguments = ["sleep", "100"]
        try sleeper.run()
        let id = ProcessID(sleeper.processIdentifier)
        #expect(proc.openFiles(of: id).value != nil)
        kill(id.pid, SIGKILL)
        sleeper.waitUntilExit()
        #expect(proc.openFiles(of: id).isGone)
    }

    @Test("a kernel thread holds nothing and is never unreadable")
    func kernelThread() throws {
        let proc = try ProcFS()
        guard let stat = proc.stat(of: ProcessID(2)).value, stat.name == "kthreadd" else {
            print("SKIPPED: no kernel thread is visible here")
            return
        }
        #expect(stat.isKernelThread)
        #expect(proc.link(.exe, of: ProcessID(2)).isGone)
        #expect(!proc.openFiles(of: ProcessID(2)).isUnreadable)
        #expect(!proc.link(.cwd, of: ProcessID(2)).isUnreadable)
        #expect(proc.arguments(of: ProcessID(2)).value == [])
    }

    @Test("brackets and spaces in a name do not shift the fields")
    func statFields() throws {
        let stat = try #require(try fake(alive).stat(of: ProcessID(42)).value)
        #expect(stat.name == "a) b (c)")
        #expect(stat.state == "S")
        #expect(stat.parent == 1)
        #expect(stat.startTicks == 12345)
    }

    @Test("what a living process does not let us see is unreadable")
    func unreadable() throws {
        let proc = try fake(alive)
        #expect(proc.link(.cwd, of: ProcessID(42)).isUnreadable)
        #expect(proc.mountinfo(of: ProcessID(42)).isUnreadable)
        #expect(proc.namespace(.mnt, of: ProcessID(42)).isUnreadable)
        #expect(try fake("nonsense").stat(of: ProcessID(42)).isUnreadable)
        #expect(try fake("42 (a) S 1").link(.cwd, of: ProcessID(42)).isUnreadable)
    }

    @Test("of a zombie, of one that is ending, and of a kernel thread the same is gone")
    func holdsNothing() throws {
        let zombie = alive.replacingOccurrences(of: " S 1 ", with: " Z 1 ")
        #expect(try fake(zombie).link(.cwd, of: ProcessID(42)).isGone)
        let ending = alive.replacingOccurrences(of: "4194560", with: "4194564")
        #expect(try fake(ending).link(.cwd, of: ProcessID(42)).isGone)
        let thread = alive.replacingOccurrences(of: "4194560", with: "\(0x0020_8040)")
        #expect(try fake(thread).link(.cwd, of: ProcessID(42)).isGone)
    }

    @Test("only numbers are processes")
    func numbers() throws {
        let proc = try fake(alive)
        try folder.write("proc/self", "x")
        try folder.write("proc/4x", "x")
        try folder.write("proc/99999999999", "x")
        #expect(try proc.processes() == [ProcessID(42)])
    }

    @Test("arguments are split exactly, however odd")
    func arguments() throws {
        let proc = try fake(alive)
        for (text, expected) in [
            ("dockerd\0-g\0/var/lib/my docker\0", ["dockerd", "-g", "/var/lib/my docker"]),
            ("a\0\0b\0", ["a", "", "b"]),
            ("sshd: root@pts/0", ["sshd: root@pts/0"]), ("", []), ("a\n\u{1b}%\0", ["a%0A%1B%25"]),
        ] {
            try folder.write("proc/42/cmdline", text)
            #expect(proc.arguments(of: ProcessID(42)).value == expected)
        }
    }

    @Test("a link is followed to what it names, also into another folder")
    func links() throws {
        let proc = try fake(alive)
        let status = try folder.open().status("held/file")
        try folder.makeLink("proc/42/fd/7", to: folder.path + "/held/file")
        try folder.makeLink("proc/42/fd/8", to: "/nowhere at all")
        let files = try #require(proc.openFiles(of: ProcessID(42)).value)
        #expect(files.map(\.inode) == [status.inode])
        #expect(files.map(\.device) == [status.device])
        #expect(files.map(\.mode) == [status.mode])
        #expect(files.map(\.target) == [folder.path + "/held/file"])
    }

    @Test("files that a kernel lacks are absent")
    func files() throws {
        let proc = try ProcFS()
        #expect(try proc.fileIfPresent("no such file") == nil)
        #expect(try proc.fileIfPresent("locks") != nil)
        #expect(try proc.fileIfPresent("sys/kernel/random/boot_id")?.count == 37)
    }
}
