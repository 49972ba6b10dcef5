// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

/// Bilge beside a real dockerd: what it finds after a crash, and that nothing it does can be felt.
@Suite("Live engine", .serialized, .enabled(if: LiveEngine.obstacle == nil, "\(LiveEngine.obstacle ?? "")"))
struct LiveEngineTests {
    /// An engine with two images (one of them built by BuildKit), containers in two states, and volumes of every kind,
    /// killed in the middle of an import and started again.
    private func crashedEngine() throws -> LiveEngine {
        let engine = try LiveEngine()
        try engine.start()
        try engine.importBase("base:1")
        try FileManager.default.createDirectory(
            atPath: engine.directory.path + "/ctx", withIntermediateDirectories: true)
        try Data("FROM base:1\nRUN echo hello > /hello\nRUN touch /two\n".utf8)
            .write(to: URL(fileURLWithPath: engine.directory.path + "/ctx/Dockerfile"))
        try build(engine, "built:1")
        try engine.docker(
            "run", "--network", "none", "--name", "done", "-v", "named:/data", "base:1", "touch", "/data/x")
        try engine.docker("create", "--network", "none", "--name", "waiting", "built:1", "cat", "/hello")
        try engine.docker(
            "run", "--network", "none", "--name", "gone", "-v", "/anonymous", "base:1", "touch", "/anonymous/x")
        try engine.docker("rm", "gone")
        try engine.killDuringImport()
        try engine.start()
        return engine
    }

    @discardableResult
    private func build(_ engine: LiveEngine, _ tag: String) throws -> String {
        try engine.docker(
            "build", "--network", "none", "--progress", "plain", "-t", tag, engine.directory.path + "/ctx",
            buildKit: true)
    }

    private func request(_ engine: LiveEngine, graceSeconds: Int64 = 0, offline: Bool = false) -> Request {
        Request(
            dataRoot: offline ? engine.root : nil, host: "unix://" + engine.socket, offline: offline,
            graceSeconds: graceSeconds,
            now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)), caller: geteuid())
    }

    private let orphans = Plan.Policy(kinds: ["orphans"], graceSeconds: 0, named: false, keep: [])

    /// Every image still runs, every container can be inspected, and a cached build needs no step anew.
    private func expectHealth(of engine: LiveEngine) throws {
        #expect(try engine.docker("run", "--rm", "--network", "none", "base:1", "echo", "ok") == "ok\n")
        #expect(try engine.docker("run", "--rm", "--network", "none", "built:1", "cat", "/hello") == "hello\n")
        try engine.docker("inspect", "done", "waiting")
        #expect(try build(engine, "built:2").contains("CACHED"))
        #expect(try engine.docker("start", "-a", "waiting") == "hello\n")
    }

    @Test("finds what a killed import left, and nothing else; takes it out unfelt; puts it back")
    func afterACrash() async throws {
        let engine = try crashedEngine()
        defer { engine.stop() }
        let survey = try await survey(request(engine))
        #expect(survey.engine.state == .running)
        #expect(survey.root.owner == "engine")
        #expect(survey.problems.isEmpty, "\(survey.problems)")
        let found = survey.items.filter { $0.standing == .orphan }
        #expect(found.count == 1)
        let item = try #require(found.first).item
        // The layer's directory, its link, and the record that was being written.
        #expect(
            item.paths.map { $0.components.dropLast().joined(separator: "/") } == [
                "overlay2", "overlay2/l", "image/overlay2/layerdb/tmp",
            ])

        let before = try TreeSnapshot(of: engine.root + "/" + item.path.text)
        let plan = try plan(survey, orphans)
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, request(engine))
        #expect(receipt.steps.map(\.outcome) == [.done], "\(receipt.steps.map(\.reason))")
        #expect(!FileManager.default.fileExists(atPath: engine.root + "/" + item.path.text))
        try expectHealth(of: engine)
        engine.stop()
        try engine.start()
        try expectHealth(of: engine)

        let back = try await undo(run: nil, request(engine))
        #expect(back.steps.map(\.outcome) == [.done])
        #expect(try TreeSnapshot(of: engine.root + "/" + item.path.text) == before)
        #expect(!FileManager.default.fileExists(atPath: engine.root + "/.bilge"))
        try expectHealth(of: engine)
    }

    @Test("is young within the grace period, and then nothing is taken")
    func grace() async throws {
        let engine = try crashedEngine()
        defer { engine.stop() }
        let survey = try await survey(request(engine, graceSeconds: 3600))
        #expect(survey.items.filter { $0.standing == .orphan }.isEmpty)
        #expect(survey.items.contains { $0.evidence.contains { $0.says == .young } })
    }

    @Test("offline, nothing is written while an engine runs; once it stopped, the same plan works")
    func offline() async throws {
        let engine = try crashedEngine()
        defer { engine.stop() }
        let survey = try await survey(request(engine, offline: true))
        let plan = try plan(survey, orphans)
        #expect(!plan.steps.isEmpty)
        await #expect(throws: FlowError.self) {
            try await carryOut(ApprovedPlan(plan, approver: "test"), survey, request(engine, offline: true))
        }
        #expect(!FileManager.default.fileExists(atPath: engine.root + "/.bilge"))

        engine.stop()
        let later = try await Flow.survey(request(engine, offline: true))
        let receipt = try await carryOut(
            ApprovedPlan(try Flow.plan(later, orphans), approver: "test"), later, request(engine, offline: true))
        #expect(receipt.steps.allSatisfy { $0.outcome == .done }, "\(receipt.steps.map(\.reason))")
        try engine.start()
        try expectHealth(of: engine)
    }

    @Test("what a process works in is in use")
    func heldByAProcess() async throws {
        let engine = try crashedEngine()
        defer { engine.stop() }
        let layer = try #require(try await survey(request(engine)).items.first { $0.standing == .orphan }).item
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["60"]
        process.currentDirectoryURL = URL(fileURLWithPath: engine.root + "/" + layer.path.text + "/diff")
        try process.run()
        defer { process.terminate() }
        let now = try await survey(request(engine)).items.first { $0.item.paths.contains(layer.path) }
        #expect(now?.standing == .inUse)
    }

    @Test("what an image came to need after the plan was made stays")
    func claimedMeanwhile() async throws {
        let engine = try crashedEngine()
        defer { engine.stop() }
        let survey = try await survey(request(engine))
        let plan = try plan(survey, orphans)
        let id = try #require(plan.steps.first).id
        // A record of the layer, as the engine would have finished it.
        let record = engine.root + "/image/overlay2/layerdb/sha256/" + String(repeating: "a", count: 64)
        try FileManager.default.createDirectory(atPath: record, withIntermediateDirectories: true)
        try Data(id.utf8).write(to: URL(fileURLWithPath: record + "/cache-id"))
        try Data(("sha256:" + String(repeating: "b", count: 64)).utf8).write(to: URL(fileURLWithPath: record + "/diff"))
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, request(engine))
        #expect(receipt.steps.map(\.outcome) == [.skipped])
        #expect(FileManager.default.fileExists(atPath: engine.root + "/overlay2/" + id))
    }

    @Test("an engine says nothing about a root that is not its own")
    func anotherRoot() async throws {
        let engine = try crashedEngine()
        defer { engine.stop() }
        let other = try TemporaryDirectory("other")
        for name in ["containers", "image", "volumes", "overlay2"] { try other.makeDirectory(name) }
        var request = request(engine)
        request.dataRoot = other.path
        let survey = try await survey(request)
        #expect(survey.engine.state == .stopped)
        #expect(survey.root.owner == "none")
    }
}
