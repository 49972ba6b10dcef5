// SPDX-License-Identifier: Apache-2.0

import Engine
import Foundation
import TestSupport
import Testing

@Suite("The socket transport")
struct TransportTests {
    /// Asks a stub that reacts to everything in one way.
    func send(
        _ reaction: StubEngine.Reaction, method: EngineRequest.Method = .get, seconds: Double = 60, limit: Int = 1 << 20
    ) async throws -> Result<EngineResponse, EngineError> {
        let engine = try StubEngine { _ in reaction }
        let transport = SocketTransport(host: try engine.host(), bodyLimitBytes: limit)
        let reply: Result<EngineResponse, EngineError>
        do throws(EngineError) {
            reply = .success(
                try await transport.send(EngineRequest(method, "/x", version: nil), by: .now + .seconds(seconds)))
        } catch {
            reply = .failure(error)
        }
        await transport.close()
        return reply
    }

    @Test("a whole answer arrives whole")
    func whole() async throws {
        let response = try await send(.json("[1]")).get()
        #expect(response.status == 200)
        #expect(response.body == Array("[1]".utf8))
        #expect(response.headers["content-type"] == "application/json")
    }

    @Test("a chunked answer arrives whole")
    func chunked() async throws {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n3\r\n,2]\r\n0\r\n\r\n"
        #expect(try await send(.bytes(text)).get().body == Array("[1,2]".utf8))
    }

    @Test("an answer of many parts arrives whole")
    func large() async throws {
        let body = String(repeating: "0123456789", count: 300_000)
        #expect(try await send(.json(body), limit: 8 << 20).get().body.count == 3_000_000)
    }

    @Test(
        "no answer that breaks off is an answer",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[]",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[]",
            "HTTP/1.0 200 OK\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\n",
        ])
    func brokenOff(text: String) async throws {
        #expect(try await send(.bytes(text)).failure?.code == .incomplete)
    }

    @Test(
        "what is not HTTP is not an answer",
        arguments: [
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
            "HTTP/1.1 banana\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]]",
            "HTTP/1.1 200 OK\r\nContent-Length: minus\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n",
        ])
    func notHTTP(text: String) async throws {
        let code = try #require(try await send(.bytes(text)).failure?.code)
        #expect([.malformed, .incomplete].contains(code))
    }

    @Test("headers without end are not read without end")
    func endlessHeaders() async throws {
        let header = "X-Long: " + String(repeating: "x", count: 200_000) + "\r\n"
        let code = try await send(.bytes("HTTP/1.1 200 OK\r\n" + header + "Content-Length: 2\r\n\r\n[]")).failure?.code
        #expect(code == .malformed)
    }

    @Test("an answer over the limit is refused, announced or not")
    func tooLarge() async throws {
        let body = String(repeating: "x", count: 5000)
        #expect(try await send(.json(body), limit: 4999).failure?.code == .tooLarge)
        let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + body + "\r\n0\r\n\r\n"
        #expect(try await send(.bytes(chunk), limit: 4999).failure?.code == .tooLarge)
        #expect(try await send(.json(body), limit: 5000).failure == nil)
    }

    @Test("silence ends with the deadline")
    func deadline() async throws {
        let start = ContinuousClock.now
        #expect(try await send(.silence, seconds: 0.2).failure?.code == .deadline)
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    @Test("a deadline in the past asks nothing and answers nothing")
    func pastDeadline() async throws {
        #expect(try await send(.silence, seconds: -1).failure?.code == .deadline)
    }

    @Test("a connection that ends at once is no answer")
    func hangUp() async throws {
        #expect(try await send(.hangUp).failure?.code == .incomplete)
        #expect(try await send(.hangUp, method: .delete).failure?.code == .incomplete)
    }

    @Test("a missing socket and one that nobody listens on mean that nobody is there")
    func nobodyThere() async throws {
        let directory = try TemporaryDirectory("sockets")
        let engine = try StubEngine { _ in .hangUp }
        engine.stop()
        try directory.write("file")
        for path in [directory.path + "/none", directory.path + "/none/s", engine.path, directory.path + "/file"] {
            let answer = try await withEngine(at: EngineHost(path)) { await $0.ask() }
            guard case .nobodyThere = answer else {
                Issue.record("\(path): \(answer)")
                continue
            }
        }
    }

    @Test("any other failure to connect means that nobody can tell")
    func cannotTell() async throws {
        let directory = try TemporaryDirectory("sockets")
        try directory.makeLink("loop", to: "loop")
        try directory.write("file")
        for path in [directory.path + "/loop", directory.path + "/file/s"] {
            let answer = try await withEngine(at: EngineHost(path)) { await $0.ask() }
            guard case .cannotTell(let error) = answer else {
                Issue.record("\(path): \(answer)")
                continue
            }
            #expect(error.code == .cannotConnect)
        }
    }

    @Test("connections are used again, and the end of one is not an error")
    func reuse() async throws {
        let engine = try StubEngine { request in
            request == "GET /bye" ? .bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") : .json("[]")
        }
        let transport = SocketTransport(host: try engine.host())
        for endpoint in ["/a", "/b", "/bye", "/c", "/d"] {
            let request = EngineRequest(.get, endpoint, version: nil)
            #expect(try await transport.send(request, by: .now + .seconds(60)).status == 200)
        }
        await transport.close()
        #expect(engine.connectionCount == 2)
        #expect(engine.requests.filter { $0 != "GET /c" }.count == 4)
    }

    @Test("the process at the other end is known")
    func peer() async throws {
        let engine = try StubEngine { _ in .json("{}") }
        let transport = SocketTransport(host: try engine.host())
        #expect(transport.peerPID == nil)
        _ = try await transport.send(EngineRequest(.get, "/", version: nil), by: .now + .seconds(60))
        #expect(transport.peerPID == getpid())
        await transport.close()
    }

    @Test("nothing is sent after closing")
    func closed() async throws {
        let engine = try StubEngine { _ in .json("{}") }
        let transport = SocketTransport(host: try engine.host())
        await transport.close()
        await #expect(throws: EngineError.self) {
            try await transport.send(EngineRequest(.get, "/", version: nil), by: .now + .seconds(60))
        }
        #expect(engine.requests.isEmpty)
    }
}

@Suite("Hosts")
struct HostTests {
    @Test("a socket is a path, with or without its scheme", arguments: ["unix:///run/x.sock", "/run/x.sock"])
    func paths(text: String) throws {
        #expect(try EngineHost(text).sockets == ["/run/x.sock"])
    }

    @Test(
        "engines elsewhere, relative paths and impossible ones are refused",
        arguments: [
            "tcp://127.0.0.1:2375", "ssh://root@host", "http://x", "npipe:////./pipe/docker_engine",
            "unix://run/x.sock",
            "x.sock", "unix://", "/", "", "unix:///" + String(repeating: "x", count: 107), "/a\0b",
        ])
    func refused(text: String) {
        let error = #expect(throws: EngineError.self) { try EngineHost(text) }
        #expect(error?.code == .unsupportedHost)
    }

    @Test("the option comes before the variable, the variable before the standard place")
    func order() throws {
        let variable = ["DOCKER_HOST": "unix:///v"]
        #expect(try EngineHost(option: "/o", environment: variable).sockets == ["/o"])
        #expect(try EngineHost(option: nil, environment: variable).sockets == ["/v"])
        #expect(try EngineHost(option: nil, environment: ["DOCKER_HOST": ""]) == .standard)
        #expect(throws: EngineError.self) { try EngineHost(option: nil, environment: ["DOCKER_HOST": "tcp://h"]) }
    }
}
