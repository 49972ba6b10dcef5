// SPDX-License-Identifier: Apache-2.0

import Flow
import Foundation
import Glibc
import Model
import TestSupport
import Testing

/// The three commands of the README, as they stand there, on a disk that is full.
@Suite(
    .serialized,
    .enabled(
        if: RetentionHost.obstacle == nil && LoopMount.ext4Obstacle == nil && TerminalSession.executable != nil,
        "\(RetentionHost.obstacle ?? LoopMount.ext4Obstacle ?? "set BILGE to the executable to run this")"))
struct FullDiskTests {
    @Test("from a disk that is more than 95 % full to 30 % free with the three commands of the README")
    func threeCommands() async throws {
        let commands = try Self.commands()
        #expect(commands.count == 3 && commands.allSatisfy { $0.hasPrefix("bilge ") })

        let disk = try LoopMount("ext4", megabytes: 128)
        let host = try RetentionHost(in: disk.path) { $0.isInRegistry ? 3_400_000 : 100_000 }
        defer {
            host.stop()
            try? disk.unmount()
        }
        let used = RetentionHost.Image(repository: 1, version: 4)
        try host.engine.docker("create", "--network", "none", "--name", "made", host.tag(used), "true")
        try host.engine.docker(
            "run", "--network", "none", "--name", "fills", "base:1", "sh", "-c",
            "busybox head -c \(try space(disk).available - 3_500_000) /dev/zero > /f")
        let before = try space(disk)
        #expect(before.availablePercent < 5, "\(before)")
        let listed = try host.listed()
        try await cheapestFirst(host, used, before.available)

        // Which root it is, the engine says.
        let environment = [
            "DOCKER_HOST": "unix://" + host.engine.socket, "PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8",
            "BILGE_STATE_DIRECTORY": host.engine.directory.path + "/state",
            "BILGE_CONFIG": host.engine.directory.path + "/etc",
        ]
        for command in commands {
            let words = command.split(separator: " ").dropFirst().map(String.init)
            let session = try TerminalSession(words, rows: 60, columns: 160, environment: environment)
            if !words.contains("-n") {
                #expect(session.wait(for: "[y/N]", seconds: 60), "\(session.output)")
                session.type("y\n")
            }
            while !session.wait(for: "\u{0}", seconds: 1), session.process.isRunning {}
            #expect(session.process.terminationStatus == 0, "\(command): \(session.output)")
        }
        let after = try space(disk)
        print("available: \(before), then \(after)")
        #expect(after.availablePercent >= 30, "\(after)")

        // What the rule keeps is there, and runs.
        let left = try host.listed()
        let kept = RetentionHost.images.filter { $0.version < 2 || !$0.isInRegistry || $0 == used }
        #expect(left.isSuperset(of: kept) && left.count < listed.count)
        for image in kept where image.isInRegistry {
            #expect(try host.engine.docker("run", "--rm", "--network", "none", host.tag(image)) == "ran\n", "\(image)")
        }
        #expect(try host.engine.docker("ps", "-aq", "--filter", "name=fills") != "", "younger than a day")
    }

    @Test("on a disk without a free block, what needs none goes first and makes room to write down the rest")
    func noBlock() async throws {
        let disk = try LoopMount("ext4", megabytes: 64)
        let host = try RetentionHost(hasImages: false, in: disk.path)
        defer {
            host.stop()
            try? disk.unmount()
        }
        try host.engine.importBase("own/old:1")
        try host.engine.docker(
            "run", "--network", "none", "--name", "noisy", "base:1", "sh", "-c",
            "busybox yes 0123456789012345678901234567890123456789 | busybox head -n 60000")
        let seen = try await survey(host.request())
        let words: [(Policy.Word, String)] = [
            (.filter, "reference=own/old"), (.irreplaceable, "true"), (.to, "200kB"),
        ]
        let plan = try Flow.plan(seen, try .rules(words, kinds: [.images, .logs]))
        #expect(plan.steps.map(\.kind) == ["image", "log"], "\(plan.steps)")
        let images = try Flow.plan(seen, try .rules(words, kinds: [.images]))
        try run(
            ["sh", "-c", "cd '\(disk.path)'; for b in 1M 512; do dd if=/dev/zero of=fill$b bs=$b; done; sync"],
            expecting: nil)

        let error = await #expect(throws: FlowError.self) {
            try await carryOut(ApprovedPlan(images, approver: "test"), seen, host.request())
        }
        #expect(error?.message.contains("No space left") == true, "\(String(describing: error))")
        #expect(try host.engine.docker("images", "-q", "own/old:1") != "")
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), seen, host.request())
        #expect(receipt.steps.map(\.step.kind) == ["log", "image"])
        #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(receipt.steps.map(\.reason))")
        #expect(try host.engine.docker("images", "-q", "own/old:1") == "")
        #expect(try await undo(run: nil, host.request()).steps.map(\.outcome) == [.done])
        #expect(try host.engine.docker("images", "-q", "own/old:1") != "")
    }

    /// `--free` takes what can be pulled again and was used longest ago, no more than needed; what has no copy comes last.
    private func cheapestFirst(_ host: RetentionHost, _ used: RetentionHost.Image, _ available: Int) async throws {
        let seen = try await survey(host.request())
        let old = RetentionHost.images.filter { $0.isInRegistry && $0.hereDays == 100 && $0 != used }
        let young = RetentionHost.images.filter { $0.isInRegistry && $0.hereDays == 10 }
        let size = 3_400_000
        for (count, isAll) in [(1, false), (5, false), (old.count + 2, false), (old.count + young.count + 2, true)] {
            let target = available + count * size - size / 2
            let plan = try Flow.plan(
                seen, try .rules([(.all, "true"), (.irreplaceable, "true")], free: "\(target)B"))
            let gone = Set(plan.steps.map(\.id))
            let taken = RetentionHost.images.filter { gone.contains(host.ids[$0]!) }
            let own = taken.filter { !$0.isInRegistry }
            #expect(taken.count - own.count == min(count, old.count + young.count), "\(taken)")
            #expect(own.isEmpty == !isAll)
            if count <= old.count {
                #expect(Set(old).isSuperset(of: taken), "\(taken)")
            } else {
                #expect(Set(old + young + own).isSuperset(of: taken) && Set(taken).isSuperset(of: old), "\(taken)")
            }
            let frees = Int(plan.totals.freesNowBytes + plan.totals.freesWhenTrashEmptiesBytes)
            let wanted = target - available
            #expect(isAll || (wanted...(wanted + size + 65_536)).contains(frees), "\(frees), \(wanted)")
        }
    }

    /// The commands of the section, without what is said about them.
    private static func commands() throws -> [String] {
        let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        let section = try #require(text.range(of: "\n## From a full disk to 30 % free in three commands\n"))
        let rest = text[section.upperBound...]
        let block = try #require(rest.range(of: "```sh\n"))
        let end = try #require(rest.range(of: "\n```\n"))
        return rest[block.upperBound..<end.lowerBound].split(separator: "\n").map { line in
            line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
        }
    }

    private struct Space: CustomStringConvertible {
        var total: Int
        var available: Int
        var availablePercent: Int { available * 100 / total }
        var description: String { "\(available) of \(total) bytes, \(availablePercent) %" }
    }

    /// As `df` counts: what only root may use is not available.
    private func space(_ disk: LoopMount) throws -> Space {
        var facts = statvfs()
        guard statvfs(disk.path, &facts) == 0 else { throw CommandFailed(description: "statvfs: \(errno)") }
        return Space(total: Int(facts.f_blocks * facts.f_frsize), available: Int(facts.f_bavail * facts.f_frsize))
    }
}
