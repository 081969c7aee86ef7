/// How much a stranger may send, and how long they may take.
package struct HTTPServerLimits: Sendable {
    package var maxHeadBytes = 32 * 1024
    package var maxHeaders = 100
    /// Bytes of a body, after decompression, for a path.
    package var maxBodyBytes: @Sendable (_ path: UnsafeRawBufferPointer) -> Int = { _ in 1 << 20 }
    /// From the first byte of a request to the end of its head.
    package var headSeconds = 10
    /// For the whole body.
    package var bodySeconds = 30
    /// Between two requests.
    package var idleSeconds = 75
    /// A client that does not read its reply.
    package var writeSeconds = 30
    package var maxConnections = 10_000
    package var compresses = true

    package init() {}
}
