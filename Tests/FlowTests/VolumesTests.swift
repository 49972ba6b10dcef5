// SPDX-License-Identifier: Apache-2.0

import Act
import Foundation
import Model
import Observe
import Synchronization
import TestSupport
import Testing

@testable import Flow

/// What becomes of a volume whatever the engine says, on a root whose engine is a script.
@Suite("The engine's part in removing a volume")
struct VolumesTests {
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
        #expect(try await trash(host.request).isEmpty)
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
        #expect(try await trash(host.request).flatMap(\.items).count == 1)
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
        "a directory that no engine would make a volume of again is not asked for",
        arguments: [
            ["volumes/_data"], ["volumes/_x"], ["volumes/x"], ["volumes/.."], ["volumes/a%25b"], ["volumes/%C3%A4b"],
            ["volumes/a b"], ["volumes"], ["volumes/data/_data"], ["vfs/dir/data"], ["vfs/dir/data", "volumes/data"],
            [],
        ])
    func names(paths: [String]) async throws {
        let host = try Host(removal: .kept(.answer(status: 204, body: "")))
        let volumes = volumeEngine(host.request, of: try openDataRoot(host.directory.path, caller: geteuid()))
        let step = Plan.Step(
            action: .removeVolume, kind: "volume", id: "x", names: [], paths: paths.map(RelativePath.init),
            identities: [], freesBytes: 0, inodes: 0, undo: true, why: [])
        await #expect(throws: FlowError.self) { try await volumes.describe(step) }
        await #expect(throws: FlowError.self) { try await volumes.remove(step) }
        let description = #"{"name":"x","driver":"local","labels":{}}"#
        await #expect(throws: FlowError.self) { try await volumes.create(step, description) }
        #expect(host.engine.requests.isEmpty)
    }

    @Test("a process that opened the data meanwhile gets it back")
    func openedMeanwhile() async throws {
        let host = try Host(removal: .gone(.answer(status: 204, body: "")), opensWhatIsHeld: true)
        let line = try #require(try await host.prune().steps.first)
        #expect(line.outcome == .skipped)
        #expect(line.reason.hasPrefix("put back: ") && line.reason.contains("sleep"), "\(line.reason)")
        #expect(try host.text("volumes/data/_data/f") == "hello")
        #expect(host.changes.isEmpty)
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
        #expect(try await trash(host.request).flatMap(\.items).count == 1)
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
    private let opener = Opener()

    /// - Parameter opensWhatIsHeld: a process has a file of the volume open as soon as it lies in the trash.
    init(
        removal: Removal, inspection: StubEngine.Reaction? = nil, creation: StubEngine.Reaction? = nil,
        opensWhatIsHeld: Bool = false
    ) throws {
        directory = try TemporaryDirectory("volume")
        let root = directory.path
        for folder in ["containers", "image", "network"] { try directory.makeDirectory(folder) }
        try directory.write("volumes/data/_data/f", "hello")
        let described = """
            {"Name":"data","Driver":"local","Labels":{"a":"b"},"Mountpoint":"\(root)/volumes/data/_data",
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
        engine = try StubEngine { [opener] request in
            if opensWhatIsHeld { opener.open(below: root) }
            if let answer = answers[request] { return .json(answer) }
            switch request.prefix(while: { $0 != " " }) {
            case "GET": return inspection ?? .json(described)
            case "POST":
                if let creation { return creation }
                try? FileManager.default.createDirectory(
                    atPath: "\(root)/volumes/data/_data", withIntermediateDirectories: true)
                return .answer(status: 201, body: described)
            default:
                switch removal {
                case .kept(let reaction): return reaction
                case .gone(let reaction):
                    try? FileManager.default.removeItem(atPath: "\(root)/volumes/data")
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
        #expect(try await trash(request).isEmpty)
    }
}

/// Another process on the host that opens a file.
private final class Opener: Sendable {
    private let process = Mutex<Process?>(nil)

    deinit { process.withLock { $0?.terminate() } }

    func open(below root: String) {
        process.withLock { process in
            guard process == nil, let files = FileManager.default.enumerator(atPath: root + "/.bilge") else { return }
            for case let file as String in files where file.hasSuffix("/data.0/f") {
                let sleep = Process()
                sleep.executableURL = URL(fileURLWithPath: "/usr/bin/sleep")
                sleep.arguments = ["60"]
                sleep.standardInput = FileHandle(forReadingAtPath: root + "/.bilge/" + file)
                try? sleep.run()
                process = sleep
                return
            }
        }
    }
}
