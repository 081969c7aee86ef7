import NIOCore
import Vocabulary

/// The sending half of a connection, and what both halves share.
class HTTPOutlet {
    let limits: HTTPServerLimits
    let head = HTTPHead()
    var context: ChannelHandlerContext?
    var requestID = RequestID.made(Identifier(high: 0, low: 0))
    /// Counts requests; an answer to an earlier one is a mistake of ours.
    private(set) var exchange: UInt64 = 0
    private(set) var isAnswering = false
    var closesAfterReply = false
    var isDraining = false
    var plane = 0
    private var responseHead = ResponseHead()
    private var outbound = ByteBufferAllocator().buffer(capacity: 1024)
    private var deadline: UInt64 = .max

    init(limits: HTTPServerLimits) { self.limits = limits }

    func begin() -> UInt64 {
        exchange += 1
        plane = 0
        isAnswering = true
        deadline = .max
        return exchange
    }

    /// - Parameter seconds: until the sweeper ends the connection unless something else is set before; `nil` for ever.
    func setDeadline(inSeconds seconds: Int?) {
        deadline = seconds.map { Stopwatch.nanoseconds() + UInt64($0) * 1_000_000_000 } ?? .max
    }

    func isOverdue(at now: UInt64) -> Bool { now >= deadline }

    func answer(_ response: HTTPResponse, exchange: UInt64) {
        guard exchange == self.exchange, context != nil else { return }
        precondition(isAnswering, "a request was answered twice")
        write(response)
        isAnswering = false
        count(response)
        answered()
    }

    /// For the receiving half: tells the handler.
    func count(_ response: HTTPResponse) {}

    /// For the receiving half: what comes after an answer.
    func answered() {}

    func write(_ response: HTTPResponse) {
        guard let context else { return }
        var body = response.body
        var isGzipped = false
        if limits.compresses, head.acceptsGzip, body.readableBytes >= Gzip.smallestBody,
            let packed = Gzip.compress(body)
        {
            body = packed
            isGzipped = true
        }
        let keepsAlive = head.keepsAlive && !closesAfterReply && !isDraining
        let isBodiless = head.method == .head || response.status == 204 || response.status == 304
        responseHead.write(
            response, bodyLength: body.readableBytes, requestID: requestID, keepsAlive: keepsAlive,
            isGzipped: isGzipped, into: &outbound)
        if !isBodiless { outbound.writeBuffer(&body) }
        closesAfterReply = !keepsAlive
        context.writeAndFlush(NIOAny(outbound), promise: nil)
        setDeadline(inSeconds: context.channel.isWritable ? limits.idleSeconds : limits.writeSeconds)
    }
}
