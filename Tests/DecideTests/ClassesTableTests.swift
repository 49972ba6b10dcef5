// SPDX-License-Identifier: Apache-2.0

import Decide
import Foundation
import Model
import Testing

/// Holds `docs/classes.md` to the code that it describes.
@Suite("The table of classes")
struct ClassesTableTests {
    private struct Row {
        var thing: String
        var eras: String
        var stopped: String
        var running: String
        var mayBeMoved: String
        var example: String
    }

    private func rows() throws -> [Row] {
        let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: checkout.appendingPathComponent("docs/classes.md"), encoding: .utf8)
        return text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            return Row(
                thing: cells[0].trimmingCharacters(in: ["`"]), eras: cells[1], stopped: cells[4], running: cells[5],
                mayBeMoved: cells[6], example: cells[7])
        }
    }

    @Test("has exactly one row for each class")
    func isComplete() throws {
        #expect(try rows().map(\.thing) == Thing.allCases.map(\.rawValue).sorted { order($0) < order($1) })
    }

    /// The order of the enum is the order of the table.
    private func order(_ name: String) -> Int { Thing.allCases.firstIndex { $0.rawValue == name }! }

    @Test("says of each class whether it may be moved, as the code does")
    func quarantine() throws {
        for row in try rows() {
            let thing = try #require(Thing(rawValue: row.thing))
            #expect(row.mayBeMoved == (Rule.mayBeQuarantined(thing) ? "yes" : "no"), "\(row.thing)")
        }
    }

    @Test("says of each class when it is an orphan, as the code does")
    func standing() throws {
        for row in try rows() {
            let thing = try #require(Thing(rawValue: row.thing))
            let item = Item(thing, [RelativePath("overlay2/x")])
            #expect(row.stopped.contains("orphan") == (Rule(for: item, engine: .stopped).reason == nil), "\(row.thing)")
            #expect(row.running.contains("orphan") == (Rule(for: item, engine: .running).reason == nil), "\(row.thing)")
        }
    }

    @Test("names an example for each class, and only eras that exist")
    func examples() throws {
        for row in try rows() {
            #expect(!row.example.isEmpty, "\(row.thing)")
            let eras =
                row.eras == "all" ? [] : row.eras.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(eras.allSatisfy { Era(rawValue: $0) != nil }, "\(row.thing)")
        }
    }
}
