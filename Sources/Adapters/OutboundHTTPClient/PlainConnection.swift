import NIOCore
import NIOHTTP1
import Outbound

/// One connection without TLS to another system, on its event loop: one exchange after the other.
final class PlainConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart
    typealias Completion = (Result<OutboundReply, OutboundFailure>, _ mayBeRepeated: Bool) -> Void

    private struct Exchange {
        var head: HTTPResponseHead?
        var body: [UInt8] = []
        var maxBytes: Int
        var deadline: Scheduled<Void>
        var completion: Completion
    }

    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var idleTimer: Scheduled<Void>?
    /// Told when it is free again, or gone.
    private let changed: (PlainConnection, _ isFree: Bool) -> Void

    init(changed: @escaping (PlainConnection, Bool) -> Void) { self.changed = changed }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// - Parameter completion: called once. `mayBeRepeated`: the connection ended before anything came back, as a kept
    ///   connection does when the other side has given it up meanwhile.
    func send(
        _ request: OutboundRequest, path: String, host: String, by deadline: NIODeadline,
        _ completion: @escaping Completion
    ) {
        idleTimer?.cancel()
        idleTimer = nil
        guard let context, context.channel.isActive else {
            return completion(.failure(.unreachable("the connection broke")), true)
        }
        precondition(exchange == nil, "a connection has one exchange at a time")
        let timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.end(.failure(.timedOut))
        }
        exchange = Exchange(maxBytes: request.maxReplyBytes, deadline: timer, completion: completion)
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: path)
        head.headers.reserveCapacity(request.headers.count + 2)
        head.headers.add(name: "host", value: host)
        for (name, value) in request.headers where !Self.isOurs(name) {
            guard Self.isClean(name), Self.isClean(value) else {
                exchange = nil
                timer.cancel()
                changed(self, true)
                return completion(.failure(.malformed("a header has a line break")), false)
            }
            head.headers.add(name: name, value: value)
        }
        if !request.body.isEmpty || !["GET", "HEAD", "DELETE"].contains(request.method) {
            head.headers.add(name: "content-length", value: String(request.body.count))
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !request.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: request.body)))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// No header ends its line early. Names were checked where they come from; this is what keeps messages apart.
    private static func isClean(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 != 13 && $0 != 10 && $0 != 0 }
    }

    /// What frames the message is ours to say.
    private static func isOurs(_ name: String) -> Bool {
        switch name.utf8.count {
        case 4: name.lowercased() == "host"
        case 10: name.lowercased() == "connection"
        case 14: name.lowercased() == "content-length"
        case 17: name.lowercased() == "transfer-encoding"
        default: false
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard exchange != nil else {
            context.close(promise: nil)  // an answer nobody asked for
            return
        }
        switch unwrapInboundIn(data) {
        case .head(let head):
            exchange?.head = head
            if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), let known = exchange,
                length > known.maxBytes
            {
                end(.failure(.tooLarge(known.maxBytes)))
            }
        case .body(let part):
            guard let known = exchange, known.body.count + part.readableBytes <= known.maxBytes else {
                end(.failure(.tooLarge(exchange?.maxBytes ?? 0)))
                return
            }
            exchange?.body += part.readableBytesView
        case .end: finish()
        }
    }

    private func finish() {
        guard let done = exchange, let head = done.head else {
            return end(.failure(.unreachable("the reply is malformed")))
        }
        exchange = nil
        done.deadline.cancel()
        let reply = OutboundReply(
            status: Int(head.status.code), headers: head.headers.map { ($0.name, $0.value) }, body: done.body)
        if head.isKeepAlive, let context, context.channel.isActive {
            changed(self, true)
        } else {
            context?.close(promise: nil)
        }
        done.completion(.success(reply), false)
    }

    private func end(_ result: Result<OutboundReply, OutboundFailure>, mayBeRepeated: Bool = false) {
        guard let ended = exchange else { return }
        exchange = nil
        ended.deadline.cancel()
        context?.close(promise: nil)
        ended.completion(result, mayBeRepeated)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let isUntouched = exchange?.head == nil
        end(.failure(.unreachable("the connection was closed")), mayBeRepeated: isUntouched)
        idleTimer?.cancel()
        changed(self, false)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let reason = error is HTTPParserError ? "the reply is malformed" : "the connection broke"
        end(.failure(.unreachable(reason)), mayBeRepeated: !(error is HTTPParserError) && exchange?.head == nil)
        context.close(promise: nil)
    }

    /// Nobody needs it now: it goes when nobody has needed it for a while.
    func rest(for time: TimeAmount) {
        guard let context else { return }
        idleTimer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.context?.close(promise: nil) }
    }

    func close() { context?.close(promise: nil) }
}
