// SPDX-License-Identifier: Apache-2.0

import Act
import ArgumentParser
import Disk
import Flow
import Model

struct TrashEmpty: Command {
    static let configuration = CommandConfiguration(
        commandName: "empty",
        abstract: "Deletes what is held and frees its space, for good.",
        discussion: Bilge.help(
            """
            Without the names of runs: those that are older than a day, or than --older-than says. Deletes only in
            <data root>/.bilge, and only what bilge moved there. It cannot be undone, and it needs no free space.
            """,
            examples: [
                ("bilge trash empty", "runs older than a day"),
                ("bilge trash empty 20261123-180200-7c1e", "that run"),
                ("bilge trash empty --older-than 0s -y", "everything, without asking"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Confirmation") var confirm: ConfirmOptions
    @Option(help: ArgumentHelp("Only runs that are older.", valueName: "age"), transform: Seconds.init)
    var olderThan: Seconds?
    @Flag(help: "Gently: one thread, which gets the disk when nobody else wants it.") var nice = false
    @Argument(help: ArgumentHelp("Their names, from `bilge trash ls`.", valueName: "run")) var runs: [String] = []

    func run(on console: Console) async throws -> ExitStatus {
        var request = root.request(on: console)
        request.isDryRun = confirm.dryRun
        request.showsTimes = false
        let age = olderThan?.count ?? (runs.isEmpty ? 24 * 3600 : 0)
        let held = try await Flow.trash(request)
        let chosen = try choose(from: held, age, request.now)
        var answer = TrashAnswer(runs: chosen, now: request.now, output, root)
        if !held.isEmpty {
            answer.nothing =
                "Nothing that is held is older than \(Seconds(age)): `\(root.hint("trash ls"))` shows it, and "
                + "--older-than 0s frees it all the same."
        }
        if confirm.dryRun || chosen.isEmpty {
            try console.show(answer, output)
            if !confirm.dryRun { try await console.settle(try await console.survey(request), request) }
            return .done
        }
        // The result is what was freed; the list before the question is part of it only for people.
        if output.chosen == .table, !output.quiet { console.print(answer.lines(console.style)) }
        try approve(console)
        let emptied = try await console.showing("freeing …") {
            try await Flow.emptyTrash(
                runs: chosen.map(\.run), olderThanSeconds: age, request, pace: nice ? .gentle : .fast,
                progress: { console.status("freeing: \(ByteCount($0.allocatedBytes).text) so far") })
        }
        try console.show(EmptiedAnswer(emptied: emptied), output)
        return emptied.isWhole ? .done : .partly
    }

    /// The runs that were named, as far as they are old enough.
    private func choose(from held: [HeldRun], _ age: Int64, _ now: Timestamp) throws -> [HeldRun] {
        if let missing = runs.first(where: { name in !held.contains { $0.run == name } }) {
            throw Failure(.refused, "no run called \(missing) is held", advice: "\(root.hint("trash ls")) lists them")
        }
        return held.filter { run in
            guard runs.isEmpty || runs.contains(run.run) else { return false }
            // What cannot be dated is as old as anybody says: it was asked for by name, or all is.
            guard let moved = run.moved else { return true }
            return now.seconds(since: moved) >= Double(age)
        }
    }

    private func approve(_ console: Console) throws {
        if confirm.approver != nil { return }
        guard let ask = console.ask else {
            throw Failure(.refused, "there is no terminal to ask on, so nothing was deleted", advice: "-y says yes")
        }
        guard ask("Delete this for good?") else { throw Failure(.refused, "nothing was deleted") }
    }
}
