// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Decide
import Flow
import Model

struct ReportCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "A page about the host in one file, for a browser.",
        discussion: Bilge.help(
            """
            Writes a picture of where the space is, the account of each file system, the orphans, and what grew since
            the latest `df --save`. The page has no scripts and fetches nothing. It has the names of what the host runs, so
            only its owner can read it. An existing file is never replaced.
            """,
            examples: [
                ("bilge report -o report.html", "writes it"),
                ("bilge df --save", "before it, for what grew since then"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file(extensions: ["html"]))
    var file: String

    func run(on console: Console) async throws -> ExitStatus {
        var request = root.request(on: console)
        request.asksImageSpace = true
        let survey = try await console.survey(request)
        let account = try await console.account(of: survey)
        let today = try survey.snapshot(account, names: Names(survey.items, survey.catalog).of)
        let since = try snapshot(of: survey.root.path, request)
        let growth = since.map { ($0, Growth(from: $0, to: today)) }
        let page = HostReport(survey, account, now: console.now(), growth: growth).html
        try OutputFile.create(page.source, at: file, what: "the report")
        console.remark(["\(Shown.raw(file)) is written: open it in a browser"])
        return survey.status
    }
}
