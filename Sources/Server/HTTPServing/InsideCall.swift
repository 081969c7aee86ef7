package import NIOCore
package import Vocabulary

/// A request that comes from inside this process and goes through a handler like one that came over a connection.
package enum InsideCall {
    /// - Parameters:
    ///   - path: as in a request line, escaped.
    ///   - headers: a `host` among them; without lengths and encodings.
    ///   - peer: whom the handler is to see as the client.
    ///   - loop: the event loop this is called on.
    ///   - answered: called once with the answer; with 503 where the handler lets go of the request without one.
    ///   - handle: hands the request over; see ``HTTPHandling/handle(_:reply:)``.
    /// - Throws: a problem where the headers would not be taken from a connection either; nothing is called then.
    package static func begin(
        _ method: String, _ path: String, headers: [(String, String)], body: [UInt8], peer: String,
        requestID: String, on loop: any EventLoop, answered: @escaping @Sendable (HTTPResponse) -> Void,
        _ handle: (HTTPRequest, HTTPReplyHandle) -> Void
    ) throws(Problem) {
        var text = "\(method) \(path) HTTP/1.1\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        text += "\r\n"
        let request = try HTTPRequest(head: text, body: body, peer: peer)
        let outlet = InsideOutlet(requestID: requestID, answered: answered)
        handle(
            request,
            HTTPReplyHandle(connection: NIOLoopBound(outlet, eventLoop: loop), exchange: 0, eventLoop: loop))
    }
}

/// Takes the answer to a request that has no connection.
private final class InsideOutlet: HTTPOutlet {
    private var waiting: (@Sendable (HTTPResponse) -> Void)?

    init(requestID: String, answered: @escaping @Sendable (HTTPResponse) -> Void) {
        waiting = answered
        super.init(limits: HTTPServerLimits())
        self.requestID = .given(requestID)
    }

    override func answer(_ response: HTTPResponse, exchange: UInt64) {
        precondition(waiting != nil, "a request from inside was answered twice")
        waiting?(response)
        waiting = nil
    }

    deinit { waiting?(HTTPResponse(status: 503, contentType: nil, body: ByteBuffer())) }
}
