package import Vocabulary

/// What an HTTP server serves.
package protocol HTTPHandling: AnyObject, Sendable {
    /// Called on the connection's event loop, which it must not block. `reply` is answered exactly once, now or later.
    func handle(_ request: HTTPRequest, reply: HTTPReplyHandle)

    /// Bytes the body of this request may have, after decompression. Asked where there is a body, before it is read;
    /// `request` has none yet.
    func bodyLimit(of request: HTTPRequest) -> Int

    /// Called when a response has been handed to the connection: for counting and the access log.
    func answered(_ response: HTTPResponse, to exchange: HTTPExchange)

    /// The response for requests that are not handed over: malformed, too large, too slow.
    ///
    /// - Parameter request: its head, where that could be read.
    func problem(_ problem: Problem, requestID: String, of request: HTTPRequest?) -> HTTPResponse
}
