// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct LogsCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "What the containers have logged, and trimming it.",
        discussion: Bilge.help("Without a command: `logs ls`."),
        subcommands: [LogsList.self, LogsTrim.self])

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run(on console: Console) async throws -> ExitStatus { try await listLogs(root, output, console) }
}

struct LogsList: Command {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "The logs of all containers, the largest first.",
        discussion: Bilge.help(
            """
            SIZE is what the files hold, ON DISK what they take. CAP is what the engine keeps the log to (max-size times
            max-file); `none` means that it grows until the disk is full. Reads only.
            """,
            examples: [("bilge logs", "the same"), ("bilge logs ls --json", "with every file, for programs")]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run(on console: Console) async throws -> ExitStatus { try await listLogs(root, output, console) }
}

/// `logs`, `logs ls`.
private func listLogs(_ root: RootOptions, _ output: OutputOptions, _ console: Console) async throws -> ExitStatus {
    let request = root.request(on: console)
    let survey = try await console.survey(request)
    let lists = Lists(survey: survey, usage: [:], now: request.now, isWhole: output.noTrunc)
    try console.show(lists.logs(), output)
    console.note(survey, output)
    let uncapped = logs(survey).contains { $0.record.cap == nil && $0.current != nil }
    if output.chosen == .table, !output.quiet, uncapped {
        console.remark(["", "Trim one:  " + root.hint("logs trim CONTAINER --to 10MB")] + LogAdvice.settings)
    }
    return survey.status
}
