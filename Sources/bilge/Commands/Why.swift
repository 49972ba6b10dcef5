// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Decide
import Flow

struct Why: Command {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "The chain that keeps a thing alive.",
        discussion: Bilge.help(
            "One line for each link, from the tag, container or mount that counts by itself down to the thing. Reads only.",
            examples: [
                ("bilge why 6688ce71", "who needs this layer"), ("bilge why pgdata", "who needs this volume"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Argument(help: ArgumentHelp("A path, an id, or a name.", valueName: "ref")) var thing: String

    func run(on console: Console) async throws -> ExitStatus {
        let survey = try await console.survey(root.request(on: console))
        let subjects = try survey.resolve(thing, root).map { (entry: $0, chain: survey.chain(to: $0)) }
        try console.show(WhyAnswer(place: Place(survey), subjects: subjects, isWhole: output.noTrunc), output)
        return survey.status
    }
}
