package import NIOCore

/// Where the answer to one request goes. Answer it once, on its event loop.
package struct HTTPReplyHandle: Sendable {
    let connection: NIOLoopBound<HTTPOutlet>
    let exchange: UInt64
    package let eventLoop: any EventLoop

    /// The request's name, for envelopes and logs. On the event loop only.
    package var requestID: String { connection.value.requestID.text }

    /// Says which part of the server answers, for counting. On the event loop only.
    package func mark(plane: Int) { connection.value.plane = plane }

    /// Says which channel answers, for the access log. On the event loop only.
    package func mark(channel: String) { connection.value.channelName = channel }

    /// Headers the answer will carry whatever it is, an error too. On the event loop only.
    package func promise(headers: [(String, String)]) { connection.value.promisedHeaders = headers }

    /// Sends the answer. A client that has gone away gets nothing, and that is no error.
    package func send(_ response: HTTPResponse) {
        connection.value.answer(response, exchange: exchange)
    }
}
