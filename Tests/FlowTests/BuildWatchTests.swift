// SPDX-License-Identifier: Apache-2.0

import Act
import Engine
import Foundation
import Glibc
import Model
import TestSupport
import Testing

@testable import Flow

/// Builds that begin between the survey and a step.
@Suite("builds that begin meanwhile")
struct BuildWatchTests {
    @Test("the engine is asked only if BuildKit wrote something down since, and nobody is sure without an answer")
    func asking() async throws {
        let folder = try TemporaryDirectory("watch")
        let root = try folder.open()
        let calls = CacheCalls()
        #expect(try await BuildWatch(root: root, quietSince: .now).flight(calls) == nil)
        #expect(calls.asked == 0, "there is no BuildKit")

        try folder.write("buildkit/containerdmeta.db", "x")
        let path = folder.path + "/buildkit/containerdmeta.db"
        func touch(secondsAgo: Double) throws {
            let date = Date(timeIntervalSinceNow: -secondsAgo)
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        try touch(secondsAgo: 60)
        let watch = BuildWatch(root: root, quietSince: .now)
        #expect(try await watch.flight(calls) == nil && calls.asked == 0)
        try touch(secondsAgo: 0)
        #expect(try await watch.flight(calls) == nil && calls.asked == 1)
        calls.isBusy = true
        #expect(try await watch.flight(calls)?.contains("in flight") == true && calls.asked == 2)
        calls.isBusy = false
        #expect(try await watch.flight(calls) == nil)
        calls.isBusy = nil
        await #expect(throws: EngineError.self) { try await watch.flight(calls) }
        try touch(secondsAgo: 60)
        #expect(try await watch.flight(calls) == nil, "it was quiet a moment ago, and nothing was written since")
    }

    @Test(
        "while a build only fetches a file, images of a plan made before it began are left alone",
        .enabled(if: RetentionHost.obstacle == nil, "\(RetentionHost.obstacle ?? "")"))
    func fetching() async throws {
        let host = try RetentionHost(hasImages: false)
        defer { host.stop() }
        try host.engine.importBase("own/old:1")
        let seen = try await survey(host.request())
        let policy = try Plan.Policy.rules([(.filter, "reference=own/old"), (.irreplaceable, "true")])
        let plan = try Flow.plan(seen, policy)
        #expect(plan.steps.count == 1)
        // Within the second in which the survey was taken, it is asked again anyway.
        try await Task.sleep(for: .seconds(2))

        let server = try SilentServer()
        let file = "FROM base:1\nADD http://127.0.0.1:\(server.port)/f /g\n"
        let building = Task { try await host.build(file, tag: "slow:1") }
        try server.accept()
        #expect(inFlight(in: seen.directory, since: nil).isEmpty, "the folders do not show it")
        let receipt = try await carryOut(ApprovedPlan(plan, approver: "test"), seen, host.request())
        #expect(receipt.steps.map(\.outcome) == [.skipped])
        #expect(receipt.steps[0].reason.contains("a build is in flight"), "\(receipt.steps[0].reason)")
        try server.answer("fetched")
        try await building.value
        #expect(try host.engine.docker("run", "--rm", "--network", "none", "slow:1", "cat", "/g") == "fetched")
        let again = try await carryOut(ApprovedPlan(plan, approver: "test"), seen, host.request())
        #expect(again.steps.map(\.outcome) == [.done], "\(again.steps.map(\.reason))")
    }
}

/// An engine that is only asked for its build cache.
private final class CacheCalls: ImageCalls {
    /// `nil`: it does not answer.
    var isBusy: Bool? = false
    private(set) var asked = 0

    func isBuilding() throws(EngineError) -> Bool {
        asked += 1
        guard let isBusy else { throw EngineError("/system/df", .incomplete, "it died") }
        return isBusy
    }

    func image(_ reference: String) -> EngineImageDetail? { nil }
    func tag(_ id: String, repository: String, tag: String) {}
    func removeImage(_ reference: String) -> [EngineDeletion] { [] }
    func importEmpty(repository: String, tag: String) {}
    func containers() -> [EngineContainer] { [] }
    func knownServices() -> [EngineService] { [] }
}

/// A server of one file that answers when it is told to.
private final class SilentServer {
    let port: UInt16
    private let listener: Int32
    private var connection: Int32 = -1

    init() throws {
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(opened, address, length) == 0 && listen(opened, 5) == 0
                    && getsockname(opened, address, &length) == 0
            }
        }
        guard isBound else { throw CommandFailed(description: "no port: \(errno)") }
        listener = opened
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit {
        close(connection)
        close(listener)
    }

    /// Waits for the first request.
    func accept() throws {
        var poll = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, 20_000) == 1 else { throw CommandFailed(description: "nobody asks for the file") }
        connection = Glibc.accept(listener, nil, nil)
    }

    func answer(_ text: String) throws {
        var buffer = [UInt8](repeating: 0, count: 4096)
        _ = read(connection, &buffer, buffer.count)
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n\(text)"
        _ = answer.withCString { write(connection, $0, strlen($0)) }
        shutdown(connection, Int32(SHUT_WR))
    }
}

extension Timestamp {
    fileprivate static var now: Timestamp { systemClock() }
}
