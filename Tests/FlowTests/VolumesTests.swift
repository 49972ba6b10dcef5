// SPDX-License-Identifier: Apache-2.0

import Act
import Foundation
import Model
import TestSupport
import Testing

@testable import Flow

/// What becomes of a volume whatever the engine says, on a root whose engine is a script.
@Suite("The engine's part in removing a volume")
struct VolumeEngineTests {
    @Test("a volume that the engine removed is made again as it was described")
    func thereAndBack() async throws {
        let host = try Host(removal: .gone(.answer(status: 204, body: "")))
        let receipt = try await host.prune()
        #expect(receipt.steps.map(\.outcome) == [.done], "\(receipt.steps.map(\.reason))")
        #expect(!host.exists("volumes/data"))
        #expect(try await undo(run: nil, host.request).steps.map(\.outcome) == [.done])
        #expect(try host.text("volumes/data/_data/f") == "hello")
        #expect(host.changes == ["DELETE /v1.41/volumes/data", "POST /v1.41/volumes/create"])
        #expect(
            host.engine.bodies
                == [#"{"Driver":"local","DriverOpts":{},"Labels":{"a":"b"},"Name":"data"}"#])
    }

    @Test(
        "a refusal puts the data back at once",
        arguments: [
            StubEngine.Reaction.answer(status: 409, body: #"{"message":"volume is in use - [abc]"}"#),
            .answer(status: 403, body: "Forbidden"), .answer(status: 500, body: ""), .json("{}"),
        ])
    func refused(reaction: StubEngine.Reaction) async throws {
        let host = try Host(removal: .kept(reaction))
        let line = try #require(try await host.prune().steps.first)
        #expect(line.outcome == .failed)
        #expect(line.reason.hasPrefix("put back, because the engine refused: status "), "\(line.reason)")
        #expect(try host.text("volumes/data/_data/f") == "hello")
        #expect(try trash(host.request).isEmpty)
    }

    @Test("the engine's words are told")
    func words() async throws {
        let host = try Host(removal: .kept(.answer(status: 409, body: #"{"message":"volume is in use - [abc]"}"#)))
        let reason = try await host.prune().steps.first?.reason
        #expect(reason == "put back, because the engine refused: status 409: volume is in use - [abc]")
    }

    @Test("a volume that the engine has no more is gone", arguments: [true, false])
    func gone(isThere: Bool) async throws {
        let reaction = StubEngine.Reaction.answer(status: 404, body: #"{"message":"no such volume"}"#)
        let host = try Host(removal: isThere ? .kept(reaction) : .gone(reaction))
        #expect(try await host.prune().steps.map(\.outcome) == [.done])
        #expect(try await undo(run: nil, host.request).steps.map(\.outcome) == [.done])
        #expect(try host.text("volumes/data/_data/f") == "hello")
    }

    @Test(
        "when nobody knows, the data is held, and undo brings it back",
        arguments: [StubEngine.Reaction.hangUp, .bytes("HTTP/1.1 20"), .bytes("SSH-2.0-OpenSSH_9.2\r\n\r\n")],
        [true, false])
    func unknown(reaction: StubEngine.Reaction, isThere: Bool) async throws {
        let host = try Host(removal: isThere ? .kept(reaction) : .gone(reaction))
        let line = try #require(try await host.prune().steps.first)
        // That the directory is gone says that it did it.
        #expect(line.outcome == (isThere ? .failed : .done))
        #expect(isThere == line.reason.contains("did not say whether it removed the name"))
        #expect(!host.exists("volumes/data/_data"))
        #expect(host.changes == ["DELETE /v1.41/volumes/data"])
        #expect(try await undo(run: nil, host.request).steps.map(\.outcome) == [.done])
        #expect(try host.text("volumes/data/_data/f") == "hello")
    }

    @Test("a refusal that comes after the directory went leaves the data in the trash")
    func lateRefusal() async throws {
        let host = try Host(removal: .gone(.answer(status: 500, body: #"{"message":"half done"}"#)))
        let line = try #require(try await host.prune().steps.first)
        #expect(line.outcome == .done || line.reason.contains("the data is held"))
        #expect(try trash(host.request).flatMap(\.items).count == 1)
        #expect(try await undo(run: nil, host.request).steps.map(\.outcome) == [.done])
        #expect(try host.text("volumes/data/_data/f") == "hello")
    }

    @Test(
        "what could not be made again as it is is not begun",
        arguments: [
            (#""Driver":"nfs","Options":null,"Scope":"local""#, "its driver is nfs"),
            (#""Driver":"local","Options":{"type":"nfs"},"Scope":"local""#, "mount options"),
            (#""Driver":"local","Options":null,"Scope":"global""#, "its scope is global"),
            (#""Driver":"local","Options":null,"Mountpoint":"/elsewhere""#, "its data is in /elsewhere"),
        ])
    func undescribed(fields: String, reason: String) async throws {
        let host = try Host(
            removal: .kept(.answer(status: 204, body: "")), inspection: .json(#"{"Name":"data",\#(fields)}"#))
        try await host.expectNotBegun(because: reason)
    }

    @Test(
        "what the engine does not describe is not begun",
        arguments: [
            StubEngine.Reaction.answer(status: 404, body: ""), .answer(status: 500, body: ""), .hangUp, .json("{}"),
            .json("<html></html>"), .json(#"{"Name":"other","Driver":"local"}"#),
        ])
    func noDescription(reaction: StubEngine.Reaction) async throws {
        let host = try Host(removal: .kept(.answer(status: 204, body: "")), inspection: reaction)
        try await host.expectNotBegun(because: "the engine did not describe it")
    }

    @Test(
        "a directory whose name no engine would give again stays", arguments: ["_data", "_x", "x", "a%b", "ä", "a b"])
    func names(name: String) async throws {
        let host = try Host(volume: name, removal: .kept(.answer(status: 204, body: "")))
        try await host.expectNotBegun(because: "no engine would make")
        #expect(try host.text("volumes/\(name)/_data/f") == "hello")
    }

    @Test(
        "an engine that does not make the volume again, or another one, leaves the data in the trash",
        arguments: [
            StubEngine.Reaction.answer(status: 409, body: #"{"message":"no"}"#), .answer(status: 500, body: ""),
            .hangUp,
            .answer(status: 201, body: #"{"Name":"data","Driver":"local","Labels":{"a":"c"}}"#),
        ])
    func notMade(reaction: StubEngine.Reaction) async throws {
        let host = try Host(removal: .gone(.answer(status: 204, body: "")), creation: reaction)
        _ = try await host.prune()
        let line = try #require(try await undo(run: nil, host.request).steps.first)
        #expect(line.outcome == .failed)
        #expect(line.reason.contains("the engine could not make volumes/data"), "\(line.reason)")
        #expect(try trash(host.request).flatMap(\.items).count == 1)
        #expect(host.changes.filter { $0.hasPrefix("POST") }.count == 1)
    }
}

/// A root with one volume that nobody uses, and its engine.
private struct Host {
    /// What a removal does, and what the engine says then.
    enum Removal: Sendable {
        case gone(StubEngine.Reaction)
        case kept(StubEngine.Reaction)
    }

    let directory: TemporaryDirectory
    let engine: StubEngine

    init(
        volume: String = "data", removal: Removal, inspection: StubEngine.Reaction? = nil,
        creation: StubEngine.Reaction? = nil
    ) throws {
        directory = try TemporaryDirectory("volume")
        let root = directory.path
        for folder in ["containers", "image", "network"] { try directory.makeDirectory(folder) }
        try directory.write("volumes/\(volume)/_data/f", "hello")
        let described = """
            {"Name":"\(volume)","Driver":"local","Labels":{"a":"b"},"Mountpoint":"\(root)/volumes/\(volume)/_data",
            "Options":null,"Scope":"local"}
            """
        let answers = [
            "GET /version": #"{"Version":"20.10.24","ApiVersion":"1.41"}"#,
            "GET /v1.41/info": """
            {"ID":"A","Driver":"overlay2","DriverStatus":[],"DockerRootDir":"\(root)","ServerVersion":"20.10.24",
            "Containers":0,"Images":0}
            """,
            "GET /v1.41/images/json?all=1": "[]", "GET /v1.41/containers/json?all=1": "[]",
            "GET /v1.41/plugins": "[]", "GET /v1.41/system/df": #"{"BuildCache":[]}"#,
            "GET /v1.41/volumes": #"{"Volumes":[\#(described)],"Warnings":null}"#,
        ]
        engine = try StubEngine { request in
            if let answer = answers[request] { return .json(answer) }
            switch request.prefix(while: { $0 != " " }) {
            case "GET": return inspection ?? .json(described)
            case "POST":
                if let creation { return creation }
                try? FileManager.default.createDirectory(
                    atPath: "\(root)/volumes/\(volume)/_data", withIntermediateDirectories: true)
                return .answer(status: 201, body: described)
            default:
                switch removal {
                case .kept(let reaction): return reaction
                case .gone(let reaction):
                    try? FileManager.default.removeItem(atPath: "\(root)/volumes/\(volume)")
                    return reaction
                }
            }
        }
    }

    var request: Request {
        Request(
            dataRoot: directory.path, host: engine.path, graceSeconds: 0,
            now: Timestamp(seconds: Int64(Date().timeIntervalSince1970)), caller: geteuid())
    }

    /// What the engine was asked to change.
    var changes: [String] { engine.requests.filter { !$0.hasPrefix("GET") } }

    func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: directory.path + "/" + path) }

    func text(_ path: String) throws -> String {
        try String(contentsOfFile: directory.path + "/" + path, encoding: .utf8)
    }

    func prune() async throws -> Receipt {
        let survey = try await survey(request)
        let plan = try plan(survey, Plan.Policy(kinds: ["volumes"], graceSeconds: 0, named: true, keep: []))
        #expect(plan.steps.map(\.action) == [.removeVolume], "\(plan.kept) \(survey.problems)")
        return try await carryOut(ApprovedPlan(plan, approver: "test"), survey, request)
    }

    func expectNotBegun(because reason: String) async throws {
        let line = try #require(try await prune().steps.first)
        #expect(line.outcome == .skipped)
        #expect(line.reason.contains(reason), "\(line.reason)")
        #expect(changes.isEmpty)
        #expect(try trash(request).isEmpty)
    }
}
