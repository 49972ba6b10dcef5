// SPDX-License-Identifier: Apache-2.0

import Act
import Model

extension AuditHistory {
    /// One sentence about the log as a whole; `nil` if there is none.
    var verdict: String? {
        guard !entries.isEmpty || !unfinished.isEmpty else { return nil }
        let count = Shown.count(entries.count, "line")
        guard isWhole else {
            let lines = breaks.prefix(8).map(String.init).joined(separator: ", ")
            return "The audit log was changed: line \(lines) does not follow from the one before."
        }
        let cut = unfinished.isEmpty ? "" : ", and \(unfinished.count) cut off by a crash"
        return "The audit log has \(count)\(cut); each follows from the one before."
    }

    var json: JSONValue {
        .object(
            ("lines", .integer(entries.count)), ("unfinished", .array(unfinished.map { .integer($0) })),
            ("breaks", .array(breaks.map { .integer($0) })))
    }
}

extension AuditHistory.Entry {
    /// What happened, when, and why; the proofs on lines of their own.
    var lines: [String] {
        let by = approver.map { ", approved by \(Shown.raw($0))" } ?? ""
        let place = "\(Shown.raw(run))/\(Shown.raw(item))"
        let head = "  \(Shown.raw(time))  \(Shown.raw(event))  \(place)  \(Shown.raw(kind)) \(Shown.text(id))\(by)"
        return [head] + why.map { "      " + Shown.raw($0) }
    }
}

/// The answer of `explain` for something that is in the trash.
struct HeldAnswer: Report {
    var held: [AuditHistory.Entry]
    var history: AuditHistory
    var undo: String

    var ids: [String] { held.map { "\($0.run)/\($0.item)" } }

    func lines(_ style: Style) -> [String] {
        [style("It is not at its place: bilge took it out, or did so before.", .bold), ""]
            + held.flatMap(\.lines) + [""] + [history.verdict].compactMap { $0 }
            + ["Put back:  \(undo)"]
    }

    func write(json out: (String) -> Void) throws {
        let entries = try held.map { JSONValue.encoded(try JSONText.encode($0)) }
        writeJSON(
            [("schema", .value(.integer(1))), ("log", .value(history.json)), ("history", .list(entries))], to: out)
    }
}
