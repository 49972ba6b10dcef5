// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection to an engine, which carries one exchange at a time.
final class Connection: Sendable {
    /// How an exchange ended.
    enum Outcome: Sendable {
        /// The whole answer, and whether the connection may carry another.
        case whole(EngineResponse, isReusable: Bool)
        /// Anything less than a whole answer.
        case failed(EngineError)
        /// The server had ended the connection before a byte of the answer arrived.
        case endedBefore
    }

    /// What `SO_PEERCRED` fills in. Source: `struct ucred`, `unix(7)`: three 32-bit numbers.
    private struct PeerCredentials: Sendable {
        var pid: Int32
        var uid: UInt32
        var gid: UInt32
    }

    /// Who listens at the other end; `nil` if the kernel does not say.
    let peer: Int32?
    private let channel: any Channel
    private let handler: NIOLoopBound<ExchangeHandler>

    private init(_ channel: any Channel, _ handler: NIOLoopBound<ExchangeHandler>, peer: Int32?) {
        self.channel = channel
        self.handler = handler
        self.peer = peer
    }

    /// Connects to the socket at `path`.
    ///
    /// - Throws: `IOError` with the reason of `connect(2)`; `ChannelError` when the deadline came first or the other side
    ///   ended the connection at once.
    static func open(
        _ path: String, on group: MultiThreadedEventLoopGroup, by deadline: ContinuousClock.Instant
    ) async throws -> Connection {
        let loop = group.next()
        let channel = try await ClientBootstrap(group: loop)
            .connectTimeout(.until(deadline))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // One exchange at a time and no upgrades: no need for the pipeline's other handlers.
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(ExchangeHandler())
                }
            }
            .connect(unixDomainSocketPath: path)
            .get()
        let handler = try await loop.submit {
            NIOLoopBound(try channel.pipeline.syncOperations.handler(type: ExchangeHandler.self), eventLoop: loop)
        }.get()
        return Connection(channel, handler, peer: try await peer(of: channel))
    }

    /// Sends a request and waits for the whole answer or the deadline.
    func exchange(
        _ request: EngineRequest, by deadline: ContinuousClock.Instant, limitBytes: Int
    ) async -> Outcome {
        let (channel, handler) = (channel, handler)
        let future = channel.eventLoop.flatSubmit {
            handler.value.begin(request, within: .until(deadline), limitBytes: limitBytes, on: channel)
        }
        do {
            return try await future.get()
        } catch {
            return .failed(EngineError(request.endpoint, .closed, "the connection was closed by us"))
        }
    }

    /// Ends the connection without waiting for it.
    func abandon() { channel.close(promise: nil) }

    /// Ends the connection.
    func close() async {
        do {
            try await channel.close().get()
        } catch {
            // It was closed already.
        }
    }

    private static func peer(of channel: any Channel) async throws -> Int32? {
        guard let options = channel as? any SocketOptionProvider else { return nil }
        // The kernel fills exactly the type named here, for every Unix socket.
        let credentials: EventLoopFuture<PeerCredentials> = options.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        let pid = try await credentials.get().pid
        return pid > 0 ? pid : nil
    }
}

extension TimeAmount {
    /// What is left until `deadline`, never less than nothing.
    static func until(_ deadline: ContinuousClock.Instant) -> TimeAmount {
        let (seconds, attoseconds) = (deadline - .now).components
        return .nanoseconds(max(0, min(seconds, 1 << 32) * 1_000_000_000 + attoseconds / 1_000_000_000))
    }
}
