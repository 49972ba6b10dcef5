// SPDX-License-Identifier: Apache-2.0

import Engine
import Foundation
import TestSupport
import Testing

/// What `/volumes/data` answers on 20.10.
private let data = """
    {"CreatedAt":"2024-01-02T03:04:05Z","Driver":"local","Labels":{"keep":"no"},"Mountpoint":"/d/volumes/data/_data",
    "Name":"data","Options":{"type":"tmpfs"},"Scope":"local"}
    """

/// Asks an engine that reacts to everything but `/version` in one way.
private func ask<Value>(
    _ reaction: StubEngine.Reaction, timeout: Duration = .seconds(60), api: String = "1.41",
    _ question: (EngineClient) async throws -> Value
) async throws -> (Result<Value, EngineError>, engine: StubEngine) {
    let engine = try StubEngine { request in
        request == "GET /version" ? .json(#"{"Version":"20","ApiVersion":"\#(api)"}"#) : reaction
    }
    return try await withEngine(at: engine.host(), timeout: timeout) { client in
        do {
            return (.success(try await question(client)), engine)
        } catch let error as EngineError {
            return (.failure(error), engine)
        }
    }
}

@Suite("One volume")
struct OneVolumeTests {
    @Test("it comes with everything that makes it again")
    func whole() async throws {
        let (answer, engine) = try await ask(.json(data)) { try await $0.volume("data") }
        let volume = try answer.get()
        #expect(volume.name == "data" && volume.driver == "local" && volume.scope == "local")
        #expect(volume.mountpoint == "/d/volumes/data/_data")
        #expect(volume.labels == ["keep": "no"])
        #expect(volume.options == ["type": "tmpfs"])
        #expect(engine.requests == ["GET /version", "GET /v1.41/volumes/data"])
        #expect(engine.bodies.isEmpty)
    }

    @Test(
        "old engines leave out labels, options and scope, or say null",
        arguments: [
            #"{"Name":"data","Driver":"local","Mountpoint":"/d/volumes/data/_data"}"#,
            #"{"Name":"data","Driver":"local","Mountpoint":"/m","Labels":null,"Options":null,"Scope":null}"#,
        ])
    func old(body: String) async throws {
        let volume = try await ask(.json(body), api: "1.24") { try await $0.volume("data") }.0.get()
        #expect(volume.labels.isEmpty && volume.options.isEmpty && volume.scope.isEmpty)
    }

    @Test(
        "everything but a whole answer about it is an error",
        arguments: [
            (
                StubEngine.Reaction.answer(status: 404, body: #"{"message":"no such volume"}"#),
                EngineError.Code.notFound
            ),
            (.answer(status: 409, body: "{}"), .refused), (.answer(status: 403, body: ""), .refused),
            (.answer(status: 201, body: data), .refused), (.json(""), .notJSON), (.json("<html></html>"), .notJSON),
            (.json("{}"), .unexpectedShape), (.json("null"), .unexpectedShape), (.json("[]"), .unexpectedShape),
            (.json(#"{"Name":"data"}"#), .unexpectedShape), (.json(#"{"Name":"","Driver":"local"}"#), .unexpectedShape),
            (.json(#"{"Name":"other","Driver":"local"}"#), .unexpectedShape),
            (.json(#"{"Name":"data","Driver":"local","Labels":["a"]}"#), .unexpectedShape),
            (.json(#"{"Name":"data","Driver":"local","Labels":{"a":1}}"#), .unexpectedShape),
            (.hangUp, .incomplete),
        ] as [(StubEngine.Reaction, EngineError.Code)])
    func errors(reaction: StubEngine.Reaction, code: EngineError.Code) async throws {
        #expect(try await ask(reaction) { try await $0.volume("data") }.0.failure?.code == code)
    }

    @Test("a name that is another path is not asked for", arguments: ["", ".", "..", "a/b", "a\0"])
    func names(name: String) async throws {
        let (answer, engine) = try await ask(.json(data)) { try await $0.volume(name) }
        #expect(answer.failure?.code == .invalidName)
        #expect(engine.requests.isEmpty)
    }

    @Test("the list has labels too")
    func list() async throws {
        var answers = try Answers("20.10-overlay2")
        try answers.set("Volumes", to: "[\(data)]", in: "/volumes")
        let volumes = try await answers.engine().report().volumes.get().volumes
        #expect(volumes.map(\.labels) == [["keep": "no"]])
    }
}

@Suite("Making a volume")
struct CreateVolumeTests {
    let made = StubEngine.Reaction.answer(status: 201, body: data)

    @Test("the engine is told name, driver, options and labels, once")
    func body() async throws {
        let labels = ["a": "b \"c\" ä/\n", "com.docker.volume.anonymous": ""]
        let (answer, engine) = try await ask(made) {
            try await $0.createVolume("data", options: ["size": "1"], labels: labels)
        }
        #expect(try answer.get().name == "data")
        #expect(engine.requests == ["GET /version", "POST /v1.41/volumes/create"])
        #expect(engine.connectionCount == 2)
        let sent = try #require(
            try JSONSerialization.jsonObject(with: Data(engine.bodies.joined().utf8)) as? [String: Any])
        #expect(Set(sent.keys) == ["Name", "Driver", "DriverOpts", "Labels"])
        #expect(sent["Name"] as? String == "data" && sent["Driver"] as? String == "local")
        #expect(sent["DriverOpts"] as? [String: String] == ["size": "1"])
        #expect(sent["Labels"] as? [String: String] == labels)
    }

    @Test("a large body arrives whole")
    func large() async throws {
        let labels = ["long": String(repeating: "0123456789", count: 300_000)]
        let (answer, engine) = try await ask(made) { try await $0.createVolume("data", labels: labels) }
        #expect(answer.failure == nil)
        #expect(engine.bodies.map(\.utf8.count).allSatisfy { $0 > 3_000_000 })
    }

    @Test(
        "only status 201 with that volume means that it was made",
        arguments: [
            (StubEngine.Reaction.answer(status: 201, body: data), nil), (.json(data), EngineError.Code.refused),
            (.answer(status: 204, body: ""), .refused), (.answer(status: 400, body: ""), .refused),
            (.answer(status: 409, body: #"{"message":"a volume named data already exists"}"#), .refused),
            (.answer(status: 500, body: ""), .refused), (.answer(status: 404, body: ""), .notFound),
            (.answer(status: 201, body: ""), .notJSON), (.answer(status: 201, body: "{}"), .unexpectedShape),
            (.answer(status: 201, body: #"{"Name":"Data","Driver":"local"}"#), .unexpectedShape),
            (.bytes("HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{"), .incomplete), (.hangUp, .incomplete),
        ] as [(StubEngine.Reaction, EngineError.Code?)])
    func statuses(reaction: StubEngine.Reaction, code: EngineError.Code?) async throws {
        let (answer, engine) = try await ask(reaction) { try await $0.createVolume("data") }
        #expect(answer.failure?.code == code)
        #expect(answer.failure?.endpoint == (code == nil ? nil : "/volumes/create"))
        // Whatever became of it, it was asked for once.
        #expect(engine.requests == ["GET /version", "POST /v1.41/volumes/create"])
    }

    @Test("the engine's reason is told")
    func reason() async throws {
        let refusal = StubEngine.Reaction.answer(status: 409, body: #"{"message":"volume already exists"}"#)
        let error = try await ask(refusal) { try await $0.createVolume("data") }.0.failure
        #expect(error?.status == 409)
        #expect(error?.detail == "status 409: volume already exists")
    }

    @Test("silence is no volume")
    func silence() async throws {
        let (answer, engine) = try await ask(.silence, timeout: .seconds(1)) { try await $0.createVolume("data") }
        #expect(answer.failure?.code == .deadline)
        #expect(engine.requests.count { $0.hasPrefix("POST") } <= 1)
    }

    @Test("a name that no volume can have is not sent", arguments: ["", ".", "..", "a/b", "a\0"])
    func names(name: String) async throws {
        let (answer, engine) = try await ask(made) { try await $0.createVolume(name) }
        #expect(answer.failure?.code == .invalidName)
        #expect(engine.requests.isEmpty)
    }
}
