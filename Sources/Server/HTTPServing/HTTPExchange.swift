/// One request and what became of it, while its reply goes out: nothing here may be kept.
package struct HTTPExchange {
    let outlet: HTTPOutlet

    /// What was set with ``HTTPReplyHandle/mark(plane:)``; 0 where nothing was.
    package var plane: Int { outlet.plane }
    /// ``Stopwatch`` nanoseconds when the request's head was complete.
    package var receivedAt: UInt64 { outlet.receivedAt }
    /// The request without its body; nil where its head could not be read.
    package var request: HTTPRequest? { outlet.hasHead ? outlet.request(body: .init()) : nil }
    /// The peer's address as text.
    package var peer: String { outlet.peer }
    package var requestID: String { outlet.requestID.text }
    /// What was set with ``HTTPReplyHandle/mark(channel:)``; empty where nothing was.
    package var channel: String { outlet.channelName }
    /// Bytes of the reply's body as it was sent.
    package var sentBytes: Int { outlet.sentBytes }
    package var protocolName: StaticString { outlet.protocolName }
}
