// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import TestSupport
import Testing

@testable import Observe

@Suite("The kernel's witness: what it cannot see")
struct HostDamageTests {
    @Test("processes that cannot be asked are one problem for everything")
    func unreadable() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        #expect(try root.look(proc.sources).findings.problems.isEmpty)
        try proc.add(77, "postgres")
        try proc.directory.write("77/stat", "garbage")
        try proc.add(78, "redis")
        try proc.directory.write("78/stat", "")
        let problems = try root.look(proc.sources).findings.problems
        #expect(problems.map(\.areas) == [[.everything]])
        #expect(problems.first?.reason.hasPrefix("process 77 and 1 more cannot be asked") == true)
    }

    @Test("a process that could not be asked for a moment only is no problem, and what it holds is found")
    func momentary() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        try proc.add(77, "postgres", cwd: root.path + "/volumes/idle")
        try proc.directory.write("77/stat", "")
        var sources = proc.sources
        let stat = proc.path + "/77/stat"
        let line = "77 (postgres) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0\n"
        sources.pause = { milliseconds in
            guard milliseconds > 1 else { return }
            do { try line.write(toFile: stat, atomically: false, encoding: .utf8) } catch { Issue.record(error) }
        }
        let findings = try root.look(sources).findings
        #expect(findings.problems.isEmpty)
        #expect(findings.claims.contains { $0.target == RelativePath("volumes/idle") })
    }

    @Test("a mount table that is not understood is a problem for everything", arguments: 1..<60)
    func cutMounts(_ length: Int) throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        try proc.add(77, "dockerd")
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw"
        try proc.directory.write("77/mountinfo", String(line.prefix(length)))
        // Another view than that of this process, or its table would not be read.
        try FileManager.default.removeItem(atPath: proc.path + "/77/ns/mnt")
        try proc.directory.write("77/ns/mnt")
        #expect(try root.look(proc.sources).findings.problems.map(\.areas) == [[.everything]])
    }

    @Test("without its own mounts the witness knows nothing")
    func noMounts() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        try FileManager.default.removeItem(atPath: "\(proc.path)/\(getpid())/mountinfo")
        #expect(try root.look(proc.sources).findings.problems.map(\.areas) == [[.everything]])
        #expect(try root.look(KernelSources(proc: "/nonexistent")).findings.problems.map(\.areas) == [[.everything]])
    }

    @Test("a hidden process 1 is a problem for root", .enabled(if: isRoot, "needs root"))
    func hidden() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        try FileManager.default.removeItem(atPath: proc.path + "/1")
        #expect(try root.look(proc.sources).findings.problems.map(\.areas) == [[.everything]])
    }

    @Test(
        "an unprivileged caller asks only its own processes about its own root",
        .enabled(if: isRoot, "needs root to give files away"))
    func unprivileged() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        try proc.add(77, "postgres")
        try proc.directory.write("77/stat", "garbage")
        try proc.add(78, "sleep", cwd: root.path + "/volumes/pg/_data")
        try run(["chown", "1234", root.path, proc.path + "/78"])
        let (findings, coverage) = try root.look(proc.sources, caller: 1234)
        #expect(findings.problems.isEmpty)
        #expect(coverage.notAsked == 3)
        #expect(findings.claims.map(\.target.text) == ["volumes/pg"])
        // On a root of somebody else, whoever cannot be asked may matter.
        try run(["chown", "0", root.path])
        #expect(try root.look(proc.sources, caller: 1234).findings.problems.map(\.areas) == [[.everything]])
    }

    @Test("a mount namespace that nobody is in makes volumes doubtful")
    func pinned() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        let table = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        try proc.directory.write(
            "\(getpid())/mountinfo", table + "900 1 0:4 mnt:[4026539999] /run/mine rw - nsfs nsfs rw\n")
        let problems = try root.look(proc.sources).findings.problems
        #expect(problems.map(\.areas) == [[.volumes]])
        #expect(problems.map(\.path) == ["/run/mine"])
        try proc.directory.write(
            "\(getpid())/mountinfo", table + "900 1 0:4 mnt:[4026539999] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw\n")
        #expect(try root.look(proc.sources).findings.problems.isEmpty)
    }

    @Test("in a container, a root from outside is doubtful until its daemon is seen")
    func container() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        let status = try root.directory.open().status(RelativePath("volumes/metadata.db"))
        let (major, minor) = (status.device >> 8 & 0xFFF, status.device & 0xFF | status.device >> 12 & 0xFFF00)
        let mount = "\(status.mountID) 1 \(major):\(minor) /host/docker \(root.path) rw - ext4 /dev/x rw\n"
        try proc.directory.write("\(getpid())/mountinfo", mount)
        #expect(try root.look(proc.sources).findings.problems.map(\.areas) == [[.everything]])
        let device = String(major, radix: 16) + ":" + String(minor, radix: 16)
        try proc.directory.write("locks", "1: FLOCK  ADVISORY  WRITE 77 \(device):\(status.inode) 0 EOF\n")
        #expect(try root.look(proc.sources).findings.problems.isEmpty)
        try proc.directory.write("locks", "1: FLOCK  garbage\n")
        #expect(try root.look(proc.sources).findings.problems.contains { $0.areas == [.everything] })
    }

    @Test("swap files, loop devices and exports claim what they lie in")
    func kernelUses() throws {
        let root = try HostRoot()
        let proc = try FakeProc()
        let volume = root.path + "/volumes/pg/_data"
        try proc.directory.write("swaps", "Filename\tType\tSize\tUsed\tPriority\n\(volume)/swap\\040file file 1 1 -2\n")
        #expect(try root.needed(proc.sources) == ["volumes/pg"])
        try proc.directory.write("swaps", "Filename\tType\tSize\tUsed\tPriority\n/swapfile file 1 1 -2\n")
        try proc.directory.write("block/loop3/loop/backing_file", "\(root.path)/overlay2/\(root.layer)/diff/disk.img\n")
        try proc.directory.makeDirectory("block/loop4")
        #expect(try root.needed(proc.sources) == ["overlay2/\(root.layer)"])
        try proc.directory.write("etc/exports", "# none\n\"\(volume)\" *(ro) \\\n  10.0.0.1(rw)\n")
        #expect(try root.needed(proc.sources) == ["overlay2/\(root.layer)", "volumes/pg"])
        try proc.directory.write("etc/exports.d/x.exports", "\(root.path)/volumes *(ro)\n")
        #expect(try root.look(proc.sources).findings.problems.map(\.areas) == [[.volumes]])
    }
}
