// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Model

/// What can be listed.
enum ListKind: String, CaseIterable, ExpressibleByArgument, Sendable {
    case images, layers, containers, volumes, cache, logs, orphans, trash
}

struct List: Command {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "Lists images, layers, containers, volumes, build cache, logs, orphans, or the trash.",
        discussion: Bilge.help(
            "With Docker's columns where Docker has such a list, whether the engine runs or not. Reads only.",
            examples: [
                ("bilge ls images", "what `docker images` would print"), ("bilge ls volumes", "with sizes and users"),
                ("bilge ls cache", "each build step, and where it lies"), ("bilge ls orphans -q", "paths, for scripts"),
                ("bilge ls trash", "what `bilge undo` can put back"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Flag(name: .shortAndLong, help: "Images that others are built on, too.") var all = false
    @Argument(help: "What to list.") var kind: ListKind

    func run(on console: Console) async throws -> ExitStatus {
        let request = root.request(on: console)
        if kind == .trash { return try await listTrash(request, root, output, console) }
        let survey = try await console.survey(request)
        let usage = try await console.usage(of: Lists.measured(kind, survey), in: survey)
        let lists = Lists(survey: survey, usage: usage, now: request.now, isWhole: output.noTrunc, showsAll: all)
        try console.show(answer(lists), output)
        console.note(survey, output)
        return survey.status
    }

    private func answer(_ lists: Lists) -> ListAnswer {
        switch kind {
        case .images: lists.images()
        case .layers: lists.layers()
        case .containers: lists.containers()
        case .volumes: lists.volumes()
        case .cache: lists.caches()
        case .logs: lists.logs()
        case .orphans, .trash: lists.orphans()
        }
    }
}
