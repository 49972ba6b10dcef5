// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import NIOHTTP1

@testable import Engine

/// What comes back over the socket after a question: any bytes, in any pieces, and then the end.
enum HTTPFuzz {
    private static let limitBytes = 64

    static func run(_ bytes: [UInt8]) {
        do {
            let loop = EmbeddedEventLoop()
            let channel = EmbeddedChannel(loop: loop)
            let handler = ExchangeHandler()
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(handler)
            try channel.connect(to: SocketAddress(unixDomainSocketPath: "/run/docker.sock")).wait()
            var outcome: Connection.Outcome?
            let question = EngineRequest(.get, "/info", version: nil)
            handler.begin(question, within: .hours(1), limitBytes: limitBytes, on: channel)
                .assumeIsolated().whenSuccess { outcome = $0 }
            feed(bytes, to: channel)
            loop.run()
            guard let outcome else { preconditionFailure("the question was never answered") }
            if case .whole(let response, _) = outcome {
                precondition(response.body.count <= limitBytes, "more than was asked for")
            }
        } catch {
            preconditionFailure("the channel: \(error)")
        }
    }

    /// The first byte says how long the pieces are; sixteen at most, each of which takes as long as a parse.
    private static func feed(_ bytes: [UInt8], to channel: EmbeddedChannel) {
        let length = max(1, Int(bytes.first ?? 0), (bytes.count + 15) / 16)
        var rest = bytes.dropFirst()
        while !rest.isEmpty, channel.isActive {
            do { try channel.writeInbound(ByteBuffer(bytes: rest.prefix(length))) } catch {}
            rest = rest.dropFirst(length)
        }
        do { _ = try channel.finish(acceptAlreadyClosed: true) } catch {}
    }
}
