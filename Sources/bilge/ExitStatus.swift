// SPDX-License-Identifier: Apache-2.0

/// How a command ends: part of the interface, listed in every `--help`.
enum ExitStatus: Int32, CaseIterable, Sendable {
    case done = 0
    case failed = 1
    case findings = 3
    case partly = 4
    case refused = 5
    case engineNotAsked = 6
    case locked = 11
    case usage = 64
    case invariantBroken = 70

    var meaning: String {
        switch self {
        case .done: "done, or nothing to do"
        case .failed: "failed"
        case .findings: "findings (scan --exit-code)"
        case .partly: "done in part: what was skipped or failed is named"
        case .refused: "refused by a safety guard, nothing changed"
        case .engineNotAsked: "the engine could not be asked: the answer is the disk's alone"
        case .locked: "another run holds the lock"
        case .usage: "the command line could not be understood"
        case .invariantBroken: "an invariant broke: the message says where things are"
        }
    }

    /// What stands below the description of every command.
    static let help =
        "EXIT STATUS\n"
        + allCases.map { status in
            let digits = String(status.rawValue)
            return String(repeating: " ", count: 4 - digits.count) + digits + "  " + status.meaning
        }.joined(separator: "\n")
}
