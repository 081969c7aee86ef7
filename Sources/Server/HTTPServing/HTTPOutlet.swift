import NIOCore
import Vocabulary

/// The sending half of a connection or stream, and what both halves share.
class HTTPOutlet {
    let limits: HTTPServerLimits
    let head = HTTPHead()
    var context: ChannelHandlerContext?
    var requestID = RequestID.made(Identifier(high: 0, low: 0))
    /// Whether `head` holds the request that is read or answered.
    var hasHead = false
    var receivedAt: UInt64 = 0
    var peer = ""
    /// Counts requests; an answer to an earlier one is a mistake of ours.
    private(set) var exchange: UInt64 = 0
    private(set) var isAnswering = false
    var plane = 0
    var channelName = ""
    var promisedHeaders: [(String, String)] = []
    private(set) var sentBytes = 0
    private var deadline: UInt64 = .max

    init(limits: HTTPServerLimits) { self.limits = limits }

    var protocolName: StaticString { head.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1" }

    /// - Parameter time: since when it is worked on.
    func request(body: ByteBuffer, at time: UInt64? = nil) -> HTTPRequest {
        HTTPRequest(head: head, body: body, receivedAt: time ?? receivedAt, peer: peer)
    }

    func begin() -> UInt64 {
        exchange += 1
        isAnswering = true
        deadline = .max
        return exchange
    }

    /// Forgets what was said about the request before.
    func forget() {
        hasHead = false
        receivedAt = 0
        plane = 0
        if !channelName.isEmpty { channelName = "" }
        if !promisedHeaders.isEmpty { promisedHeaders = [] }
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
        var body = response.body
        var isGzipped = false
        if limits.compresses, head.acceptsGzip, body.readableBytes >= Gzip.smallestBody,
            let packed = Gzip.compress(body)
        {
            body = packed
            isGzipped = true
        }
        let isBodiless = head.method == .head || response.status == 204 || response.status == 304
        sentBytes = isBodiless ? 0 : body.readableBytes
        send(response, body: &body, isBodiless: isBodiless, isGzipped: isGzipped)
    }

    /// For the protocol: puts it on the wire.
    ///
    /// - Parameter body: what `content-length` counts; sent unless `isBodiless`.
    func send(_ response: HTTPResponse, body: inout ByteBuffer, isBodiless: Bool, isGzipped: Bool) {}
}
