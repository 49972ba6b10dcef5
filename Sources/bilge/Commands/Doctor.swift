// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct Doctor: Command {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "What is broken or dangerous on this host, each with the way to mend it.",
        discussion: Bilge.help(
            """
            Damage: records that cannot be read, images whose layers are missing, dead containers. Danger: logs and
            build cache without a limit, data on two disks, live-restore, engines whose own pruning is known to be
            wrong. Reads only. The daemon's settings are looked at if they are about this root, or if --config-file
            names them.
            """,
            examples: [
                ("bilge doctor", "what is wrong, and what to do"),
                ("bilge doctor --exit-code -q", "for monitoring: 3 if there are findings"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Flag(help: "End with 3 if there are findings.") var exitCode = false
    @Option(
        help: ArgumentHelp("The daemon's settings. Default: found by itself.", valueName: "file"), completion: .file())
    var configFile: String?

    func run(on console: Console) async throws -> ExitStatus {
        let request = root.request(on: console)
        let survey = try await console.survey(request)
        let (findings, settings) = Flow.examine(survey, settings: configFile, request)
        try console.show(
            DoctorAnswer(place: Place(survey), findings: findings, settings: settings, isWhole: output.noTrunc), output)
        return survey.status == .done && exitCode && !findings.isEmpty ? .findings : survey.status
    }
}
