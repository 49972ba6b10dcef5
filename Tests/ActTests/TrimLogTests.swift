// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Glibc
import Logging
import Model
import SystemPackage
import Testing

@testable import Act

@Suite("Trimming logs", .enabled(if: LogFile.obstacle == nil, "\(LogFile.obstacle ?? "")"))
struct TrimLogTests {
    /// Numbered lines of random lengths, some with what JSON escapes, some as long as the engine makes them.
    private func randomLines(_ random: inout SeededGenerator, bytes: Int, longest: Int) -> [String] {
        var lines: [String] = []
        var size = 0
        while size < bytes {
            let length = Int.random(in: 0...8, using: &random) == 0 ? Int.random(in: 0...longest, using: &random) : 20
            let letters = ["a", "\"", "\\", "é", "\u{1F6A2}", " "]
            let text = (0..<length).map { _ in letters.randomElement(using: &random)! }.joined()
            lines.append("\(lines.count) \(text)")
            size += LogFile.encode(lines.last!, .jsonFile).count
        }
        return lines
    }

    @Test(
        "what stays are the newest lines, exactly, and no more bytes than were asked for",
        arguments: [LogFormat.jsonFile, .local], 0..<12)
    func property(format: LogFormat, seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let all = randomLines(
            &random, bytes: Int.random(in: 150_000...500_000, using: &random), longest: seed % 4 == 0 ? 16_000 : 300)
        let log = try LogFile(format, lines: all)
        let before = try Int64(log.bytes().count)
        #expect(try log.lines() == all, "the decoder of this test reads what the engine writes")
        var kept = before
        for _ in 0..<3 {
            let keep = Int64.random(in: 128_000...max(128_001, before + 1), using: &random)
            let line = try await log.trim(to: keep)
            let size = try Int64(log.bytes().count)
            if line.outcome == .done {
                #expect(size <= keep && size < kept && kept - size == line.step.freesBytes)
                // No more goes than has to: the blocks, and the one line that the cut goes through.
                #expect(size > keep - 65_536)
            } else {
                #expect(line.outcome == .skipped && size == kept, "\(line.reason)")
                #expect(keep >= kept)
            }
            let lines = try log.lines()
            #expect(lines == all.suffix(lines.count), "a suffix, whole and in order")
            #expect(lines.reduce(0) { $0 + LogFile.encode($1, format).count } > Int(min(keep, kept)) - 65_536 - 100_000)
            kept = size
        }
        if format == .local {
            for count in [1, 2, 10, 10_000_000] {
                let last = try log.lastLocalLines(count)
                #expect(try last == log.lines().suffix(last.count))
            }
        }
        try log.append(["the end"])
        #expect(try log.lines().last == "the end")
    }

    @Test("a line that alone is longer than what may stay, stays", arguments: [LogFormat.jsonFile, .local])
    func longLastLine(format: LogFormat) async throws {
        let long = String(repeating: "x", count: 200_000)
        let log = try LogFile(format, lines: (0..<10_000).map { "\($0)" } + [long])
        #expect(try await log.trim(to: 64_000).outcome == .done)
        #expect(try log.lines().last == long)
        #expect(try log.bytes().count < 300_000)
        let again = try await log.trim(to: 64_000)
        #expect(again.outcome == .skipped, "\(again.reason)")
        #expect(try log.lines().last == long)
    }

    @Test("what is not in the driver's format is left as it is", arguments: [LogFormat.jsonFile, .local])
    func foreign(format: LogFormat) async throws {
        let log = try LogFile(format, lines: [])
        let noise = Data((0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 7 % 251) })
        try noise.write(to: URL(fileURLWithPath: log.file))
        let line = try await log.trim(to: 64_000)
        #expect(line.outcome == .skipped && line.reason.contains("format"), "\(line)")
        #expect(try Data(log.bytes()) == noise)
    }

    @Test("a link, a second name and another file are refused, and nothing is changed")
    func otherFiles() async throws {
        let lines = (0..<20_000).map { "\($0)" }
        let log = try LogFile(.jsonFile, lines: lines)
        let step = try log.step(to: 64_000)
        let trimming = LogTrimming(root: log.root, disk: HostDisk(), check: LogCheck { _, _ in nil })
        let other = log.path + "/other"
        #expect(link(log.file, other) == 0)
        #expect(await trimming.trim(step).reason.contains("second name"))
        #expect(unlink(log.file) == 0)
        #expect(symlink(other, log.file) == 0)
        #expect(await trimming.trim(step).outcome == .skipped)
        #expect(unlink(log.file) == 0)
        try Data(contentsOf: URL(fileURLWithPath: other)).write(to: URL(fileURLWithPath: log.file))
        #expect(await trimming.trim(step).reason.contains("another file"))
        #expect(try log.lines() == lines)
    }

    @Test("an objection that comes up right before the cut leaves every line in place", arguments: [1, 2])
    func objection(number: Int) async throws {
        let lines = (0..<20_000).map { "\($0)" }
        let log = try LogFile(.jsonFile, lines: lines)
        var asked = 0
        let check = LogCheck { _, _ in
            asked += 1
            return asked == number ? "the engine rotated it" : nil
        }
        let line = await LogTrimming(root: log.root, disk: HostDisk(), check: check).trim(try log.step(to: 64_000))
        #expect(line.outcome == .skipped && line.reason == "the engine rotated it" && asked == number)
        #expect(try log.lines() == lines)
    }

    @Test("one that is locked by another run is left to it")
    func locked() async throws {
        let log = try LogFile(.jsonFile, lines: (0..<20_000).map { "\($0)" })
        let other = try log.root.writableFile(log.relative)
        #expect(try other.lock())
        #expect(try await log.trim(to: 64_000).reason.contains("another run"))
    }

    @Test(
        "whatever goes wrong, the log can be read and all lines that were to stay are there",
        arguments: [LogFormat.jsonFile, .local], FaultSweepTests.faults)
    func faults(format: LogFormat, fault: FaultyDisk.Fault) async throws {
        let lines = (0..<8000).map { "line \($0)" }
        for number in 0... {
            let log = try LogFile(format, lines: lines)
            let keep: Int64 = 100_000
            let disk = FaultyDisk(fault, at: number)
            let line = try await log.trim(to: keep, disk: disk)
            let rest = try log.lines()
            let comment = Comment(rawValue: "\(fault) at \(number): \(disk.changes)")
            // Either the old log, of which the line at the cut may be missing, or the new one.
            if try Int64(log.bytes().count) > keep {
                #expect(rest.count >= lines.count - 3, comment)
                let missing = Set(lines).subtracting(rest)
                #expect(rest == lines.filter { !missing.contains($0) }, comment)
                #expect(missing.allSatisfy { Int($0.dropFirst(5))! < 8000 - 400 }, comment)
            } else {
                #expect(rest == lines.suffix(rest.count) && rest.count > 400, comment)
            }
            if disk.fired { #expect(line.outcome == .failed, comment) }
            if !disk.fired {
                #expect(line.outcome == .done)
                break
            }
        }
    }

    @Test("beside a trash, its audit log gets a line; without one, none is made")
    func audit() async throws {
        let log = try LogFile(.jsonFile, lines: (0..<20_000).map { "\($0)" })
        func run() async throws -> Receipt {
            let status = try log.root.status(.root)
            let plan = Plan(
                plan: "p", created: "", policy: Plan.Policy(kinds: ["logs"], graceSeconds: 0, named: false, keep: []),
                root: Plan.Root(path: log.path, device: status.device, inode: status.inode),
                steps: [try log.step(to: 200_000)], kept: [],
                totals: Plan.Totals(freesNowBytes: 0, freesWhenTrashEmptiesBytes: 0))
            return try await executeInPlace(
                ApprovedPlan(plan, approver: "test"), in: log.root, check: LogCheck { _, _ in nil },
                clock: { Timestamp(seconds: 1_700_000_000) }, logger: Logger(label: "test"))
        }
        #expect(try await run().steps.map(\.outcome) == [.done])
        #expect(!FileManager.default.fileExists(atPath: log.path + "/.bilge"))
        try log.append((0..<20_000).map { "\($0)" })
        _ = try Trash.forChanges(in: log.root)
        #expect(try await run().steps.map(\.outcome) == [.done])
        let audit = try String(contentsOfFile: log.path + "/.bilge/audit.log", encoding: .utf8)
        #expect(audit.contains("\"trimmed\"") && audit.contains("containers") && audit.contains("\"test\""))
    }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
