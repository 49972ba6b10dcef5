// SPDX-License-Identifier: Apache-2.0

import Act
import Model

/// A plan as it is shown before anybody says yes.
struct PlanAnswer: Report {
    var place: Place
    var plan: Plan
    var names: [String: [String]] = [:]
    var problems: [Problem]
    /// Why it would not be carried out; `nil` if it would, or if that is said elsewhere.
    var refusal: Failure?
    /// Frees the space at once.
    var isNow = false
    var isVerbose = false
    var isWhole = false
    /// The commands that carry it out and that save it; `nil` if the question comes next, or it is saved.
    var command: String?
    var save: String?
    /// For commands that concern this root.
    var root: RootOptions

    var ids: [String] { plan.steps.flatMap { $0.isEngines ? [$0.id] : $0.paths.map(\.text) } }

    func lines(_ style: Style) -> [String] {
        let policy =
            "\(plan.policy.kinds.joined(separator: ", ")), grace \(Seconds(plan.policy.graceSeconds))"
            + (plan.policy.named ? ", named volumes too" : "") + ruleWords
        var lines =
            place.lines(style) + [
                "",
                style("PLAN \(Shown.raw(plan.plan))", .bold)
                    + "   nothing has been changed   policy: \(Shown.raw(policy))", "",
            ]
        lines += removeLines(style) + keepLines(style)
        if !totalLines.isEmpty { lines += [""] + totalLines }
        if let refusal {
            let advice = refusal.advice.isEmpty ? "" : " (\(refusal.advice))"
            lines.append(style("This would be refused: " + Shown.raw(refusal.message + advice), .red))
        }
        return lines + problemLines(problems, style, all: isVerbose)
    }

    private func removeLines(_ style: Style) -> [String] {
        guard !plan.steps.isEmpty else { return ["Nothing to remove."] }
        var table = Table([.left("REMOVE"), .left("PATH"), .right("FREES"), .left("WHY")])
        for step in plan.steps {
            let path = step.shownPlace(whole: isWhole)
            let entries = step.paths.count > 1 && !isVerbose ? " +\(step.paths.count - 1)" : ""
            table.add(
                ["  " + step.kind + label(step.names), path + entries, ByteCount(step.freesBytes).text, why(step)],
                .yellow)
            guard isVerbose else { continue }
            for path in step.paths.dropFirst() {
                table.add(["", Shown.short(path, whole: isWhole), "", "moves with it"])
            }
            for reason in step.why.dropFirst() { table.add(["", "", "", reason]) }
        }
        return table.lines(style)
    }

    /// Names after a kind. A record of the build cache is called by the whole command of its step.
    private func label(_ names: [String]) -> String {
        let text = names.joined(separator: ", ")
        guard !isWhole, text.count > 60 else { return text.isEmpty ? "" : " " + text }
        return " " + text.prefix(59) + "…"
    }

    /// The first reason; without the place where it was read if there is no room for it.
    private func why(_ step: Plan.Step) -> String {
        guard let first = step.why.first, !isVerbose else { return step.why.first ?? "" }
        let fact =
            first.last == ")" ? first.firstIndex(of: "(").map { first[..<$0].dropLast() } ?? first[...] : first[...]
        return fact + (step.why.count > 1 ? " (+\(step.why.count - 1), -v)" : "")
    }

    private func keepLines(_ style: Style) -> [String] {
        guard !plan.kept.isEmpty else { return [] }
        let shown = isVerbose ? plan.kept.prefix(plan.kept.count) : plan.kept.prefix(10)
        var table = Table([.left("KEEP"), .left("ID"), .left("WHY")])
        for kept in shown {
            table.add([
                "  " + kept.kind + label(kept.names), Shown.short(id: kept.id, whole: isWhole),
                kept.why.joined(separator: "; "),
            ])
        }
        let rest = plan.kept.count - shown.count
        return [""] + table.lines(style) + (rest > 0 ? ["  … and \(rest) more (-v)"] : [])
    }

    private var totalLines: [String] {
        guard !plan.steps.isEmpty else { return targetLines }
        let held = plan.totals.freesWhenTrashEmptiesBytes
        let now = plan.totals.freesNowBytes
        let size = ByteCount(held).text
        let count = Shown.count(plan.steps.count, "item")
        let run = (command.map { ["Run:   \($0)"] } ?? []) + (save.map { ["Save:  \($0)"] } ?? [])
        if isNow {
            return ["Takes out \(count) and frees \(ByteCount(held + now).text) at once: --now cannot be undone."] + run
        }
        if !plan.steps.contains(where: \.undo) {
            return ["Takes out \(count), which frees \(ByteCount(now).text)."] + finalLines + targetLines + run
        }
        let free = root.hint("trash empty --older-than 0s")
        let lines = [
            "Takes out \(count), which frees \(ByteCount(now).text) at first: \(size) are held in "
                + "\(Shown.text(plan.root.path))/.bilge.",
            "`\(root.hint("undo"))` puts them back, and only `\(free)` frees them.",
        ]
        return lines + finalLines + targetLines + run
    }

    /// A target that this does not reach.
    private var targetLines: [String] {
        guard let free = plan.policy.retention.free, let wanted = plan.totals.wantedBytes else { return [] }
        if wanted == 0 { return ["\(free.text) are free already."] }
        let missing = wanted - plan.totals.freesNowBytes - plan.totals.freesWhenTrashEmptiesBytes
        return missing > 0 ? ["That is \(ByteCount(missing).text) less than \(free.text) free would need."] : []
    }

    /// What nothing can bring back is said before the question.
    private var finalLines: [String] {
        var lines: [String] = []
        let lasting = Dictionary(grouping: plan.steps.filter { !$0.undo }, by: \.kind).mapValues(\.count)
        if !lasting.isEmpty {
            let what = lasting.sorted { $0.key < $1.key }.map { kind, count in
                Shown.count(count, kind == "buildCache" ? "build cache record" : kind)
            }
            lines.append("Cannot be put back: \(what.joined(separator: ", ")).")
        }
        if plan.steps.contains(where: { $0.action == .removeImage && !$0.names.isEmpty }) {
            lines.append(
                "An image that comes back has its names again, but not the digests it was pulled by: the engine drops "
                    + "these with the last name.")
        }
        if plan.steps.contains(where: { $0.action == .removeContainer }) {
            lines.append(
                "Volumes of these containers stay; `\(root.hint("prune volumes -n"))` shows those that nobody uses then."
            )
        }
        return lines
    }

    /// The rules of each kind, as one would type them.
    private var ruleWords: String {
        let retention = plan.policy.retention
        var text = ""
        for (kind, rules) in retention.rules.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let words = rules.words.map { $0.word.isFlag ? $0.word.rawValue : "\($0.word.rawValue) \($0.value)" }
            if !words.isEmpty { text += "; \(kind.rawValue): " + words.joined(separator: ", ") }
        }
        if let free = retention.free { text += "; until \(free.text) are free" }
        return text
    }

    func write(json out: (String) -> Void) throws { out(try JSONText.encode(plan) + "\n") }
}

/// What was done, and what can be done about it.
struct ReceiptAnswer: Report {
    var receipt: Receipt
    /// What happened to the entries: `moved` into the trash, or `put back` by `undo`.
    var isUndo = false
    /// What `--now` freed; `nil` without it.
    var freed: Emptied?
    var isWhole = false
    /// How to put it back, and how to free it.
    var undo: String
    var empty: String

    var ids: [String] { receipt.run.isEmpty ? [] : [receipt.run] }

    var exceptions: [String] {
        receipt.steps.filter { $0.outcome != .done }.map { line in
            "\(word(line)): \(line.step.kind) \(line.step.isEngines ? name(line.step) : place(line.step)): \(line.reason)"
        } + (freed?.keptLines ?? []) + troubles
    }

    private var troubles: [String] { (receipt.troubles + (freed?.troubles ?? [])).map { "FAILED: \(Shown.raw($0))" } }

    func lines(_ style: Style) -> [String] {
        var table = Table([
            .left(receipt.run.isEmpty ? "RUN" : "RUN \(receipt.run)"), .left("KIND"), .left("PATH"), .right("SIZE"),
            .left(""),
        ])
        for line in receipt.steps {
            let name =
                line.step.names.isEmpty || !line.step.isEngines ? "" : " " + line.step.names.joined(separator: ", ")
            let path = line.step.shownPlace(whole: isWhole) + Shown.raw(name)
            table.add(
                ["  " + word(line), line.step.kind, path, ByteCount(line.step.freesBytes).text, line.reason],
                line.outcome == .done ? .plain : .red)
        }
        return [""] + table.lines(style) + [""] + summary + pulls + logAdvice + troubles.map { style($0, .red) }
    }

    /// What came back without what it was pulled by; the receipt goes with the run.
    private var pulls: [String] {
        let back = isUndo ? receipt.steps.filter { $0.outcome == .done }.compactMap(\.step.pullableAs) : []
        guard !back.isEmpty else { return [] }
        return ["", "The engine forgot what these can be pulled by. To have it know again:"]
            + back.map { "  docker pull \(Shown.text($0))" }
    }

    /// What would have prevented large logs.
    private var logAdvice: [String] {
        let isTrimmed = receipt.steps.contains { $0.step.action == .trimLog && $0.outcome == .done }
        return isTrimmed ? LogAdvice.settings : []
    }

    private func name(_ step: Plan.Step) -> String { ([step.id] + step.names).joined(separator: " ") }

    private func place(_ step: Plan.Step) -> String { step.paths.first?.text ?? step.id }

    private func word(_ line: Receipt.Line) -> String {
        switch line.outcome {
        case .done:
            isUndo ? "put back" : line.step.undo ? "taken out" : line.step.action == .trimLog ? "trimmed" : "removed"
        case .skipped: "skipped"
        case .failed: "FAILED"
        }
    }

    private func count(_ outcome: Receipt.Outcome) -> Int { receipt.steps.count { $0.outcome == outcome } }

    private var heldBytes: Int64 {
        receipt.steps.filter(\.isHeld).reduce(0) { $0 + $1.step.freesBytes }
    }

    private var movedBytes: Int64 {
        receipt.steps.filter { $0.outcome == .done }.reduce(0) { $0 + $1.step.freesBytes }
    }

    /// What is gone for good.
    private var removedBytes: Int64 {
        receipt.steps.filter { $0.outcome == .done && !$0.step.undo }.reduce(0) { $0 + $1.step.freesBytes }
    }

    private var summary: [String] {
        let skipped = count(.skipped) > 0 ? ", \(count(.skipped)) skipped" : ""
        let failed = count(.failed) > 0 ? ", \(count(.failed)) failed" : ""
        let size = ByteCount(heldBytes).text
        if isUndo { return ["\(count(.done)) put back\(skipped)\(failed), \(ByteCount(movedBytes).text)."] }
        let counts = "\(count(.done)) taken out\(skipped)\(failed)."
        if let freed {
            return ["\(counts) \(ByteCount(freed.freed.allocatedBytes + removedBytes).text) freed."] + freed.keptLines
        }
        let removed = ByteCount(removedBytes).text
        guard receipt.steps.contains(where: \.isHeld) else {
            return [removedBytes > 0 ? "\(counts) \(removed) freed." : counts]
        }
        return [
            "\(counts) \(removed) freed yet: \(size) are held in the trash.", "Put it back:  \(undo)",
            "Free it:      \(empty)",
        ]
    }

    func write(json out: (String) -> Void) throws {
        let steps = try receipt.steps.map { JSONValue.encoded(try JSONText.encode(LineJSON($0))) }
        writeJSON(
            [
                ("schema", .value(.integer(receipt.schema))), ("plan", .value(.string(receipt.plan))),
                ("run", .value(.string(receipt.run))), ("steps", .list(steps)),
                ("troubles", .list((receipt.troubles + (freed?.troubles ?? [])).map { .string($0) })),
                ("heldBytes", .value(.integer(freed == nil && !isUndo ? heldBytes : 0))),
                (
                    "freedBytes",
                    .value(.integer((freed?.freed.allocatedBytes ?? 0) + (isUndo ? 0 : removedBytes)))
                ),
            ], to: out)
    }

    /// The step as it was in the plan, and what became of it.
    private struct LineJSON: Encodable {
        private enum Key: String, CodingKey { case outcome, reason, held }
        private var line: Receipt.Line

        init(_ line: Receipt.Line) { self.line = line }

        func encode(to encoder: any Encoder) throws {
            try line.step.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(line.outcome, forKey: .outcome)
            try container.encode(line.reason, forKey: .reason)
            try container.encode(line.isHeld, forKey: .held)
        }
    }
}

extension Receipt {
    /// How a command that changed something ends.
    var status: ExitStatus { troubles.isEmpty && steps.allSatisfy { $0.outcome == .done } ? .done : .partly }
}
