// SPDX-License-Identifier: Apache-2.0

import Act
import Model

/// What the trash holds: `trash ls`, `ls trash`.
struct TrashAnswer: Report {
    var runs: [HeldRun]
    var now: Timestamp
    var isVerbose = false
    var isWhole = false
    /// How to put a run back, and how to free it, without the run's name.
    var undo: String
    var empty: String
    /// What is said if there are none.
    var nothing = "Nothing is held."
    /// What the audit log says; only if it was asked for.
    var history: AuditHistory?

    init(runs: [HeldRun], now: Timestamp, _ output: OutputOptions, _ root: RootOptions) {
        self.runs = runs
        self.now = now
        isVerbose = output.verbose
        isWhole = output.noTrunc
        undo = root.hint("undo RUN")
        empty = root.hint("trash empty RUN")
    }

    var ids: [String] { runs.map(\.run) }

    func lines(_ style: Style) -> [String] {
        guard !runs.isEmpty else { return [nothing] }
        var table = Table([.left("RUN"), .left("TAKEN OUT"), .right("ITEMS"), .right("SIZE"), .left("STATE")])
        for run in runs {
            let states = Set(run.items.map(\.state.rawValue)).sorted().joined(separator: ", ")
            let age = run.moved.map { Age.text(of: $0, at: now) } ?? "unknown"
            let isWell = run.items.allSatisfy { $0.state == .held }
            table.add(
                [run.run, age, Shown.count(Int64(run.items.count)), ByteCount(run.allocatedBytes).text, states],
                isWell ? .plain : .red)
            guard isVerbose || !isWell else { continue }
            for item in run.items where isVerbose || item.state != .held {
                let path = item.step.paths.first.map { Shown.short($0, whole: isWhole) } ?? Shown.text(item.step.id)
                let note = item.note.isEmpty ? "" : ": " + item.note
                table.add([
                    "  " + item.step.kind, path, "", ByteCount(item.step.freesBytes).text, item.state.rawValue + note,
                ])
            }
        }
        let total = ByteCount(runs.reduce(0) { $0 + $1.allocatedBytes }).text
        var log: [String] = []
        if isVerbose, let history, let verdict = history.verdict {
            log =
                ["", style(verdict, history.isWhole ? .plain : .red)]
                + history.entries.flatMap(\.lines)
        }
        return table.lines(style) + log + ["", "\(total) held.", "Put back:  \(undo)", "Free:      \(empty)"]
    }

    func write(json out: (String) -> Void) throws {
        let runs = try runs.map { JSONValue.encoded(try JSONText.encode($0)) }
        let log = history.map { [(name: "log", value: JSONMember.value($0.json))] } ?? []
        writeJSON([("schema", .value(.integer(1)))] + log + [("runs", .list(runs))], to: out)
    }
}

extension HeldRun {
    /// When its last item was taken out; `nil` if nothing in it says so.
    var moved: Timestamp? { items.compactMap { Timestamp(rfc3339: $0.moved) }.max() }
}

/// What `trash empty` freed.
struct EmptiedAnswer: Report {
    var emptied: Emptied

    var exceptions: [String] { emptied.keptLines + emptied.troubles }

    func lines(_ style: Style) -> [String] {
        let freed =
            "\(ByteCount(emptied.freed.allocatedBytes).text) freed, \(Shown.count(emptied.freed.inodes)) inodes."
        return [freed] + emptied.keptLines.map { style($0, .yellow) }
            + emptied.troubles.map { style("FAILED: \(Shown.raw($0))", .red) }
    }

    func write(json out: (String) -> Void) throws {
        let items = try emptied.items.map { JSONValue.encoded(try JSONText.encode($0)) }
        writeJSON(
            [
                ("schema", .value(.integer(1))), ("freedBytes", .value(.integer(emptied.freed.allocatedBytes))),
                ("freedInodes", .value(.integer(emptied.freed.inodes))), ("items", .list(items)),
                ("troubles", .list(emptied.troubles.map { .string($0) })),
            ], to: out)
    }
}

extension Emptied {
    /// True if all that was asked for is gone, and written down.
    var isWhole: Bool { troubles.isEmpty && items.allSatisfy { $0.outcome == .done } }

    /// What is still held, and why.
    var keptLines: [String] {
        items.filter { $0.outcome != .done }.map {
            "kept \($0.step.kind) \(Shown.text($0.step.id)) of \(Shown.raw($0.run)): \(Shown.raw($0.reason))"
        }
    }
}
