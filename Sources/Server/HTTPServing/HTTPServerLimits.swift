/// How much a stranger may send, how long they may take, and what is said on every reply.
package struct HTTPServerLimits: Sendable {
    package var maxHeadBytes = 32 * 1024
    package var maxHeaders = 100
    /// Bytes of a request's target: path and query.
    package var maxTargetBytes = 8 * 1024
    /// From the first byte of a request to the end of its head; also for a TLS handshake.
    package var headSeconds = 10
    /// For the whole body.
    package var bodySeconds = 30
    /// Between two requests.
    package var idleSeconds = 75
    /// A client that does not read its reply.
    package var writeSeconds = 30
    package var compresses = true
    package var speaksHTTP2 = true
    /// Requests at a time on one HTTP/2 connection.
    package var maxStreams = 100
    package var sendsSecurityHeaders = true
    /// Of `Strict-Transport-Security`, sent over TLS alone; 0 for none.
    package var strictTransportSeconds = 63_072_000

    package init() {}
}
