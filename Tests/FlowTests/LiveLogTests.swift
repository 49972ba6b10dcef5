// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

/// Logs of containers that go on writing, trimmed beside a real dockerd.
@Suite("Live logs", .serialized, .enabled(if: LiveEngine.obstacle == nil, "\(LiveEngine.obstacle ?? "")"))
struct LiveLogTests {
    private func request(_ engine: LiveEngine) -> Request {
        Request(
            host: "unix://" + engine.socket, now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)),
            caller: geteuid())
    }

    /// A container that writes numbered lines, about 3 MB a second, for as long as it lives.
    private func startWriter(_ engine: LiveEngine, _ name: String, _ options: [String] = []) throws {
        let script = """
            i=0; while :; do i=$((i+1)); echo "line $i \(String(repeating: "x", count: 200))"
            case $i in *000) sleep 0.05;; esac; done
            """
        var arguments = ["run", "-d", "--network", "none", "--name", name] + options
        arguments += ["base:1", "sh", "-c", script]
        try run(
            ["/usr/bin/docker", "-H", "unix://" + engine.socket] + arguments,
            environment: ProcessInfo.processInfo.environment)
    }

    private func size(_ engine: LiveEngine, _ name: String) async throws -> Int64 {
        let survey = try await survey(request(engine))
        return logs(survey).first { $0.container.name == name }?.sizeBytes ?? 0
    }

    /// Until the log is that large.
    private func wait(_ engine: LiveEngine, _ name: String, for bytes: Int64) async throws {
        for _ in 0..<100 {
            if try await size(engine, name) >= bytes { return }
            usleep(200_000)
        }
        Issue.record("the log of \(name) does not grow to \(bytes) bytes")
    }

    private func trim(_ engine: LiveEngine, _ name: String, to keep: Int64) async throws -> Receipt {
        let survey = try await survey(request(engine))
        let id = try #require(survey.catalog.containers.first { $0.name == name }?.id)
        let plan = try logTrimPlan(survey, to: keep, only: [id])
        #expect(plan.steps.count == 1, "\(plan.kept)")
        return try await carryOut(ApprovedPlan(plan, approver: "test"), survey, request(engine))
    }

    @Test("while its container writes, a log is trimmed again and again, and docker logs misses no line")
    func jsonFile() async throws {
        let engine = try LiveEngine()
        try engine.start()
        defer { engine.stop() }
        try engine.importBase("base:1")
        try startWriter(engine, "web")
        let started = try engine.docker("inspect", "-f", "{{.State.StartedAt}} {{.State.Pid}}", "web")
        var last = 0
        for round in 0..<4 {
            try await wait(engine, "web", for: round == 0 ? 16_000_000 : 4_000_000)
            let receipt = try await trim(engine, "web", to: 1_000_000)
            #expect(receipt.steps.map(\.outcome) == [.done], "\(receipt.steps.map(\.reason))")
            let seen = try loggedNumbers(try engine.docker("logs", "web"))
            #expect(seen.lowerBound > 1 && seen.upperBound > last && seen.count > 1500)
            // The writer went on meanwhile: nothing between two looks is missing.
            if round > 0 { #expect(seen.lowerBound > last / 2) }
            last = seen.upperBound
            #expect(try loggedNumbers(try engine.docker("logs", "--tail", "100", "web")).count == 100)
            let recent = try loggedNumbers(try engine.docker("logs", "--since", "1s", "web"))
            #expect(recent.upperBound > last - 1 && recent.lowerBound >= seen.lowerBound)
        }
        #expect(try engine.docker("inspect", "-f", "{{.State.StartedAt}} {{.State.Pid}}", "web") == started)
        #expect(try await size(engine, "web") < 40_000_000)
    }

    @Test("the local driver's log is trimmed before its first rotation, and then left to the engine")
    func local() async throws {
        let engine = try LiveEngine()
        try engine.start()
        defer { engine.stop() }
        try engine.importBase("base:1")
        try startWriter(engine, "web", ["--log-driver", "local", "--log-opt", "max-size=200m"])
        try await wait(engine, "web", for: 8_000_000)
        let receipt = try await trim(engine, "web", to: 1_000_000)
        #expect(receipt.steps.map(\.outcome) == [.done], "\(receipt.steps.map(\.reason))")
        let seen = try loggedNumbers(try engine.docker("logs", "web"))
        #expect(seen.lowerBound > 1 && seen.count > 1500)
        // Going back from the end, by the lengths behind the entries.
        #expect(try loggedNumbers(try engine.docker("logs", "--tail", "100", "web")).count == 100)
        let all = try loggedNumbers(try engine.docker("logs", "--tail", "100000000", "web"))
        #expect(all.lowerBound == seen.lowerBound)
        let survey = try await survey(request(engine))
        let again = try planLogTrims(survey, to: 200_000)
        #expect(again.steps.isEmpty && again.kept.first?.why.first?.contains("rotates") == true, "\(again)")
    }

    @Test("what the engine has rotated is left alone while it runs, and trimmed when it stopped")
    func rotated() async throws {
        let engine = try LiveEngine()
        try engine.start()
        defer { engine.stop() }
        try engine.importBase("base:1")
        try startWriter(engine, "web", ["--log-opt", "max-size=3m", "--log-opt", "max-file=2"])
        for _ in 0..<100 {
            let survey = try await survey(request(engine))
            if logs(survey).first?.files.count == 2 { break }
            usleep(200_000)
        }
        let survey = try await survey(request(engine))
        #expect(logs(survey).first?.files.count == 2)
        let plan = try planLogTrims(survey, to: 130_000, only: Set(survey.catalog.containers.map(\.id)))
        // Just after a rotation the current file may be smaller than that.
        #expect(plan.steps.isEmpty, "\(plan.kept)")
        try engine.docker("kill", "web")
        let before = try loggedNumbers(try engine.docker("logs", "web"))
        let stopped = try await Flow.survey(request(engine))
        if let current = logs(stopped).first?.current, current.sizeBytes > 300_000 {
            let receipt = try await trim(engine, "web", to: 200_000)
            #expect(receipt.steps.map(\.outcome) == [.done], "\(receipt.steps.map(\.reason))")
            let tail = try loggedNumbers(try engine.docker("logs", "--tail", "50", "web"))
            #expect(tail.upperBound == before.upperBound)
        }
    }
}

/// The numbers in what `docker logs` printed: one after the other, no line broken.
func loggedNumbers(_ text: String) throws -> ClosedRange<Int> {
    var last: Int?
    var first = 0
    for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        try #require(words.count == 3 && words[0] == "line" && words[2].count == 200, "\(line.prefix(300))")
        let number = try #require(Int(words[1]))
        if let last { try #require(number == last + 1) } else { first = number }
        last = number
    }
    return first...(try #require(last))
}
