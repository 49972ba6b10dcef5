// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

/// Why the engine cannot be slowed down here; `nil` if it can.
private let slowEngineObstacle: String? =
    access("/usr/bin/strace", X_OK) == 0 ? LiveEngine.obstacle : "a slow engine needs /usr/bin/strace"

/// An import between the last byte of its layer and its record: no process is in the layer, and nothing names it.
@Suite(
    "An import that takes long", .enabled(if: slowEngineObstacle == nil, "\(slowEngineObstacle ?? "")"))
struct LiveInFlightTests {
    @Test("keeps its layer, even without a grace period")
    func slowImport() async throws {
        let engine = try LiveEngine()
        defer { engine.stop() }
        try engine.start()
        try engine.importBase("base:1")
        try Data("other".utf8).write(to: URL(fileURLWithPath: engine.directory.path + "/base/other"))
        let slow = try slowDown(engine)
        // It inherits that most signals are blocked.
        defer { kill(slow.processIdentifier, SIGKILL) }

        let before = try engine.layers()
        async let importing: Void = Task.detached { try engine.importBase("slow:1") }.value
        let made = try await layer(of: engine, notIn: before)
        let request = Request(
            host: "unix://" + engine.socket, graceSeconds: 0,
            now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)), caller: geteuid())
        let survey = try await survey(request)
        let names = try FileManager.default.contentsOfDirectory(
            atPath: engine.root + "/image/overlay2/layerdb/tmp")
        try #require(!names.isEmpty, "the import ended too soon for this test to say anything")
        let layer = try #require(survey.items.first { $0.item.id == made })
        #expect(layer.standing == .unknown, "\(layer.evidence)")
        #expect(layer.evidence.first?.by.contains("may be filling it") == true, "\(layer.evidence)")
        let plan = try plan(survey, Plan.Policy(kinds: ["orphans"], graceSeconds: 0, named: false, keep: []))
        #expect(plan.steps.isEmpty)

        try await importing
        kill(slow.processIdentifier, SIGKILL)
        slow.waitUntilExit()
        #expect(try engine.docker("run", "--rm", "--network", "none", "slow:1", "cat", "/other") == "other")
    }

    /// Each `fsync` of the engine takes three seconds more from now on: longer than a look at a busy host.
    private func slowDown(_ engine: LiveEngine) throws -> Process {
        let pid = try String(contentsOfFile: engine.directory.path + "/pid", encoding: .utf8)
        let strace = Process()
        strace.executableURL = URL(fileURLWithPath: "/usr/bin/strace")
        strace.arguments = [
            "-f", "-qq", "-o", "/dev/null", "-p", pid, "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=3000000",
        ]
        try strace.run()
        for _ in 0..<100 {
            usleep(50_000)
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            if !status.contains("TracerPid:\t0\n") { break }
        }
        return strace
    }

    /// The layer that was made since, once it is unpacked.
    private func layer(of engine: LiveEngine, notIn before: Set<String>) async throws -> String {
        for _ in 0..<200 {
            try await Task.sleep(for: .milliseconds(50))
            let made = try engine.layers().subtracting(before)
            guard let layer = made.first, made.count == 1,
                access(engine.root + "/overlay2/" + layer + "/diff/other", F_OK) == 0
            else { continue }
            try await Task.sleep(for: .milliseconds(500))
            return layer
        }
        throw CommandFailed(description: "the import made no layer")
    }
}
