// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Decide
import Flow
import Model

struct Df: Command {
    enum Owner: String, CaseIterable, ExpressibleByArgument { case kind, image, container, volume, project, filesystem }

    static let configuration = CommandConfiguration(
        commandName: "df",
        abstract: "Where every byte below the data root goes.",
        discussion: Bilge.help(
            """
            Each thing is in exactly one row, so that the rows add up to what lies below the root, and with files that
            were deleted and are still open, what the file system keeps for itself, and the rest of the disk, to what the
            file system says is used. Sizes are blocks on the disk; a file with two names counts once.
            FREEABLE is what nobody needs. Named volumes are never in it. Reads only, but for --save.
            """,
            examples: [
                ("bilge df", "by kind of thing"), ("bilge df -v", "with inodes, and the largest things of each kind"),
                ("bilge df --bars", "the same as bars"),
                ("bilge df --by image", "what each image takes, and what only it takes"),
                ("bilge df --by container", "writable layers, logs and volumes"),
                ("bilge df --by project", "what each Compose project's containers take"),
                ("bilge df --save", "and remember it for `bilge diff`"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Option(help: "What a row is.") var by = Owner.kind
    @Flag(help: "Count inodes instead of bytes.") var inodes = false
    @Flag(help: "Draw bars instead of a table.") var bars = false
    @Flag(help: "Keep a snapshot for `bilge diff`.") var save = false

    func validate() throws {
        if bars, by != .kind || inodes { throw ValidationError("--bars goes with neither --by nor --inodes.") }
    }

    func run(on console: Console) async throws -> ExitStatus {
        var request = root.request(on: console)
        request.asksImageSpace = by == .kind
        request.asksQuickly = !output.verbose
        request.showsTimes = false
        let survey = try await console.survey(request)
        let account = try await console.account(of: survey)
        try show(survey, account, console)
        if save {
            let snapshot = try survey.snapshot(account, names: Names(survey.items, survey.catalog).of)
            try Flow.save(snapshot, request)
            console.remark(["saved as \(snapshot.taken): \(root.hint("diff")) shows what changes from now on"])
        }
        return survey.status
    }

    private func show(_ survey: Survey, _ account: Account, _ console: Console) throws {
        let measure = inodes ? DiskAnswer.Measure.inodes : .bytes
        guard by != .kind else {
            var answer = DiskAnswer(survey, account, output)
            answer.measure = measure
            answer.barColumns = bars ? console.columns : nil
            return try console.show(answer, output)
        }
        try console.show(
            OwnerAnswer(
                place: Place(survey), owner: by, rows: spaceRows(by, survey, account), problems: survey.problems,
                measure: measure, isVerbose: output.verbose, isWhole: output.noTrunc), output)
    }
}
