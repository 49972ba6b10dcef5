// SPDX-License-Identifier: Apache-2.0

import Act
import ArgumentParser
import Demo
import Disk
import Model
import Synchronization
import SystemPackage

struct DemoCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Walks through everything on two sample hosts in a temporary folder.",
        discussion: Bilge.help(
            """
            Builds a host of 2015 (Docker 1.6, aufs) and one of 2023 (Docker 20.10, overlay2) as their files would lie
            on the disk, and runs the commands on them that one would run. Needs no Docker and no root, and touches
            nothing outside its folder, which is gone afterwards.
            """,
            examples: [
                ("bilge demo", "the whole walk"), ("bilge demo --keep-files", "leaves the hosts to try things on"),
            ]))

    @Flag(help: "Leave the sample hosts where they are, and say where.") var keepFiles = false
    @Option(help: ArgumentHelp("Only build a large host there.", valueName: "directory", visibility: .hidden))
    var large: String?
    @Option(help: ArgumentHelp("Its layers, at least 20.", visibility: .hidden)) var layers = 2000
    @Option(help: ArgumentHelp("Its containers.", visibility: .hidden)) var containers = 2000
    @Option(help: ArgumentHelp("Its volumes.", visibility: .hidden)) var volumes = 2000

    func validate() throws {
        guard layers >= 20, containers >= 0, volumes >= 0 else { throw ValidationError("at least 20 layers.") }
    }

    func run(on console: Console) async throws -> ExitStatus {
        if let large {
            try Demo.buildLargeRoot(at: FilePath(large), layers: layers, containers: containers, volumes: volumes)
            return .done
        }
        let parent = FilePath(console.environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp")
        let folder = try Demo.makeFolder(in: parent)
        let status: ExitStatus
        do {
            status = try await walk(in: folder, console)
        } catch {
            try leave(folder, in: parent, console)
            throw error
        }
        try leave(folder, in: parent, console)
        return status
    }

    private func walk(in folder: FilePath, _ console: Console) async throws -> ExitStatus {
        // Neither a closed pipe nor Ctrl-C may leave the folder behind.
        let stop = StopRequest.listening()
        for host in DemoHost.allCases {
            let root = folder.appending(host.rawValue)
            let leftovers = try host.build(at: root)
            var console = console
            // The host is looked at on its own day: the ages in its listings are those of that day.
            console.now = { host.clock }
            // What the commands remember goes with the folder.
            console.environment["BILGE_STATE_DIRECTORY"] = folder.appending("state").string
            console.print(["", console.style(host.headline, .bold)])
            for step in steps(leftovers) {
                if stop.isMade { throw Failure(.failed, "stopped") }
                console.print(["", console.style(step.says, .bold)])
                let status = try await run(step.arguments, on: root, console)
                guard status == .done else {
                    throw Failure(
                        .failed, "the demonstration went wrong at: bilge \(step.arguments.joined(separator: " "))")
                }
            }
        }
        return .done
    }

    /// Runs one of Bilge's own commands as if it had been typed.
    private func run(_ arguments: [String], on root: FilePath, _ console: Console) async throws -> ExitStatus {
        let typed = arguments + ["--data-root", root.string, "--offline", "--grace", "0s"]
        console.print([console.style("$ bilge " + arguments.joined(separator: " "), .dim), ""])
        guard let command = try Bilge.parseAsRoot(typed) as? any Command else {
            throw Failure(.failed, "bilge \(arguments.joined(separator: " ")) is no command that can be shown")
        }
        // The plan, which was shown a step before, and remarks beside the lists go there; only a failure is worth it here.
        let remarks = Remarks()
        var quiet = console
        quiet.err = { remarks.add($0) }
        let status = await command.outcome(on: quiet)
        if status != .done { console.err(remarks.text) }
        return status
    }

    /// What a command had to say beside its result.
    private final class Remarks: Sendable {
        private let lines = Mutex("")
        var text: String { lines.withLock { $0 } }
        func add(_ text: String) { lines.withLock { $0 += text } }
    }

    private struct Step {
        var says: String
        var arguments: [String]
    }

    private func steps(_ leftovers: [Leftover]) -> [Step] {
        var told: Set<String> = []
        let stories = leftovers.map(\.story).filter { told.insert($0).inserted }.joined(separator: "; ")
        let example = leftovers.first?.paths.first?.text ?? "."
        return [
            Step(says: "1. Where does the space go? Every byte has a row.", arguments: ["df"]),
            Step(says: "2. Which images are there, and what is built on what?", arguments: ["tree"]),
            Step(says: "3. What does nobody need? Here: \(stories).", arguments: ["scan"]),
            Step(says: "4. What is this directory, and how can you be sure?", arguments: ["explain", example]),
            Step(
                says: "5. What would a clean take out? A plan changes nothing.",
                arguments: ["prune", "orphans", "volumes", "-n"]),
            Step(
                says: "6. Do it. Nothing is deleted: it is moved aside.",
                arguments: ["prune", "orphans", "volumes", "-y", "-q"]),
            Step(says: "7. What is held?", arguments: ["trash", "ls", "-v"]),
            Step(says: "8. Changed your mind? Everything goes back to where it was.", arguments: ["undo"]),
            Step(says: "9. As it was before.", arguments: ["ls", "orphans"]),
        ]
    }

    private func leave(_ folder: FilePath, in parent: FilePath, _ console: Console) throws {
        guard !keepFiles else {
            console.print([
                "",
                "The sample hosts are in \(Shown.raw(folder.string)). Try: bilge -g \(folder.appending("origin")) --offline",
                "Remove them with: rm -r \(Shown.raw(folder.string))",
            ])
            return
        }
        guard let name = folder.lastComponent else { return }
        var removed = Usage()
        try HostDisk().removeTree(
            EntryName.escaped(text: name.string), in: Directory(path: parent), counting: &removed)
    }
}

extension DemoHost {
    fileprivate var headline: String {
        switch self {
        case .origin: "A HOST OF 2015: Docker 1.6 with aufs, a few images, and what is left of more"
        case .overlay2: "A HOST OF 2023: Docker 20.10 with overlay2, three releases of one image, and what crashes left"
        }
    }
}
