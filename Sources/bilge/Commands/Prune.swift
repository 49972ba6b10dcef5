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
            Kinds: orphans (the default: what the engine knows nothing of, but no volumes), volumes (those that no
            container in any state uses; one that a person named only with --named), images (without a tag; with -a or
            a rule such as --keep-last also others), containers (that are stopped), cache (of builds), logs (their
            oldest lines, down to --to each). With --policy, all kinds that the file names.

            A thing goes only if nothing needs or protects it and every rule lets it go. What has no copy anywhere goes
            only with --irreplaceable. Orphans, volumes and images are held in the trash, from where `bilge undo` puts
            them back; space is free after `bilge trash empty`, or with --now. Containers, build cache and lines of logs
            cannot be put back. Without a terminal and without -y it prints the plan and ends with 5.
            """,
            examples: [
                ("bilge prune -n", "what would be done"), ("bilge prune", "shows it, asks, does it"),
                ("bilge prune images --keep-last 3 -n", "all but the last three releases"),
                ("bilge prune cache --free 30%", "until 30 % of the disk are free"),
                ("bilge prune --policy policy.yaml -n", "what the rules of a file let go"),
                ("bilge prune volumes -n -v", "volumes that nobody uses, with the proof"),
                ("bilge prune -i", "choose from the plan, on a list to tick"),
                ("bilge prune -n -o plan.json", "saves it for `bilge apply plan.json`"),
                ("bilge prune -y --grace 7d", "for cron: nothing younger than a week"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Policy") var rules: PolicyOptions
    @OptionGroup(title: "Confirmation") var confirm: ConfirmOptions
    @OptionGroup(title: "Carrying out") var carryOut: CarryOutOptions
    @Option(
        help: ArgumentHelp("Wait so long for pulls and builds that are in flight.", valueName: "time"),
        transform: Seconds.init)
    var wait = Seconds(0)
    @Flag(name: .shortAndLong, help: "Choose from the plan, on a list to tick.") var interactive = false
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Save the plan to a file, for `bilge apply`.", valueName: "plan"), completion: .file())
    var file: String?
    @Argument(help: "What to take out: orphans, volumes, images, containers, cache, logs.") var kinds: [Kind] = []

    func run(on console: Console) async throws -> ExitStatus {
        let named = Policy.Kind.allCases.filter { kind in kinds.contains { $0.policy == kind } }
        let retention = try rules.policy(for: kinds.isEmpty ? nil : named)
        let orphans = kinds.contains(.orphans) || retention.rules.isEmpty ? [Kind.orphans.rawValue] : []
        if interactive { try console.requirePick(output) }
        var request = root.request(on: console)
        request.isDryRun = confirm.dryRun
        let survey = try await console.survey(request, quietWithin: retention.waitsForQuiet ? wait.count : 0)
        let policy = Plan.Policy(
            kinds: (orphans + retention.rules.keys.map(\.rawValue)).sorted(), graceSeconds: request.graceSeconds,
            named: retention.rules[.volumes]?.named ?? false, keep: request.keep, retention: retention)
        var plan = try await console.showing("making a plan …") { try Flow.plan(survey, policy) }
        if interactive { plan = try console.picked(plan, survey) }
        if let file { try PlanFile.save(plan, to: file) }
        let words =
            ["prune"] + Set(kinds.map(\.rawValue)).subtracting(kinds == [.orphans] ? ["orphans"] : []).sorted()
            + (interactive ? ["-i"] : [])
        let command = root.cautiousHint((words + rules.words).joined(separator: " "))
        let run = PlannedRun(
            plan: plan, survey: survey, request: request, root: root, output: output, confirm: confirm,
            options: carryOut, command: file.map { root.hint("apply \(RootOptions.quoted($0))") } ?? command,
            save: file == nil ? command + " -n -o plan.json" : nil)
        return try await run.go(console)
    }
}

extension Prune.Kind {
    /// What a policy calls it; `nil` for orphans, which no policy decides about.
    var policy: Policy.Kind? {
        switch self {
        case .orphans: nil
        case .volumes: .volumes
        case .images: .images
        case .containers: .containers
        case .cache: .cache
        case .logs: .logs
        }
    }
}

extension Policy {
    /// True if it decides about what a pull or a build may be about to use.
    var waitsForQuiet: Bool { rules[.images] != nil || rules[.cache] != nil }
}
