// SPDX-License-Identifier: Apache-2.0

import Disk
import Foundation
import Model
import Testing

@testable import Act

/// What the engine does with the name while the data is in the trash.
@Suite("volumes that the engine lists")
struct VolumeEngineTests {
    let host: Host

    init() throws { host = try Host() }

    private struct NoAnswer: Error {}

    private enum Answer { case removes, refuses, fallsSilent, removesAndFallsSilent }

    private func engine(_ answer: Answer) -> VolumeEngine {
        let path = host.path + "/volumes/"
        return VolumeEngine(
            describe: { "{\"Name\":\"\($0.id)\"}" },
            remove: { step in
                #expect(!FileManager.default.fileExists(atPath: path + step.id + "/_data"), "the data is held first")
                switch answer {
                case .removes: try FileManager.default.removeItem(atPath: path + step.id)
                case .refuses: return "volume is in use"
                case .fallsSilent: throw NoAnswer()
                case .removesAndFallsSilent:
                    try FileManager.default.removeItem(atPath: path + step.id)
                    throw NoAnswer()
                }
                return nil
            },
            create: { step, description in
                #expect(description == "{\"Name\":\"\(step.id)\"}")
                try FileManager.default.createDirectory(
                    atPath: path + step.id + "/_data", withIntermediateDirectories: true)
            })
    }

    private func take(_ answer: Answer) async throws -> Receipt {
        try await host.take([try host.step("volume", "volumes/pg", action: .removeVolume)], volumes: engine(answer))
    }

    @Test("the data is held, the engine removes the name, and undo brings both back", arguments: [true, false])
    func removed(answers: Bool) async throws {
        let data = try host.root.status(RelativePath("volumes/pg/_data")).identity
        let receipt = try await take(answers ? .removes : .removesAndFallsSilent)
        #expect(receipt.steps.map(\.outcome) == [.done])
        #expect(try !host.exists("volumes/pg"))
        #expect(try await host.undo().steps.map(\.outcome) == [.failed], "not without the engine")
        #expect(try await host.undo(volumes: engine(.removes)).steps.map(\.outcome) == [.done])
        #expect(try host.root.status(RelativePath("volumes/pg/_data")).identity.isSameObject(as: data))
        #expect(try host.root.read(RelativePath("volumes/pg/_data/PG_VERSION")) == Array("16".utf8))
        #expect(try !host.hasTrash)
    }

    @Test("the engine refuses: the data is back")
    func refused() async throws {
        let receipt = try await take(.refuses)
        #expect(receipt.steps.map(\.outcome) == [.failed])
        #expect(receipt.steps[0].reason.contains("volume is in use"))
        #expect(receipt.run.isEmpty)
        #expect(try host.exists("volumes/pg/_data/PG_VERSION"))
        #expect(try !host.hasTrash)
    }

    @Test("the engine falls silent: the data stays where a late removal cannot reach it, and undo works")
    func silent() async throws {
        let receipt = try await take(.fallsSilent)
        #expect(receipt.steps.map(\.outcome) == [.failed])
        #expect(receipt.run == "20261123-120000-7c1e", "the run is told, because undo needs it")
        #expect(try host.held()[0].items[0].note.contains("still lists"))
        #expect(try await host.undo().steps.map(\.outcome) == [.done])
        #expect(try host.exists("volumes/pg/_data/PG_VERSION"))
    }

    @Test("a volume that somebody removes while its data is away stays held, and undo works")
    func removedMeanwhile() async throws {
        let volume = host.path + "/volumes/pg"
        let checks = Checks(
            before: { _ in nil },
            after: { steps in
                try FileManager.default.removeItem(atPath: volume)
                return steps.map { _ in "it is part of something else now" }
            })
        let step = try host.step("volume", "volumes/pg", action: .removeVolume)
        let receipt = try await host.take([step], checks: checks, volumes: engine(.refuses))
        #expect(receipt.steps.map(\.outcome) == [.done])
        #expect(receipt.steps[0].reason.contains("removed meanwhile"))
        #expect(try host.held()[0].items.map(\.state) == [.held])
        #expect(try await host.undo(volumes: engine(.removes)).steps.map(\.outcome) == [.done])
        #expect(try host.exists("volumes/pg/_data/PG_VERSION"))
    }

    @Test("a new volume of that name is not touched by undo")
    func reused() async throws {
        _ = try await take(.removes)
        try host.write("volumes/pg/_data/new", "new")
        let receipt = try await host.undo(volumes: engine(.removes))
        #expect(receipt.steps.map(\.outcome) == [.failed])
        #expect(receipt.steps[0].reason.contains("in use again"))
        #expect(try host.root.names(of: RelativePath("volumes/pg/_data")) == ["new"])
        // Not even an empty one, unless it was made for this undo.
        try FileManager.default.removeItem(atPath: host.path + "/volumes/pg/_data/new")
        #expect(try await host.undo(volumes: engine(.removes)).steps.map(\.outcome) == [.failed])
    }

    @Test("whatever goes wrong while undoing, the next undo finishes it", arguments: FaultSweepTests.faults)
    func sweep(fault: FaultyDisk.Fault) async throws {
        for number in 0... {
            let host = try Host(inMemory: true)
            let test = VolumeEngineTests(host)
            _ = try await test.take(.removes)
            let disk = FaultyDisk(fault, at: number)
            do { try await host.undo(disk: disk, volumes: test.engine(.removes)) } catch is ActError {}
            let receipt = try await host.undo(volumes: test.engine(.removes))
            #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(fault) at \(number): \(receipt.steps)")
            #expect(try host.exists("volumes/pg/_data/PG_VERSION"), "\(fault) at \(number)")
            #expect(try !host.hasTrash)
            if !disk.fired { break }
        }
    }

    private init(_ host: Host) { self.host = host }
}
