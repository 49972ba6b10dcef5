// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Glibc
import Model
import SystemPackage
import Testing

@testable import Act

@Suite("the trash directory")
struct TrashTests {
    let host: Host
    var trash: String { host.path + "/.bilge" }

    init() throws { host = try Host() }

    private func expectRefused(_ comment: String) async throws {
        let error = try await #require(throws: ActError.self) { try await host.take() }
        #expect(error.code == .refused, "\(comment): \(error)")
        #expect(error.exitStatus == 5)
        #expect(throws: ActError.self) { try Trash.forReading(in: host.root) }
        #expect(try host.tree() == host.before, "\(comment)")
    }

    @Test("it is ours alone, says what it is, and keeps some room for itself")
    func layout() async throws {
        try await host.take()
        let status = try host.root.status(RelativePath(".bilge"))
        #expect(status.mode & 0o7777 == 0o700)
        #expect(status.owner == geteuid())
        #expect(
            Set(try host.root.names(of: RelativePath(".bilge")))
                == ["lock", "README", "reserve", "audit.log", "20261123-120000-7c1e"])
        #expect(try host.root.status(RelativePath(".bilge/reserve")).allocatedBytes >= Trash.reserveBytes)
        let readme = String(decoding: try host.root.read(RelativePath(".bilge/README")), as: UTF8.self)
        #expect(readme.contains("bilge undo"))
    }

    @Test("a link of that name is refused, and nothing is written behind it")
    func link() async throws {
        try host.makeDirectory("elsewhere")
        try host.makeLink(".bilge", to: "elsewhere")
        let error = try await #require(throws: ActError.self) { try await host.take() }
        #expect(error.code == .refused)
        #expect(try host.root.names(of: RelativePath("elsewhere")).isEmpty)
        #expect(try host.exists("overlay2/aaaa") && host.exists("volumes/pg"))
    }

    @Test("a file of that name, or a directory that others may enter, is refused")
    func modes() async throws {
        try host.write(".bilge", "")
        try await expectRefused("file")
        try FileManager.default.removeItem(atPath: trash)
        for mode in [0o777, 0o755, 0o701, 0o770, 0o500] as [mode_t] {
            try call(mkdir(trash, 0o700))
            try call(chmod(trash, mode))
            try await expectRefused(String(mode, radix: 8))
            try call(rmdir(trash))
        }
    }

    @Test("a directory of somebody else is refused", .enabled(if: geteuid() == 0))
    func owner() async throws {
        try call(mkdir(trash, 0o700))
        try call(chown(trash, 1000, 1000))
        try await expectRefused("owner")
    }

    @Test("a directory on another file system is refused, a bind mount too", .enabled(if: geteuid() == 0))
    func mounted() async throws {
        try call(mkdir(trash, 0o700))
        guard mount("none", trash, "tmpfs", 0, "mode=700") == 0 else { return }
        try await expectRefused("tmpfs")
        try call(umount2(trash, 0))
        try call(mount(trash, trash, "none", UInt(MS_BIND), nil))
        try await expectRefused("bind")
        try call(umount2(trash, 0))
    }

    @Test("while another run holds the lock, exit status 11, and reading says so too")
    func locked() async throws {
        try await host.take([try host.step("layer", "overlay2/aaaa")])
        let other = try Trash.forChanges(in: host.root)
        for attempt in [
            { _ = try await host.take([try host.step("layer", "overlay2/bbbb")]) }, { _ = try await host.undo() },
            { _ = try await host.empty() }, { _ = try host.held() },
        ] as [() async throws -> Void] {
            let error = try await #require(throws: ActError.self) { try await attempt() }
            #expect(error.exitStatus == 11)
        }
        withExtendedLifetime(other) {}
        #expect(try host.exists("overlay2/bbbb") && !host.exists("overlay2/aaaa"))
    }

    @Test("two who read do not exclude each other, but they exclude changes")
    func sharedLock() async throws {
        try await host.take([try host.step("layer", "overlay2/aaaa")])
        let first = try Trash.forReading(in: host.root)
        let second = try Trash.forReading(in: host.root)
        await #expect(throws: ActError.self) { try await host.undo() }
        withExtendedLifetime((first, second)) {}
    }

    @Test("reading changes nothing")
    func reading() async throws {
        #expect(try host.held().isEmpty)
        #expect(try !host.hasTrash)
        do { try await host.take(disk: FaultyDisk(.death, at: 20)) } catch is ActError {}
        let before = try host.root.names(of: RelativePath(".bilge")).sorted()
        let status = try host.root.status(RelativePath(".bilge"))
        let reader = try #require(try Trash.forReading(in: host.root))
        #expect(try !reader.pendingRecovery().isEmpty)
        _ = try reader.list()
        #expect(throws: DiskError.self) { try reader.disk.sync(reader.folder) }
        #expect(try host.root.names(of: RelativePath(".bilge")).sorted() == before)
        #expect(try host.root.status(RelativePath(".bilge")) == status)
    }

    @Test("undo and empty make no trash where there is none, and a run that is not held is refused")
    func nothing() async throws {
        #expect(try await host.undo().steps.isEmpty)
        #expect(try await host.empty().items.isEmpty)
        #expect(try !host.hasTrash)
        await #expect(throws: ActError.self) { try await host.undo("20261123-120000-7c1e") }
        try await host.take()
        let error = try await #require(throws: ActError.self) { try await host.undo("20001123-120000-7c1e") }
        #expect(error.exitStatus == 5 && error.advice.contains("20261123-120000-7c1e"))
        await #expect(throws: ActError.self) { try await host.empty(["../.."]) }
    }

    @Test("an entry that bilge did not make keeps the trash")
    func foreign() async throws {
        try await host.take()
        try host.write(".bilge/notes", "mine")
        try await host.undo()
        #expect(try host.root.read(RelativePath(".bilge/notes")) == Array("mine".utf8))
        #expect(try host.root.names(of: RelativePath(".bilge")).contains("lock"))
    }

    @Test("a full disk costs the reserve, and the reserve comes back")
    func reserve() async throws {
        try await host.take([try host.step("layer", "overlay2/aaaa")])
        let disk = FaultyDisk(.refusalOf("mkdir .bilge/20261123-120001-7c1e/i000001", .noSpace))
        let receipt = try await host.take([try host.step("layer", "overlay2/bbbb")], disk: disk)
        #expect(receipt.steps.map(\.outcome) == [.done])
        #expect(disk.changes.contains("unlink .bilge/reserve"))
        #expect(try host.exists(".bilge/reserve"))
    }

    @Test("the latest run has the last name, also if two began in the same second")
    func runOrder() async throws {
        let trash = try Trash.forChanges(in: host.root)
        let plans = ["f000", "0000", "7c1e", "0000"]
        let names = try plans.map { try trash.makeRun(.noon, plan: $0) }
        #expect(names == names.sorted() && Set(names).count == 4)
        #expect(try trash.runs() == names)
        let earlier = Timestamp(seconds: Timestamp.noon.seconds - 86_400)
        #expect(
            try trash.makeRun(earlier, plan: "7c1e") == Trash.runID(earlier, plan: "7c1e"), "the clock was set back")
    }

    @Test("run names sort by time and say which plan")
    func runNames() {
        #expect(Trash.runID(.noon, plan: "7c1e99") == "20261123-120000-7c1e")
        #expect(Trash.runID(.noon, plan: "") == "20261123-120000-0000")
        #expect(Trash.isRunID("20261123-120000-7c1e"))
        for name in ["20261123-120000", "20261123-120000-7C1E", "20261123-12000-7c1e5", "x", "20261123-120000-7c1e-"] {
            #expect(!Trash.isRunID(name))
        }
    }
}
