// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Glibc
import Model
import SystemPackage
import Testing

@testable import Act

@Suite("emptying the trash")
struct EmptyingTests {
    let host: Host

    init() throws { host = try Host() }

    @Test("what is held goes for good, and what was freed is what the file system got back")
    func freed() async throws {
        try host.write("volumes/pg/_data/large", String(repeating: "x", count: 100_000))
        let outside = try Directory(path: FilePath("\(host.path)/volumes/keep")).read(RelativePath("_data/shared"))
        try await host.take(try host.steps())
        let held = try usage(host.path + "/.bilge/20261123-120000-7c1e", below: "data.")
        let emptied = try await host.empty()
        #expect(emptied.items.map(\.outcome) == [.done, .done, .done])
        // Of the file with three names, two went: its space stays with the third.
        #expect(emptied.freed == held)
        #expect(emptied.freed.allocatedBytes >= 100_000)
        #expect(try !host.hasTrash)
        #expect(try host.root.read(RelativePath("volumes/keep/_data/shared")) == outside)
        #expect(try await host.undo().steps.isEmpty)
    }

    @Test("only what is old enough goes, and only the runs that are named")
    func age() async throws {
        let steps = try host.steps()
        let old = try await host.take([steps[0]], at: .noon)
        let young = try await host.take([steps[1]], at: Timestamp(seconds: Timestamp.noon.seconds + 7200))
        func empty(_ runs: [String], _ age: Int64) async throws -> [String] {
            try await Act.empty(
                EmptyingOrder(runs: runs, olderThanSeconds: age), in: host.root, witness: { $0.map { _ in nil } },
                now: Timestamp(seconds: Timestamp.noon.seconds + 10_800), logger: quiet
            ).items.map(\.run)
        }
        #expect(try await empty([], 86_400).isEmpty)
        #expect(try await empty([young.run], 7200).isEmpty)
        #expect(try await empty([], 7200) == [old.run])
        #expect(try host.held().map(\.run) == [young.run])
        #expect(try await empty([young.run], 0) == [young.run])
    }

    @Test("what somebody has open is kept")
    func witness() async throws {
        let steps = try host.steps()
        try await host.take(steps)
        let used = steps[1].identities[1]
        var asked: [[Identity]] = []
        let emptied = try await host.empty(witness: { identities in
            asked.append(identities)
            return identities.map { $0.isSameObject(as: used) ? "process 1 (db)" : nil }
        })
        #expect(asked.map(\.count) == [5], "one question for all")
        #expect(emptied.items.map(\.outcome) == [.done, .skipped, .done])
        #expect(emptied.items[1].reason == "in use: process 1 (db)")
        #expect(try host.held().flatMap(\.items).map(\.state) == [.held])
        try await host.undo()
        #expect(try host.exists("overlay2/bbbb/diff/pipe"))
    }

    @Test("a witness that cannot tell, or tells too little, keeps all")
    func blind() async throws {
        struct Blind: Error {}
        try await host.take()
        #expect(
            try await host.empty(witness: { _ in throw Blind() }).items.map(\.outcome) == [
                .skipped, .skipped, .skipped,
            ])
        #expect(try await host.empty(witness: { _ in [nil] }).items.map(\.outcome) == [.skipped, .skipped, .skipped])
        try await host.undo()
        #expect(try host.tree() == host.before)
    }

    @Test("what changed after it was moved is kept: somebody still writes to it")
    func written() async throws {
        try await host.take([try host.step("volume", "volumes/pg")])
        try await Task.sleep(for: .milliseconds(30))
        try host.write(".bilge/20261123-120000-7c1e/i000001/data.0/more", "rows")
        let emptied = try await host.empty()
        #expect(emptied.items.map(\.outcome) == [.skipped])
        #expect(emptied.items[0].reason.contains("still writes"))
        try await host.undo()
        #expect(try host.root.read(RelativePath("volumes/pg/more")) == Array("rows".utf8))
    }

    @Test("an item that went back in part and then in again is looked at anew before it may go")
    func again() async throws {
        try await host.take([try host.step("layer", "overlay2/aaaa", "overlay2/l/LINKaaaa")])
        let run = ".bilge/20261123-120000-7c1e"
        try await Task.sleep(for: .milliseconds(30))
        let disk = FaultyDisk(.refusalOf("rename \(run)/i000001/data.0 overlay2/aaaa", .resourceBusy))
        #expect(try await host.undo(disk: disk).steps.map(\.outcome) == [.failed])
        #expect(try host.held().flatMap(\.items).map(\.state) == [.unchecked])
        #expect(try await host.empty(checks: nil).items.map(\.outcome) == [.skipped])
        #expect(try await host.empty().items.map(\.outcome) == [.done])
    }

    @Test("what cannot be deleted stays, marked, and the rest goes", .enabled(if: geteuid() == 0))
    func mounted() async throws {
        try await host.take()
        let inner = host.path + "/.bilge/20261123-120000-7c1e/i000001/data.0/diff/etc"
        let victim = try Host()
        guard mount(victim.path, inner, "none", UInt(MS_BIND), nil) == 0 else { return }
        let emptied = try await host.empty()
        #expect(emptied.items.map(\.outcome) == [.failed, .done, .done])
        #expect(try victim.tree() == victim.before, "a mount below is not entered")
        #expect(try host.held().flatMap(\.items).map(\.state) == [.purging])
        #expect(try await host.undo().steps.map(\.outcome) == [.failed])
        try call(umount2(inner, 0))
        try await host.recover()
        #expect(try !host.hasTrash)
        #expect(try victim.tree() == victim.before)
    }

    @Test("links in what is held are removed, not followed")
    func links() async throws {
        try host.makeLink("volumes/pg/_data/out", to: host.path + "/volumes/keep")
        let keep = try host.tree().filter { $0.key.hasPrefix("volumes/keep/") && !$0.key.hasSuffix("shared") }
        try await host.take()
        #expect(try await host.empty().items.allSatisfy { $0.outcome == .done })
        let after = try host.tree()
        for (path, line) in keep { #expect(after[path] == line) }
    }

    @Test("asked to stop, it ends between two items")
    func stop() async throws {
        try await host.take()
        var asked = 0
        let emptied = try await Act.empty(
            EmptyingOrder(olderThanSeconds: 0), in: host.root, witness: { $0.map { _ in nil } }, now: .noon,
            shouldStop: {
                asked += 1
                return asked > 2
            }, logger: quiet)
        #expect(emptied.items.map(\.outcome) == [.done])
        #expect(try host.held().flatMap(\.items).map(\.state) == [.held, .held])
    }

    @Test("a mark goes only when what it condemned is gone for good; the items of a run wait for that together")
    func order() async throws {
        try await host.take()
        let disk = FaultyDisk()
        try await host.empty(disk: disk)
        let items = (1...3).map { ".bilge/20261123-120000-7c1e/i00000\($0)" }
        func last(_ word: String, _ item: String) throws -> Int {
            try #require(disk.changes.lastIndex { $0.hasPrefix("\(word) \(item)/") })
        }
        for item in items {
            let marked = try #require(disk.changes.firstIndex(of: "rename \(item)/meta \(item)/meta.purging"))
            let durable = try #require(disk.changes[marked...].firstIndex(of: "sync \(item)/"))
            let begun = try #require(disk.changes.firstIndex(of: "empty \(item)/data.0"))
            let removed = try last("remove", item)
            #expect(marked < durable && durable < begun && begun < removed)
            #expect(try removed < last("sync", item) && last("sync", item) < last("unlink", item))
        }
        #expect(try last("remove", items[2]) < last("sync", items[0]))
        #expect(disk.changes.filter { $0 == "sync .bilge/20261123-120000-7c1e/" }.count == 1)
        let before = disk.changes.prefix { !$0.hasPrefix("rename") }
        #expect(!before.contains { $0.hasPrefix("sync") }, "a trash in which a run is held is durable")
    }

    /// Of everything below `path` whose name begins so, and what is in it: a file counts if all its names are there.
    private func usage(_ path: String, below prefix: String) throws -> Usage {
        var usage = Usage()
        var names: [UInt64: UInt32] = [:]
        for case let relative as String in FileManager.default.enumerator(atPath: path)!
        where relative.contains(prefix) {
            let status = try Directory(path: FilePath(path)).status(RelativePath(relative))
            names[status.inode, default: 0] += 1
            if status.kind == .directory || names[status.inode] == status.links {
                usage += Usage(allocatedBytes: status.allocatedBytes, inodes: 1)
            }
        }
        return usage
    }
}
