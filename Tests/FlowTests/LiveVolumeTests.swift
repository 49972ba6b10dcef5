// SPDX-License-Identifier: Apache-2.0

import Act
import Foundation
import Model
import TestSupport
import Testing

@testable import Flow

@Suite(
    "Volumes of a live engine", .serialized,
    .enabled(if: LiveEngine.obstacle == nil, "\(LiveEngine.obstacle ?? "a live engine runs here")"))
struct LiveVolumeTests {
    @Test("what no container mounts goes through the engine, and comes back with its labels and data")
    func thereAndBack() async throws {
        let live = try Volumes()
        defer { live.engine.stop() }
        #expect(try await live.plan(named: false).plan.steps.map(\.id) == [live.anonymous])

        let (survey, plan) = try await live.plan(named: true)
        #expect(Set(plan.steps.map(\.id)) == [live.anonymous, "labelled"])
        #expect(plan.steps.allSatisfy { $0.action == .removeVolume && $0.kind == "volume" })
        let opted = plan.kept.first { $0.id == "opted" }
        #expect(opted?.why.contains { $0.contains("options") } == true)
        let before = try live.objects()
        let trees = try live.trees()
        let known = try live.inspected()
        #expect(trees["labelled"]?.entries.count == 11 && trees["labelled"]?.directoryTimes.count == 4)

        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, live.request)
        #expect(receipt.steps.map(\.outcome) == [.done, .done], "\(receipt.steps.map(\.reason))")
        #expect(try live.listed() == ["used", "opted"])
        #expect(try live.directories() == ["used", "opted"])
        #expect(try live.content(of: "used") == "of used")
        #expect(try await trash(live.request).flatMap(\.items).count == 2)

        let undone = try await undo(run: nil, live.request)
        #expect(undone.steps.map(\.outcome) == [.done, .done], "\(undone.steps.map(\.reason))")
        #expect(try live.listed() == [live.anonymous, "labelled", "used", "opted"])
        #expect(try live.labels(of: "labelled") == ["team": "ä \"b\"", "empty": ""])
        #expect(try live.content(of: "labelled") == "of labelled")
        #expect(try live.content(of: live.anonymous) == "of anonymous")
        // The very same directories, not copies.
        #expect(try live.objects() == before)
        #expect(try live.inspected() == known)
        for (volume, tree) in try live.trees() {
            #expect(tree == trees[volume], "\(volume): \(tree.differences(from: trees[volume]!))")
            #expect(tree.directoryTimes == trees[volume]?.directoryTimes, "\(volume)")
        }
        #expect(try await trash(live.request).isEmpty)
        #expect(!FileManager.default.fileExists(atPath: live.engine.root + "/.bilge"))

        // The engine knows them as it did before: they can go and come again.
        live.engine.stop()
        try live.engine.start()
        #expect(try live.listed() == [live.anonymous, "labelled", "used", "opted"])
        #expect(try live.labels(of: "labelled") == ["team": "ä \"b\"", "empty": ""])
    }

    @Test("a volume that a container came to mount after the plan stays")
    func mountedMeanwhile() async throws {
        let live = try Volumes()
        defer { live.engine.stop() }
        let (survey, plan) = try await live.plan(named: true)
        try live.engine.docker("create", "--network", "none", "-v", "labelled:/data", "base:1", "true")
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, live.request)
        let outcomes = Dictionary(uniqueKeysWithValues: receipt.steps.map { ($0.step.id, $0.outcome) })
        #expect(outcomes == [live.anonymous: .done, "labelled": .skipped])
        #expect(try live.listed() == ["labelled", "used", "opted"])
        #expect(try live.content(of: "labelled") == "of labelled")
    }

    @Test("without the engine nothing comes back, nothing is lost, and the line says why")
    func withoutEngine() async throws {
        let live = try Volumes()
        defer { live.engine.stop() }
        let (survey, plan) = try await live.plan(named: true)
        _ = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, live.request)

        var offline = live.request
        offline.offline = true
        let unasked = try await undo(run: nil, offline)
        #expect(unasked.steps.map(\.outcome) == [.failed, .failed])
        #expect(unasked.steps.allSatisfy { $0.reason.contains("only the engine can make") })

        live.engine.stop()
        let unheard = try await undo(run: nil, live.request)
        #expect(unheard.steps.map(\.outcome) == [.failed, .failed])
        #expect(unheard.steps.allSatisfy { $0.reason.contains("there is no such socket") }, "\(unheard.steps)")
        #expect(try live.directories() == ["used", "opted"])

        try live.engine.start()
        let undone = try await undo(run: nil, live.request)
        #expect(undone.steps.map(\.outcome) == [.done, .done], "\(undone.steps.map(\.reason))")
        #expect(try live.content(of: "labelled") == "of labelled")
        #expect(try live.content(of: live.anonymous) == "of anonymous")
    }

    @Test("a name that somebody uses again is not taken from him")
    func usedAgain() async throws {
        let live = try Volumes()
        defer { live.engine.stop() }
        let (survey, plan) = try await live.plan(named: true)
        _ = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, live.request)
        try live.write("of somebody else", to: "labelled")

        let undone = try await undo(run: nil, live.request)
        let reasons = Dictionary(uniqueKeysWithValues: undone.steps.map { ($0.step.id, $0.reason) })
        #expect(reasons[live.anonymous] == "")
        #expect(reasons["labelled"]?.contains("in use again") == true)
        #expect(try live.content(of: "labelled") == "of somebody else")

        try live.engine.docker("volume", "rm", "labelled")
        #expect(try await undo(run: nil, live.request).steps.map(\.outcome) == [.done])
        #expect(try live.content(of: "labelled") == "of labelled")
    }

    @Test("the engine of another root is not asked to make a volume again")
    func otherEngine() async throws {
        let live = try Volumes()
        defer { live.engine.stop() }
        let (survey, plan) = try await live.plan(named: true)
        _ = try await carryOut(ApprovedPlan(plan, approver: "test"), survey, live.request)
        let other = try LiveEngine()
        defer { other.stop() }
        try other.start()
        var request = live.request
        request.host = "unix://" + other.socket
        let undone = try await undo(run: nil, request)
        #expect(undone.steps.map(\.outcome) == [.failed, .failed])
        #expect(undone.steps.allSatisfy { $0.reason.contains("not proven to work on") }, "\(undone.steps)")
        #expect(try other.docker("volume", "ls", "-q") == "")
        #expect(try await undo(run: nil, live.request).steps.map(\.outcome) == [.done, .done])
    }
}

/// An engine with four volumes: one that a container left behind, one with a name and labels, one that a container
/// mounts, and one whose data is elsewhere.
private struct Volumes {
    let engine: LiveEngine
    /// The name that the engine gave.
    let anonymous: String

    init() throws {
        engine = try LiveEngine()
        try engine.start()
        try engine.importBase("base:1")
        try engine.docker(
            "run", "--name", "leaver", "--network", "none", "-v", "/data", "base:1", "sh", "-c",
            "echo of anonymous > /data/f")
        try engine.docker("rm", "leaver")
        anonymous = try engine.docker("volume", "ls", "-q").trimmingCharacters(in: .whitespacesAndNewlines)
        try engine.docker("volume", "create", "--label", "team=ä \"b\"", "--label", "empty=", "labelled")
        try engine.docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "opted")
        try write("of labelled", to: "labelled")
        try fill("labelled")
        try write("of used", to: "used")
        try engine.docker("create", "--network", "none", "-v", "used:/data", "base:1", "true")
    }

    var request: Request {
        Request(
            dataRoot: engine.root, host: "unix://" + engine.socket, graceSeconds: 0,
            now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)), caller: geteuid())
    }

    func plan(named: Bool) async throws -> (Survey, plan: Plan) {
        let survey = try await survey(request)
        let policy = Plan.Policy(kinds: ["volumes"], graceSeconds: 0, named: named, keep: [])
        return (survey, try Flow.plan(survey, policy))
    }

    /// Everything a tree can have: modes, owners, old times, links of both kinds, a pipe, a hole, attributes, odd names.
    private func fill(_ volume: String) throws {
        try run([
            "sh", "-ec",
            """
            cd "$1"; mkdir -p a/b empty; head -c 300000 /dev/urandom > a/b/data; printf x > 'a/name with "quotes" ä'
            ln a/b/data a/hard; ln -s ../nowhere a/soft; mkfifo a/pipe; truncate -s 5M a/hole; printf y >> a/hole
            printf '#!/bin/sh\\n' > a/run; chown 999:998 a/run a/b; chmod 4750 a/run; chmod 1777 empty
            setfattr -n user.note -v 'of ours' a/b/data; setfattr -n trusted.t -v 1 a/b
            touch -h -d 2001-02-03T04:05:06.123456789Z a/soft a/run; touch -d 1999-01-01 a/b empty a
            """, "sh", "\(engine.root)/volumes/\(volume)/_data",
        ])
    }

    /// What each volume's data is, in every respect.
    func trees() throws -> [String: TreeSnapshot] {
        var trees: [String: TreeSnapshot] = [:]
        for volume in try directories() {
            trees[volume] = try TreeSnapshot(of: "\(engine.root)/volumes/\(volume)/_data")
        }
        return trees
    }

    /// What the engine says of each volume.
    func inspected() throws -> [String: String] {
        var answers: [String: String] = [:]
        for volume in try listed() {
            answers[volume] = try engine.docker(
                "volume", "inspect", "-f",
                // What has no labels or options has `null` or `{}`, which mean the same.
                "{{.Name}} {{.Driver}} {{.Scope}} {{.Mountpoint}} {{range $key, $value := .Labels}}{{$key}}={{$value}} "
                    + "{{end}}; {{range $key, $value := .Options}}{{$key}}={{$value}} {{end}}", volume)
        }
        return answers
    }

    func write(_ text: String, to volume: String) throws {
        try engine.docker(
            "run", "--rm", "--network", "none", "-v", "\(volume):/data", "base:1", "sh", "-c", "echo \(text) > /data/f")
    }

    /// As a container sees it.
    func content(of volume: String) throws -> String {
        try engine.docker("run", "--rm", "--network", "none", "-v", "\(volume):/data", "base:1", "cat", "/data/f")
            .trimmingCharacters(in: .newlines)
    }

    func listed() throws -> Set<String> {
        Set(try engine.docker("volume", "ls", "-q").split(separator: "\n").map(String.init))
    }

    /// What the engine does not list must not be there either.
    func directories() throws -> Set<String> {
        let names = try FileManager.default.contentsOfDirectory(atPath: engine.root + "/volumes")
        return Set(names).subtracting(["metadata.db", "backingFsBlockDev"])
    }

    func labels(of volume: String) throws -> [String: String] {
        let text = try engine.docker("volume", "inspect", "-f", "{{json .Labels}}", volume)
        return try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
    }

    /// Who the data of each volume is.
    func objects() throws -> [String: UInt64] {
        var objects: [String: UInt64] = [:]
        for volume in try directories() {
            let path = "\(engine.root)/volumes/\(volume)/_data"
            objects[volume] = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64
        }
        return objects
    }
}
