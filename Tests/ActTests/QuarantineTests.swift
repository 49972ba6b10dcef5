// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import SystemPackage
import Testing

@testable import Act

@Suite("taking")
struct QuarantineTests {
    let host: Host

    init() throws { host = try Host() }

    @Test("what a plan names is in the trash, the same inodes, and all else is where it was")
    func take() async throws {
        let steps = try host.steps()
        let receipt = try await host.take(steps)
        #expect(receipt.steps.map(\.outcome) == [.done, .done, .done])
        #expect(receipt.run == "20261123-120000-7c1e")
        for (number, step) in steps.enumerated() {
            for (index, (path, identity)) in zip(step.paths, step.identities).enumerated() {
                #expect(try !host.exists(path.text))
                let data = RelativePath(".bilge/\(receipt.run)/i00000\(number + 1)/data.\(index)")
                #expect(try host.root.status(data).identity.isSameObject(as: identity))
            }
        }
        let after = try host.tree()
        for (path, line) in host.before
        where !steps.contains(where: { $0.paths.contains { $0.contains(RelativePath(path)) } }) {
            #expect(after[path] == line)
        }
        try await host.undo()
        #expect(try host.tree() == host.before)
        #expect(try !host.hasTrash)
    }

    @Test("an entry that is another one than in the plan stays")
    func changed() async throws {
        let steps = try host.steps()
        try FileManager.default.moveItem(atPath: host.path + "/overlay2/aaaa", toPath: host.path + "/overlay2/old")
        try host.makeDirectory("overlay2/aaaa")
        try FileManager.default.removeItem(atPath: host.path + "/overlay2/l/LINKbbbb")
        let receipt = try await host.take(steps)
        #expect(receipt.steps.map(\.outcome) == [.skipped, .skipped, .done])
        #expect(receipt.steps[0].reason == "changed since the plan was made")
        #expect(receipt.steps[1].reason == "gone already: overlay2/l/LINKbbbb")
        #expect(try host.exists("overlay2/aaaa") && host.exists("overlay2/bbbb"))
    }

    @Test("who needs it right before the move keeps it, and so does who cannot be asked")
    func before() async throws {
        struct Unreachable: Error {}
        let checks = Checks(
            before: { step in
                if step.id == "aaaa" { return "claimed by container web" }
                if step.id == "pg" { throw Unreachable() }
                return nil
            }, after: { $0.map { _ in nil } })
        let receipt = try await host.take(checks: checks)
        #expect(receipt.steps.map(\.outcome) == [.skipped, .done, .skipped])
        #expect(receipt.steps[0].reason == "claimed by container web")
        #expect(receipt.steps[2].reason.contains("could not be checked"))
        #expect(try host.held().flatMap(\.items).map(\.sequence) == [2])
    }

    @Test("an entry exchanged while it was checked does not move, and what did move goes back")
    func exchanged() async throws {
        let path = host.path
        for exchanged in ["overlay2/aaaa", "overlay2/l/LINKaaaa"] {
            let disk = FaultyDisk()
            let checks = Checks(
                before: { _ in
                    try FileManager.default.moveItem(atPath: path + "/" + exchanged, toPath: path + "/old")
                    try FileManager.default.createDirectory(
                        atPath: path + "/" + exchanged, withIntermediateDirectories: false)
                    return nil
                }, after: { $0.map { _ in nil } })
            let step = try host.step("layer", "overlay2/aaaa", "overlay2/l/LINKaaaa")
            let receipt = try await host.take([step], disk: disk, checks: checks)
            #expect(receipt.steps.map(\.outcome) == [.skipped])
            #expect(receipt.steps[0].reason == "changed since the plan was made")
            #expect(!disk.changes.contains { $0.hasPrefix("rename \(exchanged) ") })
            try call(rmdir(path + "/" + exchanged))
            try FileManager.default.moveItem(atPath: path + "/old", toPath: path + "/" + exchanged)
            #expect(try host.tree() == host.before)
            #expect(try !host.hasTrash)
        }
    }

    @Test("an entry exchanged between the last look and the rename goes back where it came from")
    func exchangedInTheMove() async throws {
        let (path, old) = (host.path + "/overlay2/aaaa", host.path + "/old")
        let disk = FaultyDisk()
        disk.beforeRename = { name in
            guard name == "aaaa", access(old, F_OK) != 0 else { return }
            rename(path, old)
            mkdir(path, 0o700)
        }
        let receipt = try await host.take([host.step("layer", "overlay2/aaaa", "overlay2/l/LINKaaaa")], disk: disk)
        #expect(receipt.steps.map(\.outcome) == [.skipped])
        #expect(receipt.steps[0].reason == "changed since the plan was made")
        #expect(rmdir(path) == 0, "the new one is empty, and at its place")
        #expect(rename(old, path) == 0)
        #expect(try host.tree() == host.before)
        #expect(try !host.hasTrash)
    }

    @Test("who needs it right after the move gets it back")
    func after() async throws {
        var asked: [[String]] = []
        let checks = Checks(
            before: { _ in nil },
            after: { steps in
                asked.append(steps.map(\.id))
                return steps.map { $0.id == "bbbb" || $0.id == "pg" ? "created meanwhile" : nil }
            })
        let receipt = try await host.take(checks: checks)
        #expect(asked == [["aaaa", "bbbb", "pg"]], "in one go, at once because a volume is among them")
        #expect(receipt.steps.map(\.outcome) == [.done, .skipped, .skipped])
        #expect(receipt.steps[1].reason == "put back: created meanwhile")
        #expect(try host.exists("volumes/pg/_data/PG_VERSION") && host.exists("overlay2/l/LINKbbbb"))
        #expect(try host.held().flatMap(\.items).map(\.state) == [.held])
        try await host.undo()
        #expect(try host.tree() == host.before)
    }

    @Test("a check after the move that fails, or answers for too few, puts all back")
    func afterFails() async throws {
        struct Unreachable: Error {}
        for checks in [
            Checks(before: { _ in nil }, after: { _ in throw Unreachable() }),
            Checks(before: { _ in nil }, after: { _ in [nil] }),
        ] {
            let receipt = try await host.take(checks: checks)
            #expect(receipt.steps.map(\.outcome) == [.skipped, .skipped, .skipped])
            #expect(receipt.run.isEmpty)
            #expect(try host.tree() == host.before)
            #expect(try !host.hasTrash)
        }
    }

    @Test("a name taken by somebody while its directory must go back is exit status 70, with both places named")
    func adopted() async throws {
        let path = host.path
        let checks = Checks(
            before: { _ in nil },
            after: { steps in
                try FileManager.default.createDirectory(
                    atPath: path + "/volumes/pg/_data", withIntermediateDirectories: true)
                return steps.map { $0.id == "pg" ? "the engine knows a volume pg" : nil }
            })
        let error = try await #require(throws: ActError.self) { try await host.take(checks: checks) }
        #expect(error.exitStatus == 70)
        #expect(error.message.contains("/volumes/pg") && error.message.contains("/i000003"))
        #expect(error.receipt?.steps.map(\.outcome) == [.done, .done, .failed])
        #expect(try host.held().flatMap(\.items).count == 3, "nothing is lost")
    }

    @Test("paths that no plan of ours names are refused")
    func hostilePlan() async throws {
        let identity = try host.root.status(RelativePath("overlay2")).identity
        for paths in [
            ["../etc"], ["overlay2/../volumes/keep"], ["/etc"], [""], [".bilge/x"], ["overlay2//aaaa"], ["./overlay2"],
            ["overlay2/%61aaa"], ["overlay2/a%00"], ["overlay2", "overlay2/aaaa"], ["overlay2/aaaa", "overlay2/aaaa"],
        ] {
            var step = try host.steps()[0]
            step.paths = paths.map { RelativePath($0) }
            step.identities = paths.map { _ in identity }
            let receipt = try await host.take([step])
            #expect(receipt.steps.map(\.outcome) == [.skipped], "\(paths)")
        }
        var step = try host.steps()[0]
        step.identities = []
        #expect(try await host.take([step]).steps[0].outcome == .skipped)
        #expect(try host.tree() == host.before)
    }

    @Test("a plan for another root is refused")
    func otherRoot() async throws {
        let other = try Host()
        let error = try await #require(throws: ActError.self) {
            try await execute(
                try other.plan(other.steps()), in: host.root, checks: .nobodyNeeds, clock: { .noon }, logger: quiet)
        }
        #expect(error.exitStatus == 5)
        #expect(try !host.hasTrash)
    }

    @Test("steps that are the engine's are not done here")
    func engineSteps() async throws {
        let receipt = try await host.take([
            host.step("image", "overlay2/aaaa", action: .removeImage),
            host.step("volume", "volumes/pg", action: .removeVolume),
        ])
        #expect(receipt.steps.map(\.outcome) == [.skipped, .skipped])
        #expect(try host.tree() == host.before)
        #expect(try !host.hasTrash)
    }

    @Test("asked to stop, it ends after the step at hand")
    func stop() async throws {
        var asked = 0
        let receipt = try await host.take(shouldStop: {
            asked += 1
            return asked > 1
        })
        #expect(receipt.steps.map(\.outcome) == [.done, .skipped, .skipped])
        #expect(receipt.steps[1].reason == "not begun: stopped")
        #expect(try host.held().flatMap(\.items).map(\.state) == [.held])
    }

    @Test("a link in place of a directory on the way is not followed")
    func linkOnTheWay() async throws {
        let steps = try host.steps()
        try FileManager.default.moveItem(atPath: host.path + "/volumes", toPath: host.path + "/elsewhere")
        try host.makeLink("volumes", to: "elsewhere")
        let receipt = try await host.take(steps)
        #expect(receipt.steps.map(\.outcome) == [.done, .done, .skipped])
        #expect(try host.exists("elsewhere/pg/_data/PG_VERSION"))
    }

    @Test("names of 255 bytes, and names that are no text, move and come back")
    func names() async throws {
        let long = [UInt8](repeating: 0xFF, count: 255)
        let hostile: [[UInt8]] = [
            long, Array("-rf".utf8), [0x1B, 0x5D, 0x30, 0x3B, 0x07], [0x0A], Array("a%41\\".utf8),
        ]
        for name in hostile {
            let bytes = (Array((host.path + "/volumes/").utf8) + name).map { CChar(bitPattern: $0) } + [0]
            try call(mkdir(bytes, 0o755))
        }
        let before = try host.tree()
        let steps = try hostile.map { try host.step("volume", "volumes/" + EntryName.escaped($0)) }
        let receipt = try await host.take(steps)
        #expect(receipt.steps.allSatisfy { $0.outcome == .done })
        #expect(try host.held().flatMap(\.items).map(\.step) == steps)
        try await host.undo()
        #expect(try host.tree() == before)
    }

    @Test("a child and its parent are taken child first and come back parent first")
    func nested() async throws {
        try host.write("containers/c1/config.v2.json", "{}")
        try host.write("containers/c1/c1-json.log", "log")
        let before = try host.tree()
        let steps = try [host.step("log", "containers/c1/c1-json.log"), host.step("container", "containers/c1")]
        let both = try host.step("container", "containers/c1/config.v2.json", "containers/c1")
        for steps in [steps, [both]] {
            #expect(try await host.take(steps).steps.allSatisfy { $0.outcome == .done })
            #expect(try !host.exists("containers/c1"))
            #expect(try await host.undo().steps.allSatisfy { $0.outcome == .done })
            #expect(try host.tree() == before)
        }
    }

    @Test("two runs of one second and one plan have two folders, and undo takes the later one first")
    func twoRuns() async throws {
        let steps = try host.steps()
        let first = try await host.take([steps[0]])
        let second = try await host.take([steps[1]])
        #expect(first.run == "20261123-120000-7c1e" && second.run == "20261123-120001-7c1e")
        #expect(try await host.undo().run == second.run)
        #expect(try host.exists("overlay2/bbbb") && !host.exists("overlay2/aaaa"))
        #expect(try await host.undo(first.run).run == first.run)
        #expect(try host.tree() == host.before)
    }

    @Test("a hundred items are looked at again in batches of 64")
    func batches() async throws {
        var steps: [Plan.Step] = []
        for number in 0..<100 {
            try host.makeDirectory("overlay2/x\(number)")
            steps.append(try host.step("layer", "overlay2/x\(number)"))
        }
        var batches: [Int] = []
        let checks = Checks(
            before: { _ in nil },
            after: {
                batches.append($0.count)
                return $0.map { _ in nil }
            })
        #expect(try await host.take(steps, checks: checks).steps.allSatisfy { $0.outcome == .done })
        #expect(batches == [64, 36])
        #expect(try host.held()[0].items.allSatisfy { $0.state == .held })
    }

    @Test("what is mounted from elsewhere has no place in the trash", .enabled(if: geteuid() == 0))
    func otherFileSystem() async throws {
        try FileManager.default.removeItem(atPath: host.path + "/volumes/pg")
        let volumes = host.path + "/volumes"
        guard Glibc.mount("none", volumes, "tmpfs", 0, nil) == 0 else { return }
        defer { umount2(volumes, CInt(MNT_DETACH)) }
        try host.makeDirectory("volumes/other")
        // A bind mount has the device of the root, and yet is another mount.
        let bound = host.path + "/overlay2/keep"
        try call(Glibc.mount(bound, bound, "none", UInt(MS_BIND), nil))
        defer { umount2(bound, CInt(MNT_DETACH)) }
        let receipt = try await host.take([
            host.step("volume", "volumes/other"), host.step("layer", "overlay2/keep"),
            host.step("layer", "overlay2/keep/diff"),
        ])
        for line in receipt.steps {
            #expect(line.outcome == .skipped)
            #expect(line.reason.contains("on another file system"))
        }
        #expect(try host.exists("volumes/other") && host.exists("overlay2/keep/diff"))
    }

    @Test("the log tells what was done, and each line knows the one before it")
    func auditLog() async throws {
        try await host.take()
        let half = FileHandle(forWritingAtPath: host.path + "/.bilge/audit.log")
        try #require(half).seekToEndOfFile()
        try #require(half).write(Data("{\"cut off".utf8))
        let steps = [try host.step("layer", "overlay2/keep")]
        try await host.take(steps)
        let log = try host.root.read(RelativePath(".bilge/audit.log"))
        #expect(log.last == 0x0A)
        var previous: [UInt8] = []
        var events: [String] = []
        for line in log.split(separator: 0x0A) {
            if line.starts(with: "{\"cut".utf8) {
                previous = Array(line)
                continue
            }
            let entry = try JSONDecoder().decode(AuditLine.self, from: Data(line))
            #expect(entry.prev == Checksum.text(previous))
            events.append("\(entry.event) \(entry.id)")
            previous = Array(line)
        }
        #expect(events == ["held aaaa", "held bbbb", "held pg", "held keep"])
    }
}
