// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Disk
import Model

struct Du: Command {
    static let configuration = CommandConfiguration(
        commandName: "du",
        abstract: "What directories and files take on the disk, anywhere.",
        discussion: Bilge.help(
            """
            Counts blocks, as `du -s` does: a file with two names once over all paths, nothing that is mounted below,
            nothing behind a symbolic link unless its path ends with a slash. A path below another counts in its own row
            only. It is the walk behind `df`; it needs no data root, no engine and no root. Reads only.
            """,
            examples: [
                ("bilge du /var/lib/docker", "one size for a person"),
                ("bilge du --bytes --inodes /srv /home", "exact, and how many inodes"),
            ]))

    @Flag(help: "Bytes, not a rounded size.") var bytes = false
    @Flag(help: "How many inodes, too.") var inodes = false
    @Option(help: ArgumentHelp("How many threads look at them, at most.", visibility: .hidden)) var threads = 16
    @OptionGroup(title: "Output") var output: OutputOptions
    @Argument(help: ArgumentHelp("What to measure.", valueName: "path"), completion: .file()) var paths: [String]

    func run(on console: Console) async throws -> ExitStatus {
        let measured = try await console.showing("measuring \(Shown.count(Int64(paths.count))) paths …") {
            // What was needed to get here is not needed to measure, nor that for the answer.
            letGoOfCode()
            defer { letGoOfCode() }
            return try measurement(of: paths, threads: threads)
        }
        let answer = SpaceOfPaths(paths: paths, measured: measured, showsBytes: bytes, showsInodes: inodes)
        try console.show(answer, output)
        console.remark(MissedText.lines(measured))
        if measured.usages.allSatisfy({ $0.unreadable > 0 && $0.inodes == 0 }) { return .failed }
        return measured.usages.contains { $0.unreadable > 0 } ? .partly : .done
    }

    func validate() throws {
        guard paths.allSatisfy({ !$0.isEmpty && !$0.utf8.contains(0) }) else {
            throw ValidationError("an empty path is no place.")
        }
        guard (1...256).contains(threads) else { throw ValidationError("1 to 256 threads.") }
    }
}
