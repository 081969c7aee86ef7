import NIOCore
import Vocabulary

/// The part of receiving that is the same in every version of HTTP: from a head's bytes to the handler.
class HTTPReceiver<Handler: HTTPHandling>: HTTPOutlet {
    let handler: Handler
    private(set) var bodyLimit = 0
    private let parser: HTTPHeadParser

    init(handler: Handler, limits: HTTPServerLimits) {
        self.handler = handler
        parser = HTTPHeadParser(maxHeaders: limits.maxHeaders, maxTargetBytes: limits.maxTargetBytes)
        super.init(limits: limits)
    }

    /// - Parameters:
    ///   - bytes: the head alone, as HTTP/1.1 writes it.
    ///   - identifier: the request's name unless its sender gives one.
    func take(head bytes: ByteBuffer, identifier: Identifier) throws(Problem) {
        forget()
        receivedAt = Stopwatch.nanoseconds()
        head.buffer = bytes
        requestID = .made(identifier)
        let parsed = bytes.withUnsafeReadableBytes { all -> Problem? in
            do throws(Problem) {
                try parser.parse(all, into: head)
                if let span = head.requestID {
                    requestID = .given(String(decoding: span.bytes(of: all), as: UTF8.self))
                }
                return nil
            } catch {
                return error
            }
        }
        if let parsed { throw parsed }
        hasHead = true
    }

    /// Finds out how large the body may be, and refuses one that says it is larger before any of it is read.
    func expectBody() throws(Problem) {
        bodyLimit = handler.bodyLimit(of: request(body: ByteBuffer()))
        if case .length(let length) = head.framing, length > bodyLimit { throw bodyTooLarge }
    }

    var bodyTooLarge: Problem {
        Problem(.payloadTooLarge, "The body has more than the \(bodyLimit) bytes allowed.")
    }

    func handOver(_ body: ByteBuffer) throws(Problem) {
        let whole = head.isGzipped && body.readableBytes > 0 ? try Gzip.expand(body, limit: bodyLimit) : body
        guard let context else { return }
        let exchange = begin()
        let reply = HTTPReplyHandle(
            connection: NIOLoopBound(self, eventLoop: context.eventLoop), exchange: exchange,
            eventLoop: context.eventLoop)
        // How long a body was on its way is not the time of what it is for.
        let wholeAt = body.readableBytes > 0 ? Stopwatch.nanoseconds() : receivedAt
        handler.handle(request(body: whole, at: wholeAt), reply: reply)
    }

    override func count(_ response: HTTPResponse) { handler.answered(response, to: HTTPExchange(outlet: self)) }

    /// Writes and counts the answer to what is not handed over.
    func writeRefusal(_ problem: Problem) {
        head.acceptsGzip = false
        if !hasHead { head.method = .other }
        if receivedAt == 0 { receivedAt = Stopwatch.nanoseconds() }
        let response = handler.problem(problem, requestID: requestID.text, of: hasHead ? request(body: .init()) : nil)
        write(response)
        count(response)
    }
}
