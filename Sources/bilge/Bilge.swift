// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Disk
import Flow
import FoundationEssentials
import Model

/// The command tree.
@main
struct Bilge: Command {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "bilge",
        abstract: "Shows what a Docker host keeps on its disk and who needs it, and takes out what nobody does.",
        usage: "bilge [<options>] [<command>]",
        discussion: help(
            """
            Without a command: `df` and what to do next. Changes nothing.

            What nobody needs is never deleted at once. It is moved into <data root>/.bilge, where `bilge undo` puts it
            back from and `bilge trash empty` frees it. Works with every Docker from 1.0 on; the engine may be down.
            """,
            examples: [
                ("bilge", "where the space goes, and what to do next"),
                ("bilge scan -v", "what nobody needs, with the proof"),
                ("bilge prune -n", "what would be taken out"),
                ("bilge explain PATH", "what this directory is, and who needs it"),
                ("bilge demo", "all of it, on sample hosts in a temporary folder"),
            ]),
        version: version,
        subcommands: [PluginMetadata.self, ManualPage.self],
        groupedSubcommands: [
            CommandGroup(
                name: "LOOK",
                subcommands: [
                    Df.self, Du.self, Diff.self, ReportCommand.self, Tree.self, List.self, Explain.self, Why.self,
                    WhyNot.self, Scan.self, Doctor.self,
                ]),
            CommandGroup(
                name: "CLEAN UP",
                subcommands: [
                    Prune.self, Apply.self, Undo.self, TrashCommand.self, LogsCommand.self, Keep.self,
                    PolicyCommand.self,
                ]),
            CommandGroup(name: "LEARN", subcommands: [DemoCommand.self]),
        ])

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    static func main() async {
        limitHeaps()
        letGoOfCode()
        Logs.begin(CommandLine.arguments, ProcessInfo.processInfo.environment)
        do {
            await main(try DockerPlugin.arguments(CommandLine.arguments))
        } catch {
            exit(withError: error)
        }
    }

    func run(on console: Console) async throws -> ExitStatus {
        var request = root.request(on: console)
        request.asksQuickly = !output.verbose
        request.showsTimes = false
        let survey = try await console.survey(request)
        var answer = DiskAnswer(survey, try await console.account(of: survey), output)
        answer.next = nextSteps(answer.report, survey.problems, hint: root.cautiousHint)
        try console.show(answer, output)
        return survey.status
    }

    /// The text below a command's first line: what it does, examples, exit statuses.
    static func help(_ text: String, examples: [(command: String, what: String)] = []) -> String {
        let width = examples.map(\.command.count).max() ?? 0
        let lines = examples.map { "  \($0.command.padded(to: width))  \($0.what)" }
        // A paragraph is one line, so that it fits every width of the terminal.
        let paragraphs = text.split(separator: "\n", omittingEmptySubsequences: false).split(separator: "")
        return paragraphs.map { $0.joined(separator: " ") }.joined(separator: "\n\n")
            + (lines.isEmpty ? "" : "\n\nEXAMPLES\n" + lines.joined(separator: "\n")) + "\n\n" + ExitStatus.help
    }
}
