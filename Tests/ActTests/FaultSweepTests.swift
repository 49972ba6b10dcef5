// SPDX-License-Identifier: Apache-2.0

import Disk
import Model
import SystemPackage
import Testing

@testable import Act

/// Every change of every command goes wrong once, in every way; then the next command comes along.
@Suite("fault sweeps")
struct FaultSweepTests {
    static let faults: [FaultyDisk.Fault] = [
        .death, .refusal(.ioError), .refusal(.noSpace), .refusal(.readOnlyFileSystem), .refusal(.notPermitted),
        .refusal(.improperLink), .refusal(.resourceBusy), .lie(.ioError), .lie(.noSpace),
    ]

    @Test("whatever goes wrong while taking, everything is in one place, and undo puts all back", arguments: faults)
    func taking(fault: FaultyDisk.Fault) async throws {
        var heldCounts: Set<Int> = []
        for number in 0... {
            let host = try Host(inMemory: true)
            let disk = FaultyDisk(fault, at: number)
            let steps = try host.steps()
            var receipt: Receipt?
            do { receipt = try await host.take(steps, disk: disk) } catch let error as ActError {
                receipt = error.receipt
            }
            heldCounts.insert(try expectWhole(host, steps, "\(fault) at \(number): \(disk.changes.last ?? "")"))
            // Who is dead tells nothing.
            if case .death = fault { receipt = nil }
            try expectTrue(receipt, host, "\(fault) at \(number): \(disk.changes.last ?? "")")
            try await expectAllBack(host, steps, "\(fault) at \(number): \(disk.changes.last ?? "")")
            if !disk.fired { break }
        }
        if case .death = fault { #expect(heldCounts == [0, 1, 2, 3]) }
    }

    @Test(
        "a receipt that says done everywhere means it: checked and written down, or back for good",
        arguments: [.refusal(.ioError), .refusal(.readOnlyFileSystem), .lie(.ioError), .lie(.noSpace)]
            as [FaultyDisk.Fault])
    func saysDone(fault: FaultyDisk.Fault) async throws {
        for number in 0... {
            let host = try Host(inMemory: true)
            let disk = FaultyDisk(fault, at: number)
            var steps: [Receipt.Line] = []
            do {
                let receipt = try await host.take(try host.steps(), disk: disk)
                steps = receipt.troubles.isEmpty ? receipt.steps : []
            } catch is ActError {}
            if !steps.isEmpty, steps.allSatisfy({ $0.outcome == .done }) {
                #expect(
                    try host.held().flatMap(\.items).map(\.state) == [.held, .held, .held], "\(fault) at \(number)")
                let log = try host.root.read(RelativePath(".bilge/audit.log"))
                #expect(log.count(where: { $0 == UInt8(ascii: "\n") }) == 3, "\(fault) at \(number)")
            }
            if !disk.fired { break }
        }
        for number in 0... {
            let host = try Host(inMemory: true)
            try await host.take()
            let disk = FaultyDisk(fault, at: number)
            var steps: [Receipt.Line] = []
            do {
                let receipt = try await host.undo(disk: disk)
                steps = receipt.troubles.isEmpty ? receipt.steps : []
            } catch is ActError {}
            if !steps.isEmpty, steps.allSatisfy({ $0.outcome == .done }) {
                #expect(try host.held().isEmpty, "\(fault) at \(number): \(disk.changes.last ?? "")")
            }
            if !disk.fired { break }
        }
    }

    @Test("whatever goes wrong while undoing, the next undo puts all back", arguments: faults)
    func undoing(fault: FaultyDisk.Fault) async throws {
        for number in 0... {
            let host = try Host(inMemory: true)
            let steps = try host.steps()
            try await host.take(steps)
            let disk = FaultyDisk(fault, at: number)
            var receipt: Receipt?
            do { receipt = try await host.undo(disk: disk) } catch is ActError {}
            if case .death = fault { receipt = nil }
            for line in receipt?.steps ?? [] {
                let comment = "\(fault) at \(number): \(disk.changes.last ?? "")"
                #expect(try line.isHeld == !host.exists(line.step.paths[0].text), "\(line): \(comment)")
                #expect(line.outcome != .done || !line.isHeld, "\(line): \(comment)")
            }
            try await expectAllBack(host, steps, "\(fault) at \(number): \(disk.changes.last ?? "")")
            if !disk.fired { break }
        }
    }

    @Test(
        "whatever goes wrong while recovering, recovering again settles it",
        arguments: [.death, .refusal(.ioError), .lie(.ioError)] as [FaultyDisk.Fault])
    func recovering(fault: FaultyDisk.Fault) async throws {
        // Deaths at places that leave each intermediate state behind.
        for left in stride(from: 8, to: 60, by: 2) {
            for number in 0... {
                let host = try Host(inMemory: true)
                let steps = try host.steps()
                do { try await host.take(steps, disk: FaultyDisk(.death, at: left)) } catch is ActError {}
                let disk = FaultyDisk(fault, at: number)
                do { try await host.recover(disk: disk) } catch is ActError {}
                try await expectAllBack(
                    host, steps, "died at \(left), \(fault) at \(number): \(disk.changes.last ?? "")")
                if !disk.fired { break }
            }
        }
    }

    @Test(
        "whatever goes wrong while emptying, emptying again ends it, and nothing outside is touched", arguments: faults)
    func emptying(fault: FaultyDisk.Fault) async throws {
        for number in 0... {
            let host = try Host(inMemory: true)
            try await host.take()
            let outside = try host.tree()
            let disk = FaultyDisk(fault, at: number)
            do { try await host.empty(disk: disk) } catch is ActError {}
            #expect(try host.tree().keys.sorted() == outside.keys.sorted())
            // What a deletion has begun can only be finished; what it has not can still be put back.
            try await host.recover()
            for run in try host.held() { #expect(run.items.allSatisfy { $0.state == .held }) }
            let rest = try await host.empty()
            #expect(rest.items.allSatisfy { $0.outcome == .done })
            #expect(try !host.hasTrash, "\(fault) at \(number): \(disk.changes.last ?? "")")
            #expect(try host.tree().keys.sorted() == outside.keys.sorted())
            if !disk.fired { break }
        }
    }

    @Test("whenever the disk fills up, what was written down is moved and the rest stays")
    func fullDisk() async throws {
        for number in 0... {
            let host = try Host(inMemory: true)
            let disk = FaultyDisk(.full, at: number)
            let steps = try host.steps()
            do {
                let receipt = try await host.take(steps, disk: disk)
                try expectTrue(receipt, host, "full from \(number)")
                // What was not written down is not done, wherever it is.
                let log = try host.root.namesIfPresent(of: RelativePath(".bilge"))?.contains("audit.log") ?? false
                let count = log ? try host.root.read(RelativePath(".bilge/audit.log")).count { $0 == 0x0A } : 0
                #expect(receipt.steps.count { $0.outcome == .done } == count, "full from \(number)")
            } catch let error as ActError {
                guard case .noSpace(let needed) = error.code else { throw error }
                #expect(needed > 0)
                #expect(error.exitStatus == 5)
                #expect(try host.tree() == host.before, "nothing was changed")
                #expect(try !host.hasTrash)
            }
            try await expectAllBack(host, steps, "full from \(number)")
            if !disk.fired { break }
        }
    }

    @Test("the intent is durable before its rename, and the rename before the next intent")
    func order() async throws {
        let host = try Host(inMemory: true)
        let disk = FaultyDisk()
        try await host.take([try host.step("layer", "overlay2/aaaa", "overlay2/l/LINKaaaa")], disk: disk)
        let run = try #require(host.held().first?.run)
        let item = ".bilge/\(run)/i000001/"
        let begin = try #require(disk.changes.firstIndex(of: "mkdir .bilge/\(run)/i000001"))
        let protocolSteps = [
            "mkdir .bilge/\(run)/i000001", "create \(item)meta.tmp", "rename \(item)meta.tmp \(item)meta",
            "sync \(item)",
            "sync .bilge/\(run)/", "rename overlay2/aaaa \(item)data.0", "sync overlay2/",
            "rename overlay2/l/LINKaaaa \(item)data.1", "sync overlay2/l/", "sync \(item)",
            "create .bilge/\(run)/checked.000001", "append .bilge/audit.log",
        ]
        #expect(Array(disk.changes[begin...].prefix(protocolSteps.count)) == protocolSteps)
    }

    /// What a receipt says about each step is so: where it is, and nothing is done that is not held, checked.
    private func expectTrue(_ receipt: Receipt?, _ host: Host, _ comment: String) throws {
        guard let receipt else { return }
        let states = Dictionary(
            try host.held().flatMap(\.items).map { ($0.step.id, $0.state) }, uniquingKeysWith: { first, _ in first })
        for line in receipt.steps {
            let isThere = try host.exists(line.step.paths[0].text)
            #expect(isThere != line.isHeld, "\(line.outcome), \(line.reason): \(comment)")
            switch line.outcome {
            case .done: #expect(states[line.step.id] == .held, "\(line.reason): \(comment)")
            case .failed where line.isHeld:
                #expect(
                    receipt.run.isEmpty || line.reason.contains(".bilge/\(receipt.run)/"), "\(line.reason): \(comment)")
            case .failed, .skipped: #expect(!line.isHeld && !line.reason.isEmpty, "\(line.reason): \(comment)")
            }
        }
    }

    @Test("no refused change is passed over in silence, whichever it is")
    func nothingSilent() async throws {
        func isClean(_ receipt: Receipt) -> Bool {
            receipt.troubles.isEmpty && receipt.steps.allSatisfy { $0.outcome == .done }
        }
        for number in 0... {
            let disk = FaultyDisk(.refusal(.ioError), at: number)
            var isTold = false
            do { isTold = try await !isClean(Host(inMemory: true).take(disk: disk)) } catch is ActError {
                isTold = true
            }
            #expect(isTold == disk.fired, "taking: \(disk.changes[min(number, disk.changes.count - 1)])")
            if !disk.fired { break }
        }
        for number in 0... {
            let host = try Host(inMemory: true)
            try await host.take()
            let disk = FaultyDisk(.refusal(.ioError), at: number)
            var isTold = false
            do { isTold = try await !isClean(host.undo(disk: disk)) } catch is ActError { isTold = true }
            #expect(isTold == disk.fired, "undo: \(disk.changes[min(number, disk.changes.count - 1)])")
            if !disk.fired { break }
        }
        for number in 0... {
            let host = try Host(inMemory: true)
            try await host.take()
            let disk = FaultyDisk(.refusal(.ioError), at: number)
            var isTold = false
            do {
                let emptied = try await host.empty(disk: disk)
                isTold = !emptied.troubles.isEmpty || emptied.items.contains { $0.outcome != .done }
            } catch is ActError { isTold = true }
            #expect(isTold == disk.fired, "emptying: \(disk.changes[min(number, disk.changes.count - 1)])")
            if !disk.fired { break }
        }
    }

    /// Each step is whole at its place, whole in the trash, or (only before recovery) on its way; never twice, never gone.
    private func expectWhole(_ host: Host, _ steps: [Plan.Step], _ comment: String) throws -> Int {
        var inTrash: Set<UInt64> = []
        for run in try host.root.namesIfPresent(of: RelativePath(".bilge"))?.filter(Trash.isRunID) ?? [] {
            let run = RelativePath(".bilge") / run
            for item in try host.root.names(of: run) where item.hasPrefix("i") {
                for data in try host.root.names(of: run / item) where data.hasPrefix("data.") {
                    inTrash.insert(try host.root.status(run / item / data).inode)
                }
            }
        }
        var held = 0
        for step in steps {
            for (index, (path, identity)) in zip(step.paths, step.identities).enumerated() {
                let isHome = try host.root.statusIfPresent(path)?.inode == identity.inode
                let isHeld = inTrash.contains(identity.inode)
                #expect(isHome != isHeld, "\(path): \(comment)")
                if index == 0, isHeld { held += 1 }
            }
        }
        return held
    }

    private func expectAllBack(_ host: Host, _ steps: [Plan.Step], _ comment: String) async throws {
        let recovery = try await host.recover()
        #expect(recovery.broken.isEmpty && recovery.kept.isEmpty, "\(recovery): \(comment)")
        #expect(try await host.recover().isEmpty, "recovering twice changes nothing: \(comment)")
        for step in steps {
            let places = try step.paths.map { try host.exists($0.text) }
            #expect(Set(places).count == 1, "half-visible: \(step.paths): \(comment)")
        }
        let receipt = try await host.undo()
        #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(receipt.steps): \(comment)")
        #expect(try host.tree() == host.before, "\(comment)")
        #expect(try !host.hasTrash, "the trash goes away when it is empty: \(comment)")
    }
}
