// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Something that listens on a Unix socket and replays answers: an engine, a proxy before one, or neither.
package final class StubEngine: Sendable {
    /// What to do with a request.
    package enum Reaction: Sendable {
        /// Sends a whole answer and waits for the next request.
        case answer(status: Int, body: String)
        /// Sends these bytes as they are and ends the connection.
        case bytes(String)
        /// Ends the connection without a byte.
        case hangUp
        /// Says nothing more until the engine stops.
        case silence

        package static func json(_ body: String) -> Reaction { .answer(status: 200, body: body) }
    }

    private struct State {
        /// Only those that are open: the number of a closed one may be somebody else's by now.
        var connections: Set<CInt> = []
        var connectionCount = 0
        var requests: [String] = []
        var bodies: [String] = []
        var isStopped = false
    }

    package let path: String
    private let listener: CInt
    private let state = Mutex(State())
    private let reaction: @Sendable (String) -> Reaction

    /// - Parameter reaction: what to do with a request, given as its method and target: `GET /v1.41/info`.
    package init(_ reaction: @escaping @Sendable (String) -> Reaction) throws {
        // No `TemporaryDirectory`: a test may have hundreds of these, and each of those starts a process to be removed.
        path = NSTemporaryDirectory() + "bilge-stub-\(UUID().uuidString.prefix(13)).sock"
        self.reaction = reaction
        listener = try StubEngine.listen(path)
        Thread.detachNewThread { [listener, weak self] in
            defer { close(listener) }
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                guard let self, self.isAccepted(connection) else {
                    close(connection)
                    break
                }
                Thread.detachNewThread { self.serve(connection) }
            }
        }
    }

    /// Answers whole requests from a table, all others with 404.
    package convenience init(_ answers: [String: String]) throws {
        try self.init { request in
            answers[request].map(Reaction.json) ?? .answer(status: 404, body: #"{"message":"page not found"}"#)
        }
    }

    deinit {
        stop()
        unlink(path)
    }

    /// Every request so far, in the order of arrival.
    package var requests: [String] { state.withLock { $0.requests } }

    /// The bodies of those that had one.
    package var bodies: [String] { state.withLock { $0.bodies } }

    /// How many connections were made so far.
    package var connectionCount: Int { state.withLock { $0.connectionCount } }

    /// Ends all connections and stops listening; the socket file stays, as that of a killed engine does.
    package func stop() {
        state.withLock { state in
            if !state.isStopped { shutdown(listener, Int32(SHUT_RDWR)) }
            state.isStopped = true
            for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    private func isAccepted(_ connection: CInt) -> Bool {
        state.withLock { state in
            guard !state.isStopped else { return false }
            state.connections.insert(connection)
            state.connectionCount += 1
            return true
        }
    }

    private func forget(_ connection: CInt) {
        state.withLock { state in
            state.connections.remove(connection)
            close(connection)
        }
    }

    private func serve(_ connection: CInt) {
        defer { forget(connection) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            guard let (head, body) = receive(from: connection) else { return }
            let line = head.prefix { $0 != "\r\n" }.split(separator: " ").prefix(2).joined(separator: " ")
            state.withLock { state in
                state.requests.append(line)
                if let body { state.bodies.append(body) }
            }
            switch reaction(line) {
            case .answer(let status, let body):
                let head = "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\n"
                let length = status == 204 ? "" : "Content-Length: \(body.utf8.count)\r\n"
                guard send(head + length + "\r\n" + body, to: connection) else { return }
            case .bytes(let text):
                _ = send(text, to: connection)
                return shutDown(connection)
            case .hangUp: return shutDown(connection)
            case .silence:
                while recv(connection, &buffer, buffer.count, 0) > 0 {}
                return
            }
        }
    }

    /// One whole request, with its body if it announces one; `nil` when the connection ended.
    private func receive(from connection: CInt) -> (head: String, body: String?)? {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = received.firstRange(of: end) {
                let head = String(decoding: received[..<range.lowerBound], as: UTF8.self)
                let announced = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                let length = announced.flatMap { Int($0.split(separator: " ")[1]) }
                let body = received[range.upperBound...]
                if body.count >= length ?? 0 {
                    return (head, length.map { _ in String(decoding: body, as: UTF8.self) })
                }
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            received += buffer.prefix(count)
        }
    }

    private func shutDown(_ connection: CInt) { shutdown(connection, Int32(SHUT_RDWR)) }

    private func send(_ text: String, to connection: CInt) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func listen(_ path: String) throws -> CInt {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard descriptor >= 0, result == 0, Glibc.listen(descriptor, 64) == 0 else {
            throw CommandFailed(description: "cannot listen on \(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }
}
