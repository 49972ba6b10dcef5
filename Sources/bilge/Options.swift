// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Flow
import Glibc
import Model

/// What every command takes: which root, which engine, how careful.
///
/// All commands name it `root` and the output options `output`, so that both may also stand before the command.
struct RootOptions: ParsableArguments {
    private static let usualGrace = Seconds(24 * 3600)

    @Option(
        name: [.customLong("data-root"), .customLong("graph"), .customShort("g")],
        help: ArgumentHelp("The engine's data root. Default: found by itself.", valueName: "directory"),
        completion: .directory)
    var dataRoot: String?

    @Option(
        name: [.customShort("H"), .long],
        help: ArgumentHelp("The engine's socket. Default: DOCKER_HOST.", valueName: "socket"))
    var host: String?

    @Flag(help: "Do not ask the engine. It does not say that none runs.")
    var offline = false

    @Option(
        help: ArgumentHelp("Nothing younger is an orphan: 90m, 24h, 30d. Default: 24h.", valueName: "age"),
        transform: Seconds.init)
    var grace: Seconds?

    @Option(help: ArgumentHelp("Never remove what has such a name: whole names, with * and ?.", valueName: "pattern"))
    var keep: [String] = []

    @Flag(help: "Measure everything anew, also layers that cannot have changed.")
    var exact = false

    func request(on console: Console) -> Request {
        Request(
            dataRoot: dataRoot, host: host, offline: offline, graceSeconds: (grace ?? Self.usualGrace).count,
            keep: keep,
            keepFile: console.keepFile, now: console.now(), caller: geteuid(), environment: console.environment,
            exact: exact)
    }

    /// A command of ours as the person would have to type it to mean the same root and engine.
    func hint(_ command: String) -> String {
        "bilge " + command + (dataRoot.map { " -g " + Self.quoted($0) } ?? "")
            + (host.map { " -H " + Self.quoted($0) } ?? "") + (offline ? " --offline" : "")
    }

    /// The same for a command that removes, to which it matters what is kept.
    func cautiousHint(_ command: String) -> String {
        let grace = grace.map { $0 == Self.usualGrace ? "" : " --grace \($0)" }
        return hint(command) + (grace ?? "") + keep.map { " --keep " + Self.quoted($0) }.joined()
    }

    static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A)
                || "/._-+:@,=".utf8.contains($0)
        }
        return isPlain && !text.isEmpty
            ? text
            : "'"
                + text.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "'\\''") + "'"
    }
}

/// How every command prints.
struct OutputOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument { case table, json }

    @Flag(help: "The same as --format json.")
    var json = false

    @Option(help: "How to print.")
    var format = Format.table

    @Flag(name: .shortAndLong, help: "Only ids or paths, one per line.")
    var quiet = false

    @Flag(help: "Do not shorten ids.")
    var noTrunc = false

    @Flag(name: .shortAndLong, help: "Show everything that was found out.")
    var verbose = false

    var chosen: Format { json ? .json : format }
}

/// What commands that change something take beside that.
struct ConfirmOptions: ParsableArguments {
    @Flag(name: [.customShort("n"), .long], help: "Show what would be done and change nothing.")
    var dryRun = false

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    @Flag(name: .shortAndLong, help: "Do not ask (Docker's word for it).")
    var force = false

    /// Who says yes without being asked; `nil` if nobody does.
    var approver: String? { yes ? "--yes" : force ? "--force" : nil }
}

/// What can be given to commands that carry out a plan.
struct CarryOutOptions: ParsableArguments {
    @Flag(help: "Free the space at once: it cannot be undone.")
    var now = false

    @Option(
        help: ArgumentHelp("The number of steps in the plan: carries out a plan that looks too large.", valueName: "n"))
    var unsafeCount: Int?

    func validate() throws {
        if let unsafeCount, unsafeCount < 1 { throw ValidationError("--unsafe-count is a number of steps: 1 or more.") }
    }
}

/// A length of time on the command line.
struct Seconds: Hashable, Sendable, CustomStringConvertible {
    var count: Int64

    init(_ count: Int64) { self.count = count }

    /// - Throws: a sentence for the person who typed it.
    init(_ text: String) throws {
        guard let count = Age.seconds(parsing: text) else {
            throw ValidationError("write a number and a unit: 45s, 90m, 24h, 30d, 2w, 6mo, 1y, or 1d12h")
        }
        self.count = count
    }

    /// As one would type it.
    var description: String { Age.typed(seconds: count) }
}
