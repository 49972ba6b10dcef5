// SPDX-License-Identifier: Apache-2.0

import Engine
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("The client")
struct ClientTests {
    static let lists = ["/info", "/images/json?all=1", "/containers/json?all=1", "/volumes", "/plugins"]
    static let all20 = lists + ["/system/df"]

    /// The error of the endpoint, wherever it is in a report.
    func failure(_ endpoint: String, in report: EngineReport) -> EngineError? {
        switch endpoint {
        case "/info": report.info.failure
        case "/images/json?all=1": report.images.failure
        case "/containers/json?all=1": report.containers.failure
        case "/volumes": report.volumes.failure
        case "/plugins": report.plugins.failure
        default: report.buildCache?.failure
        }
    }

    @Test("a complete run of a 20.10 engine has no errors")
    func complete20() async throws {
        let report = try await Answers("20.10-overlay2").engine().report()
        let info = try report.info.get()
        #expect(report.api == APIVersion(1, 41))
        #expect(report.version.version == "20.10.24+dfsg1")
        #expect(report.peerPID == getpid())
        #expect(info.driver == "overlay2")
        #expect(info.imageStore == .graphdriver)
        #expect(info.dockerRootDir == "/srv/docker/a20/r")
        #expect(info.liveRestoreEnabled == false)
        #expect(info.swarmState == "inactive")
        #expect((info.containers, info.images) == (8, 19))
        #expect(try report.containers.get().map(\.name) == ["created1", "fromcommit", "vf"])
        #expect(report.containerDetails.values.count == 3)
        #expect(report.containerDetails.failures.isEmpty)
        #expect(try report.images.get().count == 8)
        #expect(report.imageDetails?.values.count == 8)
        #expect(try report.volumes.get().volumes.count == 5)
        #expect(try report.buildCache?.get().count == 3)
        #expect(try report.plugins.get().map(\.name) == ["my/plug:latest"])
    }

    @Test("a 29.7 engine answers in its own version, and only the build cache is measured")
    func complete29() async throws {
        let engine = try Answers("29.7-overlay2").engine()
        let report = try await engine.report()
        #expect(report.api == APIVersion(1, 55))
        #expect(engine.requests.contains("GET /v1.55/system/df?type=build-cache&verbose=1"))
        #expect(try report.buildCache?.get().count == 3)
        #expect(report.containerDetails.values.allSatisfy { $0.layers?.data?["UpperDir"] != nil })
    }

    @Test("the containerd image store is recognised, and GraphDriver may be absent")
    func containerd() async throws {
        let report = try await Answers("29.7-containerd").engine().report()
        #expect(try report.info.get().imageStore == .containerd)
        #expect(try report.info.get().driver == "overlayfs")
        #expect(report.containerDetails.failures.isEmpty)
        #expect(report.containerDetails.values.allSatisfy { $0.layers == nil })
    }

    @Test("only what was asked for is asked")
    func questions() async throws {
        let engine = try Answers("20.10-overlay2").engine()
        let report = try await engine.report(.init(imageLayers: false, buildCache: false))
        #expect(report.imageDetails == nil && report.buildCache == nil)
        #expect(!engine.requests.contains { $0.contains("/images/sha256") || $0.contains("/system/df") })
    }

    @Test(
        "whoever is in a hurry does not let an old engine measure everything",
        arguments: [("20.10-overlay2", false), ("29.7-overlay2", true)])
    func quickly(name: String, isAsked: Bool) async throws {
        let engine = try Answers(name).engine()
        let report = try await engine.report(.init(imageLayers: false, allowsMeasuring: false))
        #expect((report.buildCache != nil) == isAsked)
        #expect(engine.requests.contains { $0.contains("/system/df") } == isAsked)
    }

    @Test("an old engine is asked in its own version, and not for what it does not have")
    func oldest() async throws {
        let engine = try StubEngine([
            "GET /version": #"{"Version":"1.12.6","ApiVersion":"1.24","Os":"linux"}"#,
            "GET /v1.24/info": """
            {"ID":"A","Driver":"aufs","DriverStatus":[["Root Dir","/g/aufs"]],"DockerRootDir":"/g","ServerVersion":"1.12.6",
            "Containers":0,"Images":0}
            """,
            "GET /v1.24/images/json?all=1": "[]", "GET /v1.24/containers/json?all=1": "[]",
            "GET /v1.24/volumes": #"{"Volumes":null,"Warnings":null}"#,
        ])
        let report = try await engine.report()
        #expect(report.api == APIVersion(1, 24))
        #expect(report.version.lowestAPI == nil)
        #expect(try report.info.get().liveRestoreEnabled == nil)
        #expect(try report.volumes.get().volumes.isEmpty)
        #expect(try report.plugins.get().isEmpty)
        #expect(try report.buildCache?.get().isEmpty == true)
        #expect(!engine.requests.contains { $0.contains("plugins") || $0.contains("df") })
    }

    @Test(
        "engines that speak no common version are not asked further",
        arguments: [
            (#"{"Version":"1.9.1","ApiVersion":"1.21"}"#, EngineError.Code.unsupportedVersion),
            (#"{"Version":"99","ApiVersion":"1.90","MinAPIVersion":"1.60"}"#, .unsupportedVersion),
            (#"{"Version":"99","ApiVersion":"one"}"#, .unexpectedShape),
            (#"{"ApiVersion":"1.41"}"#, .unexpectedShape),
            (#"[]"#, .unexpectedShape), (#""#, .notJSON), ("<html>hello</html>", .notJSON),
        ])
    func versions(body: String, code: EngineError.Code) async throws {
        let engine = try StubEngine(["GET /version": body])
        let answer = try await engine.ask()
        guard case .cannotTell(let error) = answer else { throw DidNotAnswer() }
        #expect(error.code == code)
        #expect(engine.requests == ["GET /version"])
    }

    @Test("a newer engine is asked in the newest version that we speak")
    func newer() async throws {
        let engine = try StubEngine(["GET /version": #"{"Version":"31","ApiVersion":"1.70","MinAPIVersion":"1.44"}"#])
        #expect(try await engine.report().api == APIVersion(1, 55))
    }

    @Test(
        "one endpoint that does not answer is one error", .serialized, arguments: all20,
        [
            (StubEngine.Reaction.answer(status: 403, body: "Forbidden"), EngineError.Code.refused),
            (.answer(status: 500, body: #"{"message":"a disk usage operation is already running"}"#), .refused),
            (.answer(status: 503, body: ""), .refused), (.answer(status: 204, body: ""), .refused),
            (.answer(status: 301, body: ""), .refused), (.answer(status: 404, body: ""), .notFound),
            (.json(""), .notJSON), (.json("[{]"), .notJSON), (.json("<html></html>"), .notJSON),
            (.json("[] x"), .notJSON),
            (.json("null"), .unexpectedShape), (.json("{}"), .unexpectedShape), (.json("[{}]"), .unexpectedShape),
            (.json("[null]"), .unexpectedShape), (.json("7"), .unexpectedShape),
            (.bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]"), .incomplete),
            (.bytes("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n[]"), .notJSON),
            (.bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n"), .incomplete),
        ] as [(StubEngine.Reaction, EngineError.Code)])
    func oneFails(endpoint: String, reaction: (StubEngine.Reaction, EngineError.Code)) async throws {
        let report = try await Answers("20.10-overlay2").engine(except: [endpoint: reaction.0]).report()
        #expect(failure(endpoint, in: report)?.code == reaction.1)
        #expect(failure(endpoint, in: report)?.endpoint == endpoint)
        for other in Self.all20 where other != endpoint { #expect(failure(other, in: report) == nil) }
    }

    @Test("an endpoint that hangs is an error at the deadline, and the others have answered")
    func hangs() async throws {
        let engine = try Answers("20.10-overlay2").engine(except: ["/system/df": .silence])
        let report = try await engine.report(timeout: .seconds(10))
        #expect(report.buildCache?.failure?.code == .deadline)
        #expect(report.containers.failure == nil && report.containerDetails.values.count == 3)
    }

    @Test("an engine that hangs altogether cannot be told from one that is not there")
    func hangsAltogether() async throws {
        let answer = try await StubEngine { _ in .silence }.ask(timeout: .seconds(0.3))
        #expect(answer.error?.code == .deadline)
        guard case .cannotTell = answer else { throw DidNotAnswer() }
    }

    @Test("null is no list, except where old engines write it for none")
    func nulls() async throws {
        var answers = try Answers("20.10-overlay2")
        answers.bodies["/volumes"] = #"{"Volumes":null,"Warnings":null}"#
        answers.bodies["/system/df"] = #"{"BuildCache":null}"#
        answers.bodies["/containers/json?all=1"] = "null"
        let report = try await answers.engine().report()
        #expect(report.volumes.failure?.code == .unexpectedShape)
        #expect(report.containers.failure?.code == .unexpectedShape)
        #expect(try report.buildCache?.get().isEmpty == true)
    }

    @Test("a build cache that an engine of its age lists cannot be missing")
    func missingBuildCache() async throws {
        var answers = try Answers("29.7-overlay2")
        let endpoint = "/system/df?type=build-cache&verbose=1"
        for (body, expected) in [
            (#"{"LayersSize":1}"#, nil), (#"{"BuildCacheUsage":{"TotalCount":2}}"#, nil),
            (#"{"BuildCacheUsage":{"TotalCount":0}}"#, 0), (#"{"BuildCacheUsage":{}}"#, 0),
            (#"{"BuildCache":[],"BuildCacheUsage":{"TotalCount":2}}"#, nil),
            (#"{"BuildCacheUsage":{"TotalCount":1,"Items":[{"ID":"x","InUse":true}]}}"#, 1),
        ] as [(String, Int?)] {
            answers.bodies[endpoint] = body
            let reply = try await answers.engine().report().buildCache
            #expect(reply?.failure?.code == (expected == nil ? .unexpectedShape : nil), "\(body)")
            if let expected { #expect(try reply?.get().count == expected) }
        }
    }

    @Test("containers that went away between list and inspection are no error", arguments: 1...2)
    func vanished(times: Int) async throws {
        let answers = try Answers("20.10-overlay2")
        let left = try #require(
            JSONSerialization.jsonObject(with: Data(answers.bodies["/containers/json?all=1"]!.utf8)) as? [[String: Any]]
        ).filter { !($0["Id"] as? String ?? "").hasPrefix("f") }
        // Each list but the last has another one that is gone when it is asked about.
        var bodies: [String] = []
        for number in 1...times {
            let gone: [String: Any] = ["Id": String(repeating: "f", count: 63) + String(number), "Names": ["/gone"]]
            bodies.append(String(decoding: try JSONSerialization.data(withJSONObject: left + [gone]), as: UTF8.self))
        }
        bodies.append(String(decoding: try JSONSerialization.data(withJSONObject: left), as: UTF8.self))
        let lists = Mutex(bodies[...])
        let engine = try StubEngine { request in
            let endpoint = String(request.dropFirst(request == "GET /version" ? 4 : "GET /v1.41".count))
            if endpoint == "/containers/json?all=1" { return lists.withLock { .json($0.popFirst() ?? "") } }
            return answers.bodies[endpoint].map(StubEngine.Reaction.json) ?? .answer(status: 404, body: "{}")
        }
        let report = try await engine.report()
        #expect(lists.withLock { $0.isEmpty })
        #expect(report.containerDetails.failures.isEmpty)
        #expect(try report.containers.get().count == 2)
        #expect(report.containerDetails.values.count == 2)
    }

    @Test("a container that is listed but cannot be found is an error")
    func contradiction() async throws {
        let answers = try Answers("20.10-overlay2")
        let gone = try #require(answers.bodies.keys.first { $0.hasPrefix("/containers/f") })
        let report = try await answers.engine(except: [gone: .answer(status: 404, body: "")]).report()
        #expect(report.containerDetails.failures.map(\.endpoint) == [gone])
        #expect(report.containerDetails.values.count == 2)
    }

    @Test("an answer about another container is an error")
    func another() async throws {
        var answers = try Answers("20.10-overlay2")
        let endpoints = answers.bodies.keys.filter { $0.hasPrefix("/containers/") && $0.hasSuffix("/json") }.sorted()
        answers.bodies[endpoints[0]] = answers.bodies[endpoints[1]]
        let report = try await answers.engine().report()
        #expect(report.containerDetails.failures.map(\.code) == [.unexpectedShape])
    }

    @Test("many containers are inspected over few connections, each once")
    func many() async throws {
        let ids = (0..<500).map { String(repeating: "0", count: 61) + String($0 + 100) }
        let list = "[" + ids.map { #"{"Id":"\#($0)","Names":["/n"]}"# }.joined(separator: ",") + "]"
        let image = "sha256:" + String(repeating: "a", count: 64)
        let engine = try StubEngine { request in
            if request == "GET /version" { return .json(#"{"Version":"20","ApiVersion":"1.41"}"#) }
            if request.hasSuffix("/containers/json?all=1") { return .json(list) }
            guard let id = request.split(separator: "/").dropLast().last, id.count == 64 else { return .json("[]") }
            return .json(
                #"{"Id":"\#(id)","Name":"/n","Image":"\#(image)","Driver":"vfs","State":{"Status":"exited"},"Mounts":[]}"#
            )
        }
        let report = try await engine.report(.init(imageLayers: false, buildCache: false))
        #expect(Set(report.containerDetails.values.map(\.id)) == Set(ids))
        #expect(engine.connectionCount <= 12)
        #expect(engine.requests.count == 500 + 6)
    }

    @Test("a daemon's words reach nobody's terminal as they are")
    func escapes() async throws {
        let body = #"{"message":"no \u001b]0;x\u0007"}"#
        let engine = try Answers("20.10-overlay2").engine(except: ["/volumes": .answer(status: 500, body: body)])
        let detail = try #require(try await engine.report().volumes.failure?.detail)
        #expect(detail == "status 500: no %1B]0;x%07")
    }
}

@Suite("Removing a volume")
struct RemoveVolumeTests {
    func remove(
        _ name: String, _ reaction: StubEngine.Reaction, timeout: Duration = .seconds(60)
    ) async throws -> (EngineError?, requests: [String]) {
        let engine = try StubEngine { request in
            request == "GET /version" ? .json(#"{"Version":"20","ApiVersion":"1.41"}"#) : reaction
        }
        let error = try await withEngine(at: engine.host(), timeout: timeout) { client -> EngineError? in
            do throws(EngineError) {
                try await client.removeVolume(name)
                return nil
            } catch {
                return error
            }
        }
        return (error, engine.requests)
    }

    @Test(
        "only status 204 means that it is gone",
        arguments: [
            (StubEngine.Reaction.answer(status: 204, body: ""), nil), (.json(""), EngineError.Code.refused),
            (.answer(status: 404, body: #"{"message":"no such volume"}"#), .notFound),
            (.answer(status: 409, body: #"{"message":"volume is in use"}"#), .refused),
            (.answer(status: 403, body: ""), .refused), (.hangUp, .incomplete),
        ] as [(StubEngine.Reaction, EngineError.Code?)])
    func statuses(reaction: StubEngine.Reaction, code: EngineError.Code?) async throws {
        let (error, requests) = try await remove("data", reaction)
        #expect(error?.code == code)
        #expect(requests == ["GET /version", "DELETE /v1.41/volumes/data"])
    }

    @Test("silence is no removal")
    func silence() async throws {
        #expect(try await remove("data", .silence, timeout: .seconds(1)).0?.code == .deadline)
    }

    @Test("a name stays one segment of the path")
    func names() async throws {
        let gone = StubEngine.Reaction.answer(status: 204, body: "")
        #expect(try await remove("a b?c%ä", gone).requests.last == "DELETE /v1.41/volumes/a%20b%3Fc%25%C3%A4")
        for name in ["", ".", "..", "a/b", "../x", "a\0"] {
            let (error, requests) = try await remove(name, gone)
            #expect(error?.code == .invalidName)
            #expect(requests.isEmpty)
        }
    }
}
