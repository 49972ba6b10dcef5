// SPDX-License-Identifier: Apache-2.0

import Decide
import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

/// The sums of `df` beside those of `du` and of the kernel.
@Suite("The sums come out", .serialized, .enabled(if: geteuid() == 0, "needs root: the roots belong to it"))
struct AccountTests {
    private func accounted(_ root: String) async throws -> Account {
        var request = Request.offline(root)
        request.environment = ["BILGE_STATE_DIRECTORY": "/nonexistent/bilge"]
        let survey = try await survey(request)
        return try account(of: survey, usage(of: survey.items, in: survey))
    }

    /// What `du -xs` says: bytes of blocks, and inodes.
    private func du(_ path: String) throws -> Usage {
        func number(_ option: String) throws -> Int64 {
            let text = try run(["du", "-xs", option, path])
            return try #require(Int64(text.prefix { $0.isNumber }))
        }
        return Usage(allocatedBytes: try number("--block-size=1"), inodes: try number("--inodes"))
    }

    @Test("every golden root takes what du says it takes, to the byte and to the inode", arguments: GoldenRoot.all)
    func golden(root golden: GoldenRoot) async throws {
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let account = try await accounted(root)
        #expect(account.total == (try du(root)))
        #expect(account.ledgers.count == 1 && account.ledgers[0].below == account.total)
        #expect(account.onTop == [])
    }

    @Test("a quiescent root of a real engine takes what du says, while a container is mounted in it")
    func live() async throws {
        guard LiveEngine.obstacle == nil else { return print("SKIPPED: \(LiveEngine.obstacle ?? "")") }
        let engine = try LiveEngine()
        defer { engine.stop() }
        try engine.start()
        try engine.importBase("base:1")
        try engine.docker(
            "run", "-d", "--network", "none", "--name", "sleeper", "-v", "named:/data", "base:1", "sh", "-c",
            "echo x > /data/x; exec 3> /gone; rm /gone; head -c 300000 /dev/zero >&3; sleep 600")
        usleep(1_500_000)
        try run(["sync"])
        let request = Request(
            host: "unix://" + engine.socket, now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)),
            caller: geteuid(), environment: ["BILGE_STATE_DIRECTORY": "/nonexistent/bilge"])
        let survey = try await survey(request)
        let account = try account(of: survey, usage(of: survey.items, in: survey))
        #expect(account.total == (try du(engine.root)))
        #expect(account.onTop.contains { $0.type == "overlay" }, "\(account.onTop)")
        // What a process in a container wrote and deleted is found below the overlay that it sees.
        let held = account.ledgers[0].deleted
        #expect(held.allocatedBytes >= 300_000)
        #expect(account.ledgers[0].facts.deleted.contains { file in
            file.path == "/gone" && file.holders.contains { ["sh", "sleep", "busybox"].contains($0.name) }
        }, "\(account.ledgers[0].facts.deleted)")
    }

    @Test("a deleted file that is still open is found by the name of the process that holds it")
    func deleted() async throws {
        let golden = try #require(GoldenRoot.all.first)
        let (folder, root) = try golden.unpack()
        defer { withExtendedLifetime(folder) {} }
        let file = root + "/containers/held.log"
        FileManager.default.createFile(atPath: file, contents: Data(repeating: 7, count: 1 << 20))
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/tail")
        holder.arguments = ["-f", file]
        holder.standardOutput = FileHandle.nullDevice
        holder.standardError = FileHandle.nullDevice
        try holder.run()
        defer {
            holder.terminate()
            holder.waitUntilExit()
        }
        usleep(300_000)
        let before = try await accounted(root)
        #expect(!before.ledgers[0].facts.deleted.contains { $0.path == file })
        unlink(file)
        let account = try await accounted(root)
        let found = try #require(account.ledgers[0].facts.deleted.first { $0.path == file })
        #expect(found.allocatedBytes >= 1 << 20)
        #expect(found.holders == [DeletedFile.Holder(pid: holder.processIdentifier, name: "tail")])
    }

    @Test("on a file system of its own all of what is used is explained, and each part is computed")
    func ledger() async throws {
        guard let disk = try LoopDisk.make() else { return print("SKIPPED: no loop mounts on this machine") }
        let root = try disk.unpack(GoldenRoot.named("docker-1.9.1-overlay-crash"))
        let ledger = try #require(try await accounted(root).ledgers.first)
        #expect(ledger.facts.own != nil && ledger.facts.overhead?.isEmpty == false)
        #expect(ledger.below == (try du(root)))
        // At most one per cent is asked for; ext4 is understood to the byte.
        #expect(ledger.other.allocatedBytes == 0 && ledger.other.inodes == 0, "\(ledger)")
        #expect(ledger.facts.overhead?.allSatisfy { $0.bytes >= 0 } == true)
    }

    @Test("a root on two file systems has two ledgers, and what is mounted on top is named and not counted")
    func several() async throws {
        guard let disk = try LoopDisk.make() else { return print("SKIPPED: no loop mounts on this machine") }
        let root = try disk.unpack(GoldenRoot.named("docker-1.9.1-overlay-crash"))
        let volumes = root + "/volumes"
        try run(["mv", volumes, root + "/../saved"])
        try FileManager.default.createDirectory(atPath: volumes, withIntermediateDirectories: true)
        try disk.mount("tmpfs", at: volumes)
        try run(["sh", "-c", "cp -a '\(root)/../saved/.' '\(volumes)/' && mkdir -p '\(volumes)/pg/_data/on/top'"])
        try disk.mount("tmpfs", at: volumes + "/pg/_data/on")
        try run(["sh", "-c", "head -c 100000 /dev/zero > '\(volumes)/pg/_data/on/hidden'"])

        let account = try await accounted(root)
        #expect(account.ledgers.map(\.facts.point) == [disk.point, volumes])
        #expect(account.ledgers[0].below == (try du(root)))
        #expect(account.ledgers[1].below == (try du(volumes)))
        #expect(account.onTop.map(\.path.text) == ["volumes/pg/_data/on"])
        #expect(account.ledgers[1].facts.type == "tmpfs" && account.ledgers[1].other.allocatedBytes == 0)
    }
}

/// An ext4 in a file, mounted for one test.
private final class LoopDisk {
    private let folder: TemporaryDirectory
    let point: String
    private var mounts: [String] = []

    private init(_ folder: TemporaryDirectory) {
        self.folder = folder
        point = folder.path + "/m"
    }

    /// `nil` where a file cannot be mounted.
    static func make() throws -> LoopDisk? {
        let disk = LoopDisk(try TemporaryDirectory("loop"))
        try disk.folder.makeDirectory("m")
        let image = disk.folder.path + "/disk.img"
        do {
            try run(["truncate", "-s", "128M", image])
            try run(["mkfs.ext4", "-q", image], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
            try run(["mount", "-o", "loop", image, disk.point])
        } catch {
            return nil
        }
        disk.mounts = [disk.point]
        return disk
    }

    deinit { for point in mounts.reversed() { umount2(point, CInt(MNT_DETACH)) } }

    func unpack(_ golden: GoldenRoot?) throws -> String {
        let golden = try #require(golden)
        let root = point + "/docker"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try run([
            "tar", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-xJf",
            "\(golden.folder)/\(golden.name).tar.xz", "-C", root,
        ])
        try run(["sync"])
        return root
    }

    func mount(_ type: String, at path: String) throws {
        try run(["mount", "-t", type, "bilge-test", path])
        mounts.append(path)
    }
}
