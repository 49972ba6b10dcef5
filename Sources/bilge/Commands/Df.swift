// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Disk
import Flow
import Model

struct Df: Command {
    enum Owner: String, CaseIterable, ExpressibleByArgument { case kind, image, project, filesystem }

    static let configuration = CommandConfiguration(
        commandName: "df",
        abstract: "Where every byte below the data root goes.",
        discussion: Bilge.help(
            """
            Each thing is in exactly one row, so that the rows add up to what lies below the root; what else the file
            system holds is the last row. Sizes are blocks on the disk; a file with two names counts once.
            FREEABLE is what nobody needs. Named volumes are never in it. Reads only.
            """,
            examples: [
                ("bilge df", "by kind of thing"), ("bilge df -v", "with inodes, and the largest things"),
                ("bilge df --by image", "what each image takes, and what only it takes"),
                ("bilge df --by project", "what each Compose project's containers take"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Option(help: "What a row is.") var by = Owner.kind

    func run(on console: Console) async throws -> ExitStatus {
        let survey = try await console.survey(root.request(on: console))
        let usage = try await console.usage(of: survey.items, in: survey)
        switch by {
        case .kind: try console.show(DiskAnswer(survey, usage, output), output)
        case .image: try show(by, spaceByImage(survey.items, usage, survey.catalog), survey, console)
        case .project:
            try show(by, spaceByProject(survey.items, usage, survey.catalog, survey.reach), survey, console)
        case .filesystem: try show(by, spaceByFilesystem(survey, usage), survey, console)
        }
        return survey.status
    }

    private func show(_ by: Owner, _ rows: [SpaceByOwner.Row], _ survey: Survey, _ console: Console) throws {
        let answer = SpaceByOwner(
            place: Place(survey), owner: by.rawValue, rows: rows, problems: survey.problems, isVerbose: output.verbose)
        try console.show(answer, output)
    }
}

extension DiskAnswer {
    init(_ survey: Survey, _ usage: [RelativePath: Usage], _ output: OutputOptions) throws {
        let filesystem = try survey.directory.fileSystem()
        let capacity = DiskReport.Capacity(
            totalBytes: Int64(clamping: filesystem.totalBytes), freeBytes: Int64(clamping: filesystem.freeBytes))
        let names = Names(survey.items, survey.catalog)
        func isIn(_ store: Survey.Root, _ entry: Judged) -> Bool {
            RelativePath(store.path).contains(entry.item.path)
        }
        let own = survey.items.filter { entry in !survey.stores.contains { isIn($0, entry) } }
        let others = try survey.stores.map { store in
            let system = try store.fileSystem()
            return DiskReport(
                survey.items.filter { isIn(store, $0) }, usage, names,
                capacity: system.map {
                    DiskReport.Capacity(
                        totalBytes: Int64(clamping: $0.totalBytes), freeBytes: Int64(clamping: $0.freeBytes))
                })
        }
        let sized = survey.items.compactMap { entry in usage[entry.item.path].map { (entry: entry, usage: $0) } }
        self.init(
            place: Place(survey),
            report: DiskReport(own, usage, names, capacity: capacity), others: others,
            largest: Array(sized.sorted { $0.usage.allocatedBytes > $1.usage.allocatedBytes }.prefix(20)),
            problems: survey.problems, isVerbose: output.verbose, isWhole: output.noTrunc)
    }
}
