import NIOCore

/// The headers that are the same on every reply, made once: as bytes for HTTP/1.1, as pairs for HTTP/2.
struct FixedHeaders: Sendable {
    let pairs: [(name: String, value: String)]
    let block: ByteBuffer

    /// `default-src 'none'` suits an API that serves no pages.
    private static let security = [
        ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ]

    /// - Parameter isSecure: whether replies go over TLS: over plain connections browsers must ignore a promise of TLS.
    init(_ limits: HTTPServerLimits, isSecure: Bool) {
        var pairs = limits.sendsSecurityHeaders ? Self.security : []
        if isSecure, limits.strictTransportSeconds > 0 {
            pairs.append(("strict-transport-security", "max-age=\(limits.strictTransportSeconds); includeSubDomains"))
        }
        self.pairs = pairs.map { (name: $0.0, value: $0.1) }
        block = ByteBuffer(string: pairs.map { "\($0.0): \($0.1)\r\n" }.joined())
    }
}
