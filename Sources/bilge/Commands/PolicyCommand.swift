// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct PolicyCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Checks a policy file.",
        discussion: Bilge.help("Without a command: `policy check`."),
        subcommands: [PolicyCheck.self])

    @OptionGroup(title: "Output") var output: OutputOptions

    func run(on console: Console) async throws -> ExitStatus { try check(console.policyFile, output, console) }
}

struct PolicyCheck: Command {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says in sentences what a policy file would do, or what is wrong in which line.",
        discussion: Bilge.help(
            """
            The words are those of the flags of `bilge prune`; an unknown one is an error. Reads the file, and nothing
            else. Ends with 5 if the file cannot be read or understood.
            """,
            examples: [
                ("bilge policy check", "/etc/bilge/policy.yaml"), ("bilge policy check ./policy.yaml", "another file"),
            ]))

    @OptionGroup(title: "Output") var output: OutputOptions
    @Argument(help: ArgumentHelp("Default: /etc/bilge/policy.yaml.", valueName: "file"), completion: .file())
    var file: String?

    func run(on console: Console) async throws -> ExitStatus { try check(file ?? console.policyFile, output, console) }
}

private func check(_ path: String, _ output: OutputOptions, _ console: Console) throws -> ExitStatus {
    try console.show(PolicyAnswer(path: path, policy: try PolicyFile.read(path)), output)
    return .done
}
