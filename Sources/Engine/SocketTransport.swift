// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import Model
import NIOCore
import NIOPosix
import Synchronization
import SystemPackage

/// HTTP/1.1 over a Unix socket, a few connections at a time, each used again for the next request.
///
/// The one thread that it needs starts with the first request and ends with `close`, which must be called.
package final class SocketTransport: EngineTransport {
    /// Largest body accepted. A host with 2,000 containers lists them in 3 MiB.
    package static let bodyLimitBytes = 256 << 20

    private struct State {
        var group: MultiThreadedEventLoopGroup?
        /// The one of the host's sockets that somebody was found at.
        var socket: String?
        var idle: [Connection] = []
        var open: [Connection] = []
        /// As the first connection found it.
        var peer: Int32?
        var isClosed = false
    }

    private let host: EngineHost
    private let bodyLimitBytes: Int
    private let state = Mutex(State())

    package init(host: EngineHost, bodyLimitBytes: Int = SocketTransport.bodyLimitBytes) {
        self.host = host
        self.bodyLimitBytes = bodyLimitBytes
    }

    package var peerPID: Int32? { state.withLock { $0.peer } }

    package func send(
        _ request: EngineRequest, by deadline: ContinuousClock.Instant
    ) async throws(EngineError) -> EngineResponse {
        while true {
            // A server may end an idle connection at any time; a question can then be asked again, a change cannot.
            let idle = request.method.mayBeRepeated ? state.withLock { $0.idle.popLast() } : nil
            let connection: Connection
            if let idle { connection = idle } else { connection = try await connect(for: request, by: deadline) }

            switch await connection.exchange(request, by: deadline, limitBytes: bodyLimitBytes) {
            case .whole(let response, isReusable: true):
                state.withLock { $0.idle.append(connection) }
                return response
            case .whole(let response, isReusable: false):
                drop(connection)
                return response
            case .failed(let error):
                drop(connection)
                throw error
            case .endedBefore:
                drop(connection)
                guard idle != nil else {
                    throw EngineError(request.endpoint, .incomplete, "the connection ended without an answer")
                }
            }
        }
    }

    package func close() async {
        let (group, open) = state.withLock { state in
            let found = (state.group, state.open)
            state = State()
            state.isClosed = true
            return found
        }
        for connection in open { await connection.close() }
        do {
            try await group?.shutdownGracefully()
        } catch {
            // It fails only if it was shut down before, and then there is nothing left to do.
        }
    }

    private func connect(
        for request: EngineRequest, by deadline: ContinuousClock.Instant
    ) async throws(EngineError) -> Connection {
        let (connection, socket) = try await open(on: eventLoops(for: request), by: deadline)
        let agrees = state.withLock { state in
            state.open.append(connection)
            if state.socket == nil { (state.socket, state.peer) = (socket, connection.peer) }
            return state.peer == connection.peer
        }
        guard agrees else {
            drop(connection)
            let detail = "another process listens on \(EntryName.escaped(text: socket)) than before: a restart?"
            throw EngineError(request.endpoint, .engineChanged, detail)
        }
        return connection
    }

    /// Connects to the first socket where somebody is, or may be.
    private func open(
        on group: MultiThreadedEventLoopGroup, by deadline: ContinuousClock.Instant
    ) async throws(EngineError) -> (Connection, socket: String) {
        var nobody: EngineError?
        for socket in state.withLock({ $0.socket.map { [$0] } }) ?? host.sockets {
            do {
                return (try await Connection.open(socket, on: group, by: deadline), socket)
            } catch {
                let error = Self.connectError(error, EntryName.escaped(text: socket))
                guard error.code == .nobodyThere else { throw error }
                nobody = nobody ?? error
            }
        }
        throw nobody ?? EngineError("", .nobodyThere, "there is no socket to ask at")
    }

    private func eventLoops(for request: EngineRequest) throws(EngineError) -> MultiThreadedEventLoopGroup {
        let group = state.withLock { state in
            if !state.isClosed, state.group == nil { state.group = MultiThreadedEventLoopGroup(numberOfThreads: 1) }
            return state.group
        }
        guard let group else { throw EngineError(request.endpoint, .closed, "the connection was closed by us") }
        return group
    }

    /// Only a missing socket and one that nobody listens on prove that nobody is there. Source: `connect(2)`, `unix(7)`.
    private static func connectError(_ error: any Error, _ shown: String) -> EngineError {
        if case ChannelError.connectTimeout = error { return EngineError(shown, .deadline, "no connection in time") }
        guard let error = error as? IOError else {
            return EngineError(shown, .cannotConnect, "the connection ended at once")
        }
        switch error.errnoCode {
        case ENOENT: return EngineError(shown, .nobodyThere, "there is no such socket")
        case ECONNREFUSED: return EngineError(shown, .nobodyThere, "nobody listens on this socket")
        case EACCES, EPERM:
            return EngineError(shown, .cannotConnect, "permission denied; run as root, or as a member of its group")
        case let code: return EngineError(shown, .cannotConnect, "\(Errno(rawValue: code))")
        }
    }

    private func drop(_ connection: Connection) {
        state.withLock { $0.open.removeAll { $0 === connection } }
        connection.abandon()
    }
}
