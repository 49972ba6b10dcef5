// SPDX-License-Identifier: Apache-2.0

import Engine
import Foundation
import Model
import TestSupport
import Testing

/// What a real engine answered, as a table of requests that a stub engine replays. See `Answers/README.md`.
struct Answers: Sendable, CustomStringConvertible {
    let description: String
    /// By endpoint, without method and version.
    var bodies: [String: String]
    let api: String

    init(_ name: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Answers")
        try self.init(
            name, contentsOf: folder.appendingPathComponent(name + ".json"), images: "images", containers: "containers")
    }

    /// Reads a fixture, or a truth file of a golden root, whose keys are a little different.
    init(_ name: String, contentsOf file: URL, images: String, containers: String) throws {
        let all = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        description = name
        bodies = [
            "/version": try text(all["version"]), "/info": try text(all["info"]),
            "/images/json?all=1": try text(all[images]), "/containers/json?all=1": try text(all[containers]),
            "/volumes": try text(all["volumes"]), "/plugins": try text(all["plugins"]),
            "/system/df": try text(all["system_df"]), "/system/df?type=build-cache": try text(all["system_df"]),
            "/system/df?type=build-cache&verbose=1": try text(all["system_df_v"] ?? all["system_df"]),
        ]
        for (id, value) in all["image_inspect"] as? [String: Any] ?? [:] {
            bodies["/images/\(id)/json"] = try text(value)
        }
        for (id, value) in all["container_inspect"] as? [String: Any] ?? [:] {
            bodies["/containers/\(id)/json"] = try text(value)
        }
        api = try #require((all["version"] as? [String: Any])?["ApiVersion"] as? String)
    }

    /// The method and target under which an engine of this version is asked for an endpoint.
    func request(_ endpoint: String) -> String {
        endpoint == "/version" ? "GET /version" : "GET /v\(api)\(endpoint)"
    }

    /// An engine that gives these answers, except to the endpoints in `reactions`.
    func engine(except reactions: [String: StubEngine.Reaction] = [:]) throws -> StubEngine {
        var table: [String: StubEngine.Reaction] = [:]
        for (endpoint, body) in bodies { table[request(endpoint)] = .json(body) }
        for (endpoint, reaction) in reactions { table[request(endpoint)] = reaction }
        return try StubEngine { [table] in table[$0] ?? .answer(status: 404, body: #"{"message":"page not found"}"#) }
    }
}

private func text(_ value: Any?) throws -> String {
    let data = try JSONSerialization.data(
        withJSONObject: try #require(value), options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
}

struct DidNotAnswer: Error {}

extension StubEngine {
    func host() throws -> EngineHost { try EngineHost(path) }

    func ask(
        _ questions: EngineClient.Questions = .init(), timeout: Duration = .seconds(60)
    ) async throws -> EngineAnswer {
        try await withEngine(at: host(), timeout: timeout) { await $0.ask(questions) }
    }

    /// The report; fails the test if nobody answered.
    func report(_ questions: EngineClient.Questions = .init(), timeout: Duration = .seconds(60)) async throws
        -> EngineReport
    {
        guard case .answered(let report) = try await ask(questions, timeout: timeout) else {
            throw DidNotAnswer()
        }
        return report
    }
}

extension Result {
    /// The error of a reply, or `nil` for an answer.
    var failure: Failure? {
        switch self {
        case .success: nil
        case .failure(let error): error
        }
    }
}

extension EngineAnswer {
    /// The error of an engine that did not answer.
    var error: EngineError? {
        switch self {
        case .answered: nil
        case .nobodyThere(let error), .cannotTell(let error): error
        }
    }
}

extension Answers {
    /// Puts a value, given as JSON, into an object; `nil` takes the key out.
    mutating func set(_ key: String, to json: String?, in endpoint: String) throws {
        let body = Data(try #require(bodies[endpoint]).utf8)
        var object = try #require(try JSONSerialization.jsonObject(with: body) as? [String: Any])
        object[key] = try json.map { try JSONSerialization.jsonObject(with: Data($0.utf8), options: .fragmentsAllowed) }
        bodies[endpoint] = try text(object)
    }
}
