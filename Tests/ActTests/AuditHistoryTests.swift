// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import Testing

@testable import Act

@Suite("the audit log, read back")
struct AuditHistoryTests {
    private func log(_ host: Host) throws -> [UInt8] { try host.root.read(RelativePath(".bilge/audit.log")) }

    @Test("it tells every item with its proofs, and follows from beginning to end")
    func whole() async throws {
        let host = try Host()
        try await host.take()
        let history = try #require(try Trash.forReading(in: host.root)).history()
        #expect(history.isWhole && history.unfinished == [])
        #expect(history.entries.map(\.event) == ["held", "held", "held"])
        #expect(Set(history.entries.map(\.id)) == ["aaaa", "bbbb", "pg"])
        #expect(history.entries.allSatisfy { $0.why == ["nobody needs it"] && $0.approver == "test" })
    }

    @Test("a line that was changed or taken out shows in the next one")
    func changed() async throws {
        let host = try Host()
        try await host.take()
        let lines = try log(host).split(separator: 0x0A)
        #expect(lines.count == 3)
        func joined(_ lines: [ArraySlice<UInt8>]) -> [UInt8] { lines.flatMap { $0 + [0x0A] } }
        #expect(AuditHistory(joined([lines[0], lines[2]])).breaks == [2])
        #expect(AuditHistory(joined([lines[1], lines[2]])).breaks == [1])
        var forged = lines[1]
        forged[forged.startIndex + 20] ^= 1
        let history = AuditHistory(joined([lines[0], forged, lines[2]]))
        #expect(history.breaks.contains(3))
    }

    @Test("a line that a crash cut off is no damage, as long as the next one counts it in")
    func unfinished() async throws {
        let host = try Host()
        try await host.take([try host.step("volume", "volumes/pg")])
        let whole = try log(host)
        try host.root.directory(RelativePath(".bilge")).append(Array(#"{"time":"2026"#.utf8), to: "audit.log")
        try await host.take([try host.step("layer", "overlay2/aaaa", "overlay2/l/LINKaaaa")])
        let history = AuditHistory(try log(host))
        #expect(history.isWhole)
        #expect(history.unfinished == [2])
        #expect(history.entries.map(\.id) == ["pg", "aaaa"])
        #expect(AuditHistory(whole).isWhole)
    }
}
