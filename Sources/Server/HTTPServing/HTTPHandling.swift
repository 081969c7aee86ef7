package import Vocabulary

/// What an HTTP server serves.
package protocol HTTPHandling: AnyObject, Sendable {
    /// Called on the connection's event loop, which it must not block. `reply` is answered exactly once, now or later.
    func handle(_ request: HTTPRequest, reply: HTTPReplyHandle)

    /// Called when a response has been handed to the connection: for counting.
    ///
    /// - Parameters:
    ///   - plane: what was set with ``HTTPReplyHandle/mark(plane:)``; 0 where nothing was.
    ///   - receivedAt: ``Stopwatch`` nanoseconds when the request's head was complete.
    func answered(_ response: HTTPResponse, plane: Int, receivedAt: UInt64)

    /// The response for requests that never become one: malformed, too large, too slow.
    func problem(_ problem: Problem, requestID: String) -> HTTPResponse
}
