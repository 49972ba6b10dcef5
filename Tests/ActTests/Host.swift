// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Glibc
import Logging
import Model
import SystemPackage

@testable import Act

/// A small data root with things to take out of it, and one layer and one volume that must never move.
final class Host {
    private let temporary: String
    let path: String
    let root: Directory
    private(set) var before: [String: String] = [:]

    /// - Parameter inMemory: where a sweep makes some thousand hosts, and waiting for a disk would prove nothing.
    init(inMemory: Bool = false) throws {
        let memory = inMemory && access("/dev/shm", W_OK) == 0
        let base = memory ? "/dev/shm" : ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        temporary = "\(base)/bilge-act-\(UUID().uuidString.prefix(13))"
        path = temporary + "/root"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        root = try Directory(path: FilePath(path))
        for layer in ["aaaa", "bbbb", "keep"] {
            try write("overlay2/\(layer)/diff/etc/\(layer)", layer)
            try write("overlay2/\(layer)/link", "LINK\(layer)")
            try makeLink("overlay2/l/LINK\(layer)", to: "../\(layer)/diff")
        }
        try write("volumes/pg/_data/PG_VERSION", "16")
        try write("volumes/keep/_data/PG_VERSION", "16")
        // One file with names in two items and in a third thing that stays.
        for other in ["overlay2/bbbb/diff/shared", "volumes/keep/_data/shared"] {
            try call(link(path + "/overlay2/aaaa/diff/etc/aaaa", path + "/" + other))
        }
        // An old kernel has no extended attributes of users in memory.
        if Xattr.set(path + "/overlay2/aaaa", "user.bilge", "v", 1, 0) != 0, errno != EOPNOTSUPP {
            throw Errno(rawValue: errno)
        }
        try call(chmod(path + "/overlay2/aaaa/diff", 0o1751))
        try call(mkfifo(path + "/overlay2/bbbb/diff/pipe", 0o640))
        for old in ["overlay2/aaaa", "overlay2/aaaa/diff", "volumes/pg", "overlay2/l/LINKaaaa"] {
            var times = [timespec(tv_sec: 1_433_152_800, tv_nsec: 123), timespec(tv_sec: 1_433_152_801, tv_nsec: 456)]
            try call(utimensat(AT_FDCWD, path + "/" + old, &times, AT_SYMLINK_NOFOLLOW))
        }
        before = try Host.tree(path)
    }

    // Without a child process: between its fork and its exec it would hold our locks.
    deinit { try? FileManager.default.removeItem(atPath: temporary) }

    func write(_ relative: String, _ text: String = "") throws {
        try makeDirectory((relative as NSString).deletingLastPathComponent)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + relative))
    }

    func makeDirectory(_ relative: String) throws {
        try FileManager.default.createDirectory(atPath: path + "/" + relative, withIntermediateDirectories: true)
    }

    func makeLink(_ relative: String, to target: String) throws {
        try makeDirectory((relative as NSString).deletingLastPathComponent)
        try FileManager.default.createSymbolicLink(atPath: path + "/" + relative, withDestinationPath: target)
    }

    /// Two layers with their links, and a volume: what the sweeps take.
    func steps() throws -> [Plan.Step] {
        [
            try step("layer", "overlay2/aaaa", "overlay2/l/LINKaaaa"),
            try step("layer", "overlay2/bbbb", "overlay2/l/LINKbbbb"), try step("volume", "volumes/pg"),
        ]
    }

    func step(_ kind: String, _ paths: String..., action: Plan.Step.Action = .quarantine) throws -> Plan.Step {
        let paths = paths.map { RelativePath($0) }
        return Plan.Step(
            action: action, kind: kind, id: String(paths[0].name), names: [], paths: paths,
            identities: try paths.map { try root.status($0).identity }, freesBytes: 4096, inodes: 1, undo: true,
            why: ["nobody needs it"])
    }

    func plan(_ steps: [Plan.Step]) throws -> ApprovedPlan {
        let status = try root.status(.root)
        return ApprovedPlan(
            Plan(
                plan: "7c1e00", created: "2015-06-01T10:00:00Z",
                policy: Plan.Policy(kinds: ["orphans"], graceSeconds: 0, named: false, keep: []),
                root: Plan.Root(path: path, device: status.device, inode: status.inode), steps: steps, kept: [],
                totals: Plan.Totals(freesNowBytes: 0, freesWhenTrashEmptiesBytes: 0)), approver: "test")
    }

    @discardableResult
    func take(
        _ steps: [Plan.Step]? = nil, disk: any DiskMutations = HostDisk(), checks: Checks = .nobodyNeeds,
        volumes: VolumeEngine? = nil, at time: Timestamp = .noon, shouldStop: () -> Bool = { false }
    ) async throws -> Receipt {
        try await execute(
            try plan(steps ?? self.steps()), in: root, disk: disk, checks: checks, volumes: volumes, clock: { time },
            shouldStop: shouldStop, logger: quiet)
    }

    @discardableResult
    func undo(
        _ run: String? = nil, disk: any DiskMutations = HostDisk(), volumes: VolumeEngine? = nil
    ) async throws -> Receipt {
        try await Act.undo(run: run, in: root, disk: disk, volumes: volumes, clock: { .noon }, logger: quiet)
    }

    @discardableResult
    func empty(
        _ runs: [String] = [], disk: any DiskMutations = HostDisk(), checks: Checks? = .nobodyNeeds,
        witness: Witness = { $0.map { _ in nil } }
    ) async throws -> Emptied {
        try await Act.empty(
            EmptyingOrder(runs: runs, olderThanSeconds: 0), in: root, disk: disk, checks: checks, witness: witness,
            now: .noon, logger: quiet)
    }

    @discardableResult
    func recover(disk: any DiskMutations = HostDisk(), checks: Checks? = .nobodyNeeds) async throws -> Recovery {
        guard let trash = try Trash.existing(in: root, disk: disk) else { return Recovery() }
        defer { trash.leave(quiet) }
        return try await trash.recover(checks: checks)
    }

    func held() throws -> [HeldRun] { try Trash.forReading(in: root)?.list() ?? [] }

    func exists(_ relative: String) throws -> Bool { try root.statusIfPresent(RelativePath(relative)) != nil }

    /// Everything but the trash, as one line for each path.
    func tree() throws -> [String: String] { try Host.tree(path) }

    var hasTrash: Bool { get throws { try exists(".bilge") } }

    /// Type, mode, owner, inode, names, times, contents and extended attributes of everything below; the trash left out.
    ///
    /// The mtimes of the directories out of which something is taken are left out: they tell that something was.
    static func tree(_ path: String) throws -> [String: String] {
        let root = try Directory(path: FilePath(path))
        let emptied: Set = ["", "overlay2", "overlay2/l", "volumes", "containers", "containers/c1"]
        var lines: [String: String] = [:]
        var pending = [RelativePath.root]
        while let relative = pending.popLast() {
            let status = try root.status(relative)
            var line = "\(String(status.mode, radix: 8)) \(status.owner) \(status.inode) \(status.birth.nanoseconds)"
            if status.kind != .directory { line += " links \(status.links)" }
            if !emptied.contains(relative.text) { line += " \(status.modified.nanoseconds)" }
            switch status.kind {
            case .directory: pending += try root.names(of: relative).filter { $0 != ".bilge" }.map { relative / $0 }
            case .file: line += " " + EntryName.escaped(try root.read(relative))
            case .symbolicLink: line += " " + EntryName.escaped(try root.linkTarget(relative))
            case .other: break
            }
            lines[relative.text] = line + attributes(path.utf8 + [0x2F] + relative.bytes)
        }
        return lines
    }

    private static func attributes(_ path: [UInt8]) -> String {
        let path = path.map { CChar(bitPattern: $0) } + [0]
        var value = [UInt8](repeating: 0, count: 64)
        let count = Xattr.get(path, "user.bilge", &value, value.count)
        return count < 0 ? "" : " xattr " + EntryName.escaped(value.prefix(count))
    }
}

extension Checks {
    static var nobodyNeeds: Checks { Checks { _ in nil } }
}

extension Timestamp {
    static let noon = Timestamp(rfc3339: "2026-11-23T12:00:00Z")!
}

let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

func call(_ result: CInt) throws {
    if result != 0 { throw Errno(rawValue: errno) }
}

/// Glibc's module for Swift leaves these two out.
private enum Xattr {
    typealias Get = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
    typealias Set = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafePointer<CChar>, Int, CInt) -> CInt

    static let get = unsafeBitCast(dlsym(nil, "lgetxattr")!, to: Get.self)
    static let set = unsafeBitCast(dlsym(nil, "lsetxattr")!, to: Set.self)
}
