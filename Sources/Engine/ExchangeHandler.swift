// SPDX-License-Identifier: Apache-2.0

import Model
import NIOCore
import NIOHTTP1

/// Gathers the parts of one answer and hands it over when, and only when, it is whole. Lives on its event loop.
final class ExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private struct Exchange {
        var endpoint: String
        var promise: EventLoopPromise<Connection.Outcome>
        var deadline: Scheduled<Void>
        var limitBytes: Int
        var head: HTTPResponseHead?
        var body: [UInt8] = []
    }

    private var current: Exchange?
    private var isOver = false

    /// Sends the request; the future never fails.
    func begin(
        _ request: EngineRequest, within time: TimeAmount, limitBytes: Int, on channel: any Channel
    ) -> EventLoopFuture<Connection.Outcome> {
        let promise = channel.eventLoop.makePromise(of: Connection.Outcome.self)
        guard !isOver, current == nil, channel.isActive else {
            promise.succeed(.endedBefore)
            return promise.futureResult
        }
        let timer = channel.eventLoop.assumeIsolated().scheduleTask(in: time) {
            self.fail(.deadline, "no complete answer in time", on: channel)
        }
        current = Exchange(endpoint: request.endpoint, promise: promise, deadline: timer, limitBytes: limitBytes)
        var headers: HTTPHeaders = ["Host": "docker", "User-Agent": "bilge", "Accept": "application/json"]
        if let body = request.body {
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "Content-Length", value: "\(body.count)")
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: request.method.http, uri: request.target, headers: headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let body = request.body {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): received(head, on: context.channel)
        case .body(let bytes): received(bytes, on: context.channel)
        case .end: receivedEnd(on: context.channel)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        broke("the connection ended before the answer was whole", on: context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.invalidEOFState:
            broke("the connection ended before the answer was whole", on: context.channel)
        case HTTPParserError.invalidChunkSize:
            broke("the answer broke off between its chunks", on: context.channel)
        case is HTTPParserError, is NIOHTTPDecoderError:
            fail(.malformed, "the answer is not HTTP: \(EntryName.escaped(text: "\(error)"))", on: context.channel)
        default:
            broke(EntryName.escaped(text: "\(error)"), on: context.channel)
        }
    }

    /// Before the first line of the answer that is an end which the server chose, after it a broken answer.
    private func broke(_ detail: String, on channel: any Channel) {
        if let exchange = current, exchange.head == nil {
            isOver = true
            finish(exchange, .endedBefore)
            channel.close(promise: nil)
        } else {
            fail(.incomplete, detail, on: channel)
        }
    }

    private func received(_ head: HTTPResponseHead, on channel: any Channel) {
        let length = head.headers.first(name: "content-length")
        let isChunked = head.headers[canonicalForm: "transfer-encoding"].contains { $0.lowercased() == "chunked" }
        let hasNoBody = head.status == .noContent || head.status == .notModified
        // An answer that ends where the connection ends cannot be told from one that broke off.
        guard isChunked || length != nil || hasNoBody else {
            return fail(.incomplete, "the answer does not say where it ends", status: head.status, on: channel)
        }
        if let length, let bytes = Int(length), let limit = current?.limitBytes, bytes > limit {
            return fail(.tooLarge, "an answer of \(bytes) bytes", status: head.status, on: channel)
        }
        current?.head = head
    }

    private func received(_ bytes: ByteBuffer, on channel: any Channel) {
        // Taken out while it grows: two owners of the body would mean a copy of it for every part.
        guard var exchange = current, exchange.head != nil else { return }
        current = nil
        exchange.body.append(contentsOf: bytes.readableBytesView)
        current = exchange
        if exchange.body.count > exchange.limitBytes {
            fail(.tooLarge, "an answer of more than \(exchange.limitBytes) bytes", on: channel)
        }
    }

    private func receivedEnd(on channel: any Channel) {
        guard let exchange = current, let head = exchange.head else { return }
        var headers: [String: String] = [:]
        for (name, value) in head.headers where headers[name.lowercased()] == nil { headers[name.lowercased()] = value }
        let response = EngineResponse(status: Int(head.status.code), headers: headers, body: exchange.body)
        finish(exchange, .whole(response, isReusable: head.isKeepAlive))
    }

    private func fail(
        _ code: EngineError.Code, _ detail: String, status: HTTPResponseStatus? = nil, on channel: any Channel
    ) {
        isOver = true
        if let exchange = current {
            let status = (status ?? exchange.head?.status).map { Int($0.code) }
            finish(exchange, .failed(EngineError(exchange.endpoint, code, status: status, detail)))
        }
        channel.close(promise: nil)
    }

    private func finish(_ exchange: Exchange, _ outcome: Connection.Outcome) {
        current = nil
        exchange.deadline.cancel()
        exchange.promise.succeed(outcome)
    }
}

extension EngineRequest.Method {
    fileprivate var http: HTTPMethod {
        switch self {
        case .get: .GET
        case .post: .POST
        case .delete: .DELETE
        }
    }
}
