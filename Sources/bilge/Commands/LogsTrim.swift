// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct LogsTrim: Command {
    static let configuration = CommandConfiguration(
        commandName: "trim",
        abstract: "Takes the oldest lines off a log, while its container runs.",
        discussion: Bilge.help(
            """
            The newest lines stay, whole and in order, and no container is stopped. What goes is gone: it cannot be
            undone. Needs a file system that can take the front off a file (ext4, xfs, f2fs) and, for a container that
            runs, an engine before Docker 23; what cannot be trimmed is named, and stays as it is.
            """,
            examples: [
                ("bilge logs trim web --to 10MB", "the newest 10 MB stay"),
                ("bilge logs trim --all --to 50MB -n", "what that would free, in all logs"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Confirmation") var confirm: ConfirmOptions
    @Option(help: ArgumentHelp("How much of each log may stay: 10MB, 1GiB.", valueName: "size"), transform: Self.size)
    var to: ByteCount
    @Flag(name: .shortAndLong, help: "The logs of all containers.") var all = false
    @Argument(help: ArgumentHelp("Names, or how their ids begin.", valueName: "container")) var containers: [String] =
        []

    func validate() throws {
        guard all == containers.isEmpty else {
            throw ValidationError("name containers, or say --all for the logs of all of them.")
        }
    }

    func run(on console: Console) async throws -> ExitStatus {
        var request = root.request(on: console)
        request.isDryRun = confirm.dryRun
        let survey = try await console.survey(request)
        let ids = all ? nil : Set(try containers.map { try survey.container($0, root).id })
        let plan = try await console.showing("asking who writes to them …") {
            try logTrimPlan(survey, to: to.bytes, only: ids)
        }
        let kept = Set(plan.kept.map(\.id))
        let isRefused = logs(survey).contains {
            kept.contains($0.container.id) && ($0.current?.sizeBytes ?? 0) > to.bytes
        }
        let answer = TrimPlanAnswer(
            place: Place(survey), plan: plan, isVerbose: output.verbose, isWhole: output.noTrunc,
            // Beside what cannot be trimmed stands what keeps it small.
            settings: isRefused ? LogAdvice.settings : [])
        if confirm.dryRun || plan.steps.isEmpty {
            try console.show(answer, output)
            return plan.steps.isEmpty && isRefused ? .refused : survey.status
        }
        let isResult = output.chosen == .table && !output.quiet
        isResult ? console.print(answer.lines(console.style)) : console.remark(answer.lines(Style(isColoured: false)))
        let approver = try approver(plan, survey, console)
        let receipt = try await console.showing("trimming …") {
            let stop = StopRequest.listening()
            return try await carryOut(
                ApprovedPlan(plan, approver: approver), survey, request, shouldStop: { stop.isMade })
        }
        try console.show(TrimmedAnswer(receipt: receipt, isWhole: output.noTrunc), output)
        return receipt.status == .done && !isRefused ? .done : .partly
    }

    private func approver(_ plan: Plan, _ survey: Survey, _ console: Console) throws -> String {
        if let obstacle = survey.root.writeObstacles.first {
            throw Failure(.refused, "\(Shown.text(survey.root.path)) is not changed: \(obstacle)")
        }
        if let approver = confirm.approver { return approver }
        guard let ask = console.ask else {
            throw Failure(.refused, "there is no terminal to ask on, so nothing was changed", advice: "-y says yes")
        }
        let logs = Shown.count(plan.steps.count, "log")
        guard ask("Trim \(logs)? The lines that go cannot be brought back.") else {
            throw Failure(.refused, "nothing was changed")
        }
        return "prompt"
    }

    private static func size(_ text: String) throws -> ByteCount {
        guard let size = ByteCount(parsing: text) else {
            throw ValidationError("write a number and a unit: 500kB, 10MB, 1GiB")
        }
        guard size.bytes >= Policy.Rules.leastLogBytes else {
            throw ValidationError("128kB is the least that can stay of a log")
        }
        return size
    }
}

extension Survey {
    /// The container that a person means by its name, its id, or the beginning of it.
    fileprivate func container(_ text: String, _ root: RootOptions) throws -> ContainerRecord {
        let exact = catalog.containers.filter { $0.name == text || $0.id == text }
        let found = exact.isEmpty && text.count >= 4 ? catalog.containers.filter { $0.id.hasPrefix(text) } : exact
        guard let container = found.first else {
            throw Failure(
                .failed, "no container is called \(Shown.raw(text))", advice: "\(root.hint("logs ls")) lists them")
        }
        guard found.count == 1 else {
            throw Failure(
                .failed, "\(Shown.raw(text)) may mean \(found.count) containers", advice: "give more of its id")
        }
        return container
    }
}
