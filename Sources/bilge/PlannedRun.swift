// SPDX-License-Identifier: Apache-2.0

import Act
import Decide
import Flow
import Model

/// A plan on its way to being carried out: shown, weighed, asked about, done. The same for `prune` and `apply`.
struct PlannedRun {
    var plan: Plan
    var survey: Survey
    var request: Request
    var root: RootOptions
    var output: OutputOptions
    var confirm: ConfirmOptions
    var options: CarryOutOptions
    /// The command that would carry out this plan, and the one that would save it; `nil` if it is saved.
    var command: String
    var save: String?
    /// Steps of a saved plan that are out of date.
    var stale: [Receipt.Line] = []

    func go(_ console: Console) async throws -> ExitStatus {
        try show(console)
        if confirm.dryRun { return survey.status }
        if let reason = survey.blindness {
            throw Failure(.refused, "\(Shown.text(survey.root.path)) is not changed: \(reason)")
        }
        guard !plan.steps.isEmpty else {
            try await console.settle(survey, request)
            return stale.isEmpty ? survey.status : .partly
        }
        let approver = try approval(console)
        var receipt = try await carryOut(approver, console)
        receipt.steps += stale
        let freed = options.now && !receipt.run.isEmpty ? try await empty(receipt.run, console) : nil
        let answer = ReceiptAnswer(
            receipt: receipt, freed: freed, isWhole: output.noTrunc,
            undo: root.hint("undo \(receipt.run)"), empty: root.hint("trash empty \(receipt.run)"))
        try console.show(answer, output)
        let isWhole = receipt.status == .done && freed?.isWhole ?? true
        return isWhole ? .done : .partly
    }

    /// Nothing is removed without a printed list; where the result is for a program, the list goes to the other stream.
    private func show(_ console: Console) throws {
        let isResult = confirm.dryRun || plan.steps.isEmpty
        let refusal = isResult ? refusal : nil
        let answer = PlanAnswer(
            place: Place(survey), plan: plan, problems: survey.problems, refusal: refusal, isNow: options.now,
            isVerbose: output.verbose, isWhole: output.noTrunc, command: isResult && refusal == nil ? command : nil,
            save: isResult ? save : nil, root: root)
        if isResult {
            try console.show(answer, output)
        } else if output.chosen == .json || output.quiet {
            console.remark(answer.lines(Style(isColoured: false)))
        } else {
            console.print(answer.lines(console.style))
        }
        console.remark(
            stale.map { line in
                let name = line.step.names.isEmpty ? line.step.id : line.step.names.joined(separator: ", ")
                return "left alone: \(line.step.kind) \(Shown.text(name)): \(Shown.raw(line.reason))"
            })
    }

    /// Why the plan cannot be carried out as it is; `nil` if it can. A yes does not help against it.
    private var refusal: Failure? {
        if let obstacle = survey.blindness ?? survey.root.writeObstacles.first {
            return Failure(.refused, "\(Shown.text(survey.root.path)) is not changed: \(obstacle)")
        }
        if survey.engine.state != .running, plan.steps.contains(where: \.isEngines) {
            return Failure(
                .refused, "images, containers and build cache are the engine's to remove, and it was not asked",
                advice: root.offline ? "leave out --offline" : "start it")
        }
        let count = plan.steps.count
        if let typed = options.unsafeCount, typed != count {
            return Failure(
                .refused, "the plan has \(count) steps, and --unsafe-count says \(typed)",
                advice: "look at the plan again, then type the number that it has now")
        }
        if !doubts.isEmpty, options.unsafeCount == nil {
            return Failure(
                .refused, "this looks wrong: " + doubts.joined(separator: "; "),
                advice: "if every line of the plan is right, say so with --unsafe-count \(count)")
        }
        return nil
    }

    private var doubts: [String] { breakers(plan, survey.items, engine: survey.engine.state) }

    /// Who says yes. Guards come before the question.
    private func approval(_ console: Console) throws -> String {
        if let refusal { throw refusal }
        let count = plan.steps.count
        if let approver = confirm.approver { return doubts.isEmpty ? approver : "--unsafe-count" }
        guard let ask = console.ask else {
            throw Failure(
                .refused, "there is no terminal to ask on, so nothing was changed",
                advice: "-y says yes; -n -o plan.json saves the plan for `bilge apply`")
        }
        let question = options.now ? "Delete these \(count) for good?" : "Take out these \(count)?"
        guard ask(question) else { throw Failure(.refused, "nothing was changed") }
        return "prompt"
    }

    private func carryOut(_ approver: String, _ console: Console) async throws -> Receipt {
        let stop = StopRequest.listening()
        let total = plan.steps.count
        let done = Counter()
        defer { console.status(nil) }
        // Whoever typed the number of steps has seen the list of them.
        let isUnattended = confirm.approver != nil && console.ask == nil && options.unsafeCount == nil
        return try await Flow.carryOut(
            ApprovedPlan(plan, approver: approver), survey, request, isUnattended: isUnattended,
            shouldStop: { stop.isMade },
            progress: { line in console.status("\(done.next()) of \(total): \(line.step.kind) \(line.step.id)") })
    }

    private func empty(_ run: String, _ console: Console) async throws -> Emptied {
        try await console.showing("freeing …") {
            try await Flow.emptyTrash(runs: [run], olderThanSeconds: 0, request)
        }
    }
}

extension Plan.Step {
    /// Only the engine can do it.
    var isEngines: Bool {
        switch action {
        case .removeImage, .untagImage, .removeContainer, .removeCache: true
        // A volume says for itself what becomes of it.
        case .quarantine, .removeVolume, .trimLog: false
        }
    }

    /// Where it is, or what it is called if it has no place of its own.
    func shownPlace(whole: Bool) -> String {
        if isEngines { return Shown.short(id: id, whole: whole) }
        return paths.first.map { Shown.short($0, whole: whole) } ?? Shown.short(id: id, whole: whole)
    }
}
