// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct Undo: Command {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Puts back what a run took out.",
        discussion: Bilge.help(
            """
            Without the name of a run: the latest. Each thing goes back to exactly where it was, or stays in the trash
            if that place is taken. A running engine sees volumes again after it was restarted.
            """,
            examples: [("bilge undo", "the latest run"), ("bilge undo 20261123-180200-7c1e", "that run")]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Argument(help: ArgumentHelp("Its name, from `bilge trash ls`.", valueName: "run")) var run: String?

    func run(on console: Console) async throws -> ExitStatus {
        let request = root.request(on: console)
        let receipt = try await console.showing("putting back …") { try await Flow.undo(run: run, request) }
        if output.chosen == .table, receipt.steps.isEmpty {
            console.print(["Nothing is held, so there is nothing to put back."])
            return .done
        }
        let answer = ReceiptAnswer(
            receipt: receipt, isUndo: true, isWhole: output.noTrunc, undo: root.hint("undo"),
            empty: root.hint("trash empty"))
        try console.show(answer, output)
        return receipt.status
    }
}
