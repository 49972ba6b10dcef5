// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct TrashCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "trash",
        abstract: "What is held, and freeing it for good.",
        discussion: Bilge.help("Without a command: `trash ls`."),
        subcommands: [TrashList.self, TrashEmpty.self])

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run(on console: Console) async throws -> ExitStatus {
        try await listTrash(root.request(on: console), root, output, console)
    }
}

struct TrashList: Command {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "What is held, oldest run first.",
        discussion: Bilge.help(
            "Reads <data root>/.bilge and nothing else.",
            examples: [("bilge trash ls -v", "with every item, and what the audit log says")]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run(on console: Console) async throws -> ExitStatus {
        try await listTrash(root.request(on: console), root, output, console)
    }
}

/// `trash ls`, `ls trash`.
func listTrash(
    _ request: Request, _ root: RootOptions, _ output: OutputOptions, _ console: Console
) async throws -> ExitStatus {
    var answer = TrashAnswer(runs: try await Flow.trash(request), now: request.now, output, root)
    if output.verbose || output.chosen == .json { answer.history = try await Flow.history(request) }
    try console.show(answer, output)
    return .done
}
