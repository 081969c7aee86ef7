package import Vocabulary

/// How a client behaves, whatever the URL says.
package struct RedisOptions: Sendable {
    /// How long a connection may take to be opened, with TLS and the greeting.
    package var openTimeout: Duration = .seconds(1)
    /// Commands that wait on one connection, at most; more are refused at once.
    package var mostWaiting = 16_384
    /// Bytes of commands that wait on one connection. One command may be larger when nothing waits.
    package var mostWaitingBytes = 16 << 20
    /// Bytes of one reply beyond which the connection is given up.
    package var mostReplyBytes = 64 << 20
    /// Between attempts to open a connection.
    package var backoff = Backoff(base: .milliseconds(50), cap: .seconds(1))
    /// What the server calls our connections (`CLIENT LIST`): letters, digits, `-`, `_`, `.`.
    package var clientName = "weir"
    /// A PEM file of certificates that are trusted besides the system's; empty for none. The URL's `ca` wins.
    package var authorities = ""
    /// Whether an address (4 or 16 bytes) may be connected to. Every address is judged, also those that a server names.
    package var mayConnect: @Sendable ([UInt8]) -> Bool = { _ in true }

    package init() {}
}
