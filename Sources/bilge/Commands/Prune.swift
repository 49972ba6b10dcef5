// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct Prune: Command {
    enum Kind: String, CaseIterable, ExpressibleByArgument { case orphans, volumes, images, containers, cache, logs }

    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Takes out what nobody needs: plan, print, ask, move into the trash.",
        discussion: Bilge.help(
            """
            Kinds: orphans (the default: what the engine knows nothing of, but no volumes) and volumes (those that no
            container in any state uses; one that a person named only with --named).
            Everything is moved into <data root>/.bilge, from where `bilge undo` puts it back. Space is free only after
            `bilge trash empty`, or with --now, which cannot be undone. Without a terminal and without -y it prints the
            plan and ends with 5. Images, containers, build cache and logs are the engine's, and refused with 5.
            """,
            examples: [
                ("bilge prune -n", "what would be done"), ("bilge prune", "shows it, asks, does it"),
                ("bilge prune volumes -n -v", "volumes that nobody uses, with the proof"),
                ("bilge prune -i", "choose from the plan, on a list to tick"),
                ("bilge prune -n -o plan.json", "saves the plan for `bilge apply plan.json`"),
                ("bilge prune -y --grace 7d", "for cron: nothing younger than a week"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Confirmation") var confirm: ConfirmOptions
    @OptionGroup(title: "Carrying out") var carryOut: CarryOutOptions
    @Flag(help: "Volumes that a person named may go, too.") var named = false
    @Flag(name: .shortAndLong, help: "Choose from the plan, on a list to tick.") var interactive = false
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Save the plan to a file, for `bilge apply`.", valueName: "plan"), completion: .file())
    var file: String?
    @Argument(help: "What to take out: orphans, volumes.") var kinds: [Kind] = [.orphans]

    func run(on console: Console) async throws -> ExitStatus {
        try refuseWhatTheEngineKnows()
        if interactive { try console.requirePick(output) }
        var request = root.request(on: console)
        request.isDryRun = confirm.dryRun
        let survey = try await console.survey(request)
        let policy = Plan.Policy(
            kinds: Set(kinds.map(\.rawValue)).sorted(), graceSeconds: request.graceSeconds, named: named,
            keep: request.keep)
        var plan = try await console.showing("making a plan …") { try Flow.plan(survey, policy) }
        if interactive { plan = try console.picked(plan, survey) }
        if let file { try PlanFile.save(plan, to: file) }
        let words = ["prune"] + (policy.kinds == ["orphans"] ? [] : policy.kinds) + (named ? ["--named"] : [])
        let run = PlannedRun(
            plan: plan, survey: survey, request: request, root: root, output: output, confirm: confirm,
            options: carryOut, command: root.cautiousHint(words.joined(separator: " ")))
        return try await run.go(console)
    }

    private func refuseWhatTheEngineKnows() throws {
        for kind in kinds {
            let command: String
            switch kind {
            case .orphans, .volumes: continue
            case .images: command = "docker image prune"
            case .containers: command = "docker container prune"
            case .cache: command = "docker builder prune"
            case .logs: command = "the log options of the engine"
            }
            throw Failure(
                .refused, "\(kind.rawValue) are the engine's, and this version of bilge does not prune them",
                advice: "use \(command); bilge prunes orphans and volumes")
        }
    }
}
