// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Decide
import Flow
import Model

struct Diff: Command {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "What grew since `df --save`, item by item.",
        discussion: Bilge.help(
            """
            Compares what the data root holds now with a snapshot of earlier: what is new, what is gone, what grew or
            shrank. Snapshots are kept in /var/lib/bilge, of other users than root in their own state folder. Reads only.
            """,
            examples: [
                ("bilge df --save", "remember what there is now"), ("bilge diff", "since the latest snapshot"),
                ("bilge diff 7d", "since the latest one that is a week old or older"),
                ("bilge diff 2026-11-01", "since the latest one of that day"),
                ("bilge diff --list", "the snapshots of this root"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Argument(help: "Time of a snapshot, or the beginning of it, or an age: 90m, 24h, 30d. Default: the latest.")
    var snapshot: String?
    @Flag(help: "List the snapshots.") var list = false

    func run(on console: Console) async throws -> ExitStatus {
        let request = root.request(on: console)
        let survey = try await console.survey(request)
        if list {
            let all = try snapshots(of: survey.root.path, request)
            try console.show(SnapshotsAnswer(place: Place(survey), snapshots: all, now: console.now()), output)
            return survey.status
        }
        let since = try earlier(survey.root.path, request)
        let account = try await console.account(of: survey)
        let names = Names(survey.items, survey.catalog)
        let today = try survey.snapshot(account, names: names.of)
        try console.show(
            GrowthAnswer(
                place: Place(survey), growth: Growth(from: since, to: today), since: since, today: today,
                now: console.now(), problems: survey.problems, isVerbose: output.verbose, isWhole: output.noTrunc),
            output)
        return survey.status
    }

    private func earlier(_ path: String, _ request: Request) throws -> Snapshot {
        let age = snapshot.flatMap { Age.seconds(parsing: $0) }
        let latest = age.map { Timestamp(seconds: request.now.seconds - $0) }
        let prefix = age == nil ? snapshot ?? "" : ""
        guard let found = try Flow.snapshot(of: path, named: prefix, latest: latest, request) else {
            throw Failure(
                .failed, "there is no snapshot of \(Shown.text(path))" + (snapshot.map { " for \(Shown.raw($0))" } ?? ""),
                advice: "make one with `\(root.hint("df --save"))`, see them with `\(root.hint("diff --list"))`")
        }
        return found
    }
}
