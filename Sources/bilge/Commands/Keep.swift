// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

struct Keep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keep",
        abstract: "What must never be removed from this host.",
        discussion: Bilge.help(
            """
            Patterns of whole names, with * and ?: of images with or without a tag, containers, volumes, ids. They are
            in /etc/bilge/keep, one on each line. If the file cannot be read, nothing is removed. The label
            bilge.keep=true does the same for one image, container or volume.
            """),
        subcommands: [KeepAdd.self, KeepRemove.self, KeepList.self])
}

struct KeepAdd: Command {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Adds patterns to the keep list.",
        discussion: Bilge.help(
            "What matches a pattern by its whole name is never removed.",
            examples: [
                ("bilge keep add redis:7", "this tag"), ("bilge keep add 'shop/*'", "all of these repositories"),
            ]))

    @Argument(help: ArgumentHelp("Whole names, with * and ?.", valueName: "pattern")) var patterns: [String]

    func run(on console: Console) async throws -> ExitStatus {
        if let pattern = patterns.first(where: { $0.contains("\u{FFFD}") }) {
            throw Failure(.usage, "\(Shown.raw(pattern)) is not UTF-8, and no name is", advice: "write * in its place")
        }
        try editKeepList(console.keepFile, adding: patterns)
        return .done
    }
}

struct KeepRemove: Command {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Takes patterns off the keep list.",
        discussion: Bilge.help("Each as it is in the list.", examples: [("bilge keep rm redis:7", "forgets it")]))

    @Argument(help: ArgumentHelp("As `bilge keep ls` shows them.", valueName: "pattern")) var patterns: [String]

    func run(on console: Console) async throws -> ExitStatus {
        let known = Flow.KeepList.read(console.keepFile).patterns
        if let unknown = patterns.first(where: { !known.contains($0) }) {
            throw Failure(.failed, "\(Shown.raw(unknown)) is not on the keep list", advice: "bilge keep ls shows it")
        }
        try editKeepList(console.keepFile, removing: patterns)
        return .done
    }
}

struct KeepList: Command {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "Shows the keep list.",
        discussion: Bilge.help("One pattern on each line.", examples: [("bilge keep ls", "all patterns")]))

    @OptionGroup(title: "Output") var output: OutputOptions

    func run(on console: Console) async throws -> ExitStatus {
        let list = Flow.KeepList.read(console.keepFile)
        if let problem = list.problem { throw Failure(.failed, problem) }
        try console.show(Answer(patterns: list.patterns), output)
        return .done
    }

    private struct Answer: Report {
        var patterns: [String]

        var ids: [String] { patterns }

        func lines(_ style: Style) -> [String] {
            patterns.isEmpty ? ["The keep list is empty."] : patterns.map(Shown.raw)
        }

        func write(json out: (String) -> Void) throws {
            writeJSON(
                [("schema", .value(.integer(1))), ("patterns", .value(.strings(patterns)))], to: out)
        }
    }
}

extension Console {
    /// `BILGE_CONFIG` names another folder than `/etc/bilge`.
    private var configuration: String { environment["BILGE_CONFIG"] ?? "/etc/bilge" }

    /// The keep list of the host.
    var keepFile: String { configuration + "/keep" }

    /// The policy of the host.
    var policyFile: String { configuration + "/policy.yaml" }
}
