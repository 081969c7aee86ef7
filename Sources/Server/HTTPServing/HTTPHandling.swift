package import Vocabulary

/// What an HTTP server serves.
package protocol HTTPHandling: AnyObject, Sendable {
    /// Called on the connection's event loop, which it must not block. `reply` is answered exactly once, now or later.
    func handle(_ request: HTTPRequest, reply: HTTPReplyHandle)

    /// The response for requests that never become one: malformed, too large, too slow.
    func problem(_ problem: Problem, requestID: String) -> HTTPResponse
}
