// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Decide
import Flow

struct Tree: Command {
    static let configuration = CommandConfiguration(
        commandName: "tree",
        abstract: "The images and what each is built on.",
        discussion: Bilge.help(
            """
            What `docker images --tree` was: sizes add up from the base, names stand where they point. Images of Docker
            1.10 and later are shown on their layers. Reads only.
            """,
            examples: [
                ("bilge tree", "every image"), ("bilge tree shop/api", "all tags of one repository"),
                ("bilge tree 3f8e22c413b1", "one image, and all that is built on it"),
            ]))

    @OptionGroup(title: "Root and engine") var root: RootOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @Argument(help: "Names or the beginnings of ids: only these, with all above and below.")
    var references: [String] = []

    func run(on console: Console) async throws -> ExitStatus {
        let survey = try await console.survey(root.request(on: console))
        let nodes = imageTree(survey.catalog, matching: references)
        guard !nodes.isEmpty || references.isEmpty else {
            throw Failure(
                .failed, "no image is called \(references.joined(separator: " or "))",
                advice: "\(root.hint("ls images -a")) lists them")
        }
        try console.show(TreeAnswer(place: Place(survey), nodes: nodes), output)
        console.note(survey, output)
        return survey.status
    }
}

extension Console {
    /// What there is to say beside a list that others may read line by line: on the other stream.
    func note(_ survey: Survey, _ output: OutputOptions) {
        guard output.chosen == .table, !output.quiet else { return }
        let plain = Style(isColoured: false)
        remark([""] + Place(survey).lines(plain) + problemLines(survey.problems, plain, all: output.verbose))
    }
}
