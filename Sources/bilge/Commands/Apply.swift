// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct Apply: Command {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Carries out a saved plan.",
        discussion: Bilge.help(
            """
            The host is looked at again first: what is needed by now, or is not what it was, is left alone and named.
            A plan that is out of date only shrinks, and so does one that --grace or --keep are stricter than. Everything is
            moved into the trash, as with `bilge prune`.
            """,
            examples: [("bilge prune -n -o plan.json", "makes a plan"), ("bilge apply plan.json", "carries it out")]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Confirmation") var confirm: ConfirmOptions
    @OptionGroup(title: "Carrying out") var carryOut: CarryOutOptions
    @Argument(help: ArgumentHelp("A file that `bilge prune -o` made.", valueName: "plan"), completion: .file())
    var file: String

    func run(on console: Console) async throws -> ExitStatus {
        var saved = try PlanFile.read(file)
        // Whoever does what this prints means the root of the plan.
        var there = root
        there.dataRoot = root.dataRoot ?? Shown.decoded(saved.root.path)
        var request = there.request(on: console)
        request.isDryRun = confirm.dryRun
        request.graceSeconds = max(saved.policy.graceSeconds, root.grace?.count ?? 0)
        saved.policy.graceSeconds = request.graceSeconds
        request.keep += saved.policy.keep
        let survey = try await console.survey(request)
        var policy = saved.policy
        // What the plan has is to be checked, not whether there is space by now.
        policy.retention.free = nil
        policy.keep = request.keep
        let fresh = try await console.showing("checking the plan …") { try Flow.plan(survey, policy) }
        guard fresh.root.device == saved.root.device, fresh.root.inode == saved.root.inode else {
            throw Failure(
                .refused, "the plan was made for another root than \(Shown.text(survey.root.path))",
                advice: "make a new plan for this root")
        }
        let current = stillRight(saved, today: fresh)
        let run = PlannedRun(
            plan: current.plan, survey: survey, request: request, root: there, output: output, confirm: confirm,
            options: carryOut, command: root.hint("apply \(RootOptions.quoted(file))"), stale: current.gone)
        return try await run.go(console)
    }
}
