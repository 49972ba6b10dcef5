// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct Scan: Command {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Every orphan and everything unknown, with the evidence.",
        discussion: Bilge.help(
            """
            An orphan is what no claim reaches, while every place that could hold a claim was read completely, and what
            is older than the grace period. What cannot be told is unknown, and is never touched. Reads only.
            """,
            examples: [
                ("bilge scan -v", "with every piece of evidence"),
                ("bilge scan --all --json", "all of it, for programs"),
                ("bilge scan --exit-code", "for monitoring: 3 if there are findings"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Flag(name: .shortAndLong, help: "Everything, also what is in use.") var all = false
    @Flag(help: "End with 3 if there are orphans or problems.") var exitCode = false

    func run(on console: Console) async throws -> ExitStatus {
        let isMeasured = output.chosen == .json || !output.quiet
        var request = root.request(on: console)
        request.showsTimes = isMeasured
        let survey = try await console.survey(request)
        let usage = try await console.usage(of: isMeasured ? survey.items : [], in: survey)
        let answer = ScanAnswer(
            place: Place(survey), items: survey.items, usage: usage,
            names: isMeasured ? Names(survey.items, survey.catalog) : Names(),
            problems: survey.problems, showsAll: all, isVerbose: output.verbose, isWhole: output.noTrunc,
            now: request.now)
        try console.show(answer, output)
        guard exitCode, survey.status == .done else { return survey.status }
        let isClean = survey.problems.isEmpty && !survey.items.contains { $0.standing == .orphan }
        return isClean ? .done : .findings
    }
}
