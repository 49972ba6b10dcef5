// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import Testing

@testable import Act

/// Each row of the table in `docs/formats/trash.md`, made by hand.
@Suite("the state of an item is a pure function of its directory")
struct StateTests {
    let host: Host
    let run = "20261123-120000-7c1e"
    var item: String { host.path + "/.bilge/\(run)/i000001" }

    /// One item, two entries, held.
    init() async throws {
        host = try Host()
        try await host.take([try host.step("layer", "overlay2/aaaa", "overlay2/l/LINKaaaa")])
    }

    private func move(_ from: String, _ to: String) throws {
        try FileManager.default.moveItem(atPath: from, toPath: to)
    }

    private func listed() throws -> [HeldItem.State] { try host.held().flatMap(\.items).map(\.state) }

    private func pending() throws -> [String] { try #require(try Trash.forReading(in: host.root)).pendingRecovery() }

    private func expectUndone() async throws {
        #expect(try await host.undo().steps.map(\.outcome) == [.done])
        #expect(try host.tree() == host.before)
        #expect(try !host.hasTrash)
    }

    @Test("no meta, no data: goes")
    func empty() async throws {
        try await host.undo()
        try host.makeDirectory(".bilge/\(run)/i000001")
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: host.path + "/.bilge")
        try host.write(".bilge/\(run)/i000001/meta.tmp", "bilge 1 ha")
        #expect(try listed() == [.unfinished])
        #expect(try pending().count == 1)
        #expect(try await host.recover().did.count == 1)
        #expect(try !host.hasTrash)
    }

    @Test("meta, no data, all at their places: never moved, or put back; the intent goes")
    func home() async throws {
        try move(item + "/data.0", host.path + "/overlay2/aaaa")
        try move(item + "/data.1", host.path + "/overlay2/l/LINKaaaa")
        #expect(try listed() == [.unfinished])
        #expect(try await host.recover().did.count == 1)
        #expect(try host.tree() == host.before)
        #expect(try !host.hasTrash)
    }

    @Test("meta and all data: held")
    func held() async throws {
        #expect(try listed() == [.held])
        #expect(try pending().isEmpty)
        #expect(try await host.recover().isEmpty)
        try await expectUndone()
    }

    @Test("held, but the run never looked again: looked at by the next one", arguments: [true, false])
    func unchecked(isNeeded: Bool) async throws {
        try FileManager.default.removeItem(atPath: host.path + "/.bilge/\(run)/checked.000001")
        #expect(try listed() == [.unchecked])
        #expect(try pending().count == 1)
        #expect(try await host.recover(checks: nil).kept.count == 1)
        #expect(try await host.empty(checks: nil).items.map(\.outcome) == [.skipped])
        let recovery = try await host.recover(checks: Checks { _ in isNeeded ? "claimed by container web" : nil })
        #expect(recovery.kept.isEmpty && recovery.broken.isEmpty)
        if isNeeded {
            #expect(try host.tree() == host.before)
            #expect(try !host.hasTrash)
        } else {
            #expect(try listed() == [.held])
        }
    }

    @Test("meta and the first entries of the data: completed forward")
    func partly() async throws {
        try move(item + "/data.1", host.path + "/overlay2/l/LINKaaaa")
        #expect(try listed() == [.unfinished])
        #expect(try await host.recover(checks: nil).did.count == 1)
        #expect(try listed() == [.unchecked], "it moved, so it is looked at once more")
        #expect(try await host.recover().isEmpty)
        #expect(try listed() == [.held])
        #expect(try !host.exists("overlay2/l/LINKaaaa"))
        try await expectUndone()
    }

    @Test("meta and only later entries of the data: nothing is committed, the rest goes back")
    func onlyLater() async throws {
        try move(item + "/data.0", host.path + "/overlay2/aaaa")
        #expect(try await host.recover().did.count == 1)
        #expect(try host.tree() == host.before)
    }

    @Test("meta and data, and the name is in use again: held, but undo is refused")
    func reused() async throws {
        try host.write("overlay2/aaaa/new", "new")
        #expect(try listed() == [.held])
        let receipt = try await host.undo()
        #expect(receipt.steps.map(\.outcome) == [.failed])
        #expect(receipt.steps[0].reason.contains("in use again: overlay2/aaaa"))
        #expect(try host.root.read(RelativePath("overlay2/aaaa/new")) == Array("new".utf8))
        #expect(try listed() == [.held])
        try FileManager.default.removeItem(atPath: host.path + "/overlay2/aaaa")
        try await expectUndone()
    }

    @Test("a later name in use again leaves the whole item in the trash")
    func laterReused() async throws {
        try host.makeLink("overlay2/l/LINKaaaa", to: "../other/diff")
        #expect(try await host.undo().steps.map(\.outcome) == [.failed])
        #expect(try !host.exists("overlay2/aaaa"))
        #expect(try listed() == [.held])
    }

    @Test("the directory it was in is another one: undo is refused")
    func otherParent() async throws {
        try move(host.path + "/overlay2", host.path + "/old")
        try host.makeDirectory("overlay2/l")
        #expect(try await host.undo().steps.map(\.outcome) == [.failed])
        try FileManager.default.removeItem(atPath: host.path + "/overlay2")
        #expect(try await host.undo().steps.map(\.outcome) == [.failed])
        try move(host.path + "/old", host.path + "/overlay2")
        try await expectUndone()
    }

    @Test("meta, and an entry in neither place: lost, never hidden, and no new run before somebody has seen it")
    func lost() async throws {
        try FileManager.default.removeItem(atPath: item + "/data.0")
        #expect(try listed() == [.lost])
        #expect(try pending().first?.contains("overlay2/aaaa") == true)
        #expect(try await host.recover().broken.count == 1)
        let error = try await #require(throws: ActError.self) {
            try await host.take([try host.step("volume", "volumes/pg")])
        }
        #expect(error.exitStatus == 70)
        #expect(try host.exists("volumes/pg"))
        #expect(try await host.empty().items.map(\.outcome) == [.skipped], "kept while a part is held")
        let receipt = try await host.undo()
        #expect(receipt.steps.map(\.outcome) == [.failed])
        #expect(try host.exists("overlay2/l/LINKaaaa"), "what is held goes back")
        #expect(try listed() == [.lost])
        #expect(try await host.empty().items.map(\.outcome) == [.skipped], "not before the run is named")
        #expect(try await host.empty([run]).items.map(\.outcome) == [.done])
        #expect(try !host.hasTrash)
    }

    @Test("another entry in its place, and no data: lost as well")
    func replaced() async throws {
        try FileManager.default.removeItem(atPath: item + "/data.0")
        try host.makeDirectory("overlay2/aaaa")
        #expect(try listed() == [.lost])
    }

    @Test("meta.purging: the deletion is finished, undo refused")
    func purging() async throws {
        try move(item + "/meta", item + "/meta.purging")
        try FileManager.default.removeItem(atPath: item + "/data.0/link")
        #expect(try listed() == [.purging])
        #expect(try await host.recover().did.count == 1)
        #expect(try !host.hasTrash)
    }

    @Test("a damaged meta: the data is kept and told of, whatever is asked", arguments: [0, 10, 30, 200, -1, -2])
    func unreadable(length: Int) async throws {
        let meta = item + "/meta"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: meta))
        let text = String(decoding: bytes, as: UTF8.self)
        let damaged =
            switch length {
            case -1: bytes.dropLast(3) + Data("x}\n".utf8)
            // As well-formed as before, but another place: only the checksum tells.
            case -2: Data(text.replacing("overlay2/", with: "overlay3/").utf8)
            default: bytes.prefix(length)
            }
        #expect(damaged != bytes)
        try damaged.write(to: URL(fileURLWithPath: meta))
        #expect(try listed() == [.unclear])
        #expect(try await host.recover().kept.count == 1)
        #expect(try await host.undo().steps.map(\.outcome) == [.failed])
        #expect(try await host.empty([run]).items.map(\.outcome) == [.skipped])
        #expect(try host.exists(".bilge/\(run)/i000001/data.0/diff/etc/aaaa"))
        try bytes.write(to: URL(fileURLWithPath: meta))
        try await expectUndone()
    }

    @Test("a meta of a later version: kept and told of")
    func laterVersion() async throws {
        let meta = item + "/meta"
        let text = try String(contentsOfFile: meta, encoding: .utf8)
        try ("bilge 2" + text.dropFirst(7)).write(toFile: meta, atomically: false, encoding: .utf8)
        #expect(try host.held()[0].items[0].note.contains("another version"))
        #expect(try await host.recover().kept.count == 1)
    }

    @Test("data without meta, both metas, data that meta does not know, other data than meta says: kept and told of")
    func impossible() async throws {
        try FileManager.default.copyItem(atPath: item + "/meta", toPath: item + "/meta.purging")
        #expect(try listed() == [.unclear])
        try FileManager.default.removeItem(atPath: item + "/meta.purging")
        try move(item + "/meta", item + "/elsewhere")
        #expect(try listed() == [.unclear])
        try move(item + "/elsewhere", item + "/meta")
        try host.write(".bilge/\(run)/i000001/data.7", "")
        #expect(try listed() == [.unclear])
        try FileManager.default.removeItem(atPath: item + "/data.7")
        try move(item + "/data.0", item + "/x")
        try host.makeDirectory(".bilge/\(run)/i000001/data.0")
        #expect(try listed() == [.unclear])
        #expect(try await host.recover().kept.count == 1)
        #expect(try await host.empty([run]).items.map(\.outcome) == [.skipped])
        #expect(try host.exists(".bilge/\(run)/i000001/x/diff/etc/aaaa"))
    }

    @Test("a trash that was copied with its root is kept as it is")
    func copied() async throws {
        let copy = try Host()
        try FileManager.default.copyItem(atPath: host.path + "/.bilge", toPath: copy.path + "/.bilge")
        #expect(try copy.held().flatMap(\.items).map(\.state) == [.unclear])
        #expect(try await copy.undo().steps.map(\.outcome) == [.failed])
        #expect(try copy.exists(".bilge/\(run)/i000001/data.0/diff/etc/aaaa"))
    }
}
