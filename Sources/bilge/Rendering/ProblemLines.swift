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
        + table.lines(style) + (rest > 0 ? ["  … and \(rest) more: `scan -v`"] : [])
}

extension JSONMember {
    /// `"problems"` of the JSON contract: one for each area.
    static func problems(_ problems: [Problem]) -> JSONMember {
        .list(
            problems.lazy.flatMap { problem in
                Set(problem.areas.map(\.name)).sorted().map { area in
                    .object(
                        ("path", .string(Shown.decoded(problem.path) ?? problem.path)), ("area", .string(area)),
                        ("reason", .string(problem.reason)))
                }
            })
    }
}
