// SPDX-License-Identifier: Apache-2.0

import Model

/// What could not be read: last on the screen, and loud.
func problemLines(_ problems: [Problem], _ style: Style, all: Bool) -> [String] {
    guard !problems.isEmpty else { return [] }
    let shown = all ? problems.prefix(problems.count) : problems.prefix(10)
    var table = Table([.left(""), .left(""), .left("")])
    table.hasHeading = false
    for problem in shown {
        let areas = Set(problem.areas.map(\.name)).sorted().joined(separator: ", ")
        table.add(["  " + Shown.text(problem.path), "hides \(areas)", problem.reason])
    }
    let count = problems.count == 1 ? "1 PROBLEM: what it" : "\(problems.count) PROBLEMS: what they"
    let rest = problems.count - shown.count
    return ["", style("\(count) may hide stays unknown, and unknown is never touched", .red)]
        + table.lines(style) + (rest > 0 ? ["  … and \(rest) more: bilge scan -v"] : [])
}

/// `"problems"` of the JSON contract: one for each area.
struct ProblemJSON: Encodable {
    var path: String
    var area: String
    var reason: String

    static func all(_ problems: [Problem]) -> [ProblemJSON] {
        problems.flatMap { problem in
            Set(problem.areas.map(\.name)).sorted().map {
                ProblemJSON(path: Shown.decoded(problem.path) ?? problem.path, area: $0, reason: problem.reason)
            }
        }
    }
}
