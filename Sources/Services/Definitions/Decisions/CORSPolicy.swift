/// Which web pages of other origins may call, and what browsers are told about it (the Fetch standard, section 3.3).
///
/// It refuses nobody: a browser keeps the reply from a page that is not allowed. `origin_allow_list` is what refuses.
package struct CORSPolicy: Sendable, Equatable {
    package typealias Headers = [(String, String)]

    private let origins: [OriginPattern]
    /// Where there are any, only origins that these allow too count.
    private let also: [String]
    private let methods: [String]
    /// Nil for any.
    private let headers: [String]?
    private let exposed: String
    private let allowsCredentials: Bool
    private let maxAgeSeconds: Int

    /// What pages may send unless something else is said.
    package static let usualHeaders = [
        "accept", "authorization", "content-type", "idempotency-key", "x-api-key", "x-request-id",
    ]
    /// What pages may read unless something else is said; `RateLimit-*` among it, or clients could not be polite.
    package static let usualExposed = [
        "x-request-id", "retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
    ]
    package static let usualMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    /// Seconds.
    package static let usualMaxAge = 600

    /// - Parameters:
    ///   - methods: upper case.
    ///   - headers: names in any case; `*` for whatever is asked for.
    ///   - allowsCredentials: not with an origin `*`: every site could act in its visitors' names.
    ///   - also: the channel's `origin_allow_list`; empty for none.
    package init(
        origins: [OriginPattern], methods: [String] = usualMethods, headers: [String] = usualHeaders,
        exposed: [String] = usualExposed, allowsCredentials: Bool = false, maxAgeSeconds: Int = usualMaxAge,
        also: [String] = []
    ) {
        precondition(!allowsCredentials || !origins.contains(where: \.isAny), "credentials need named origins")
        self.origins = origins
        self.also = also.contains("*") ? [] : also
        self.methods = methods
        self.headers = headers.contains("*") ? nil : headers.map { $0.lowercased() }
        self.exposed = exposed.map { $0.lowercased() }.joined(separator: ", ")
        self.allowsCredentials = allowsCredentials
        self.maxAgeSeconds = maxAgeSeconds
    }

    /// Whether every origin gets the same reply.
    private var isOpen: Bool { also.isEmpty && origins.contains(where: \.isAny) }

    package func allows(_ origin: String) -> Bool {
        (also.isEmpty || also.contains(origin)) && origins.contains { $0.matches(origin) }
    }

    /// Headers for the reply to a request.
    ///
    /// - Parameter origin: the request's `Origin`; nil where it has none.
    package func replyHeaders(to origin: String?) -> Headers {
        var reply = grant(origin)
        if isOpen || reply.count > 1, !exposed.isEmpty { reply.append(("access-control-expose-headers", exposed)) }
        return reply
    }

    /// Headers for the reply to a pre-flight: the question a browser asks before a request that a form could not send.
    ///
    /// - Parameter requestedHeaders: the value of `Access-Control-Request-Headers`.
    package func preflightHeaders(to origin: String, requestedHeaders: String?) -> Headers {
        let vary = ("vary", "origin, access-control-request-method, access-control-request-headers")
        guard allows(origin) else { return [vary] }
        var reply = grant(origin).filter { $0.0 != "vary" } + [vary]
        reply.append(("access-control-allow-methods", methods.joined(separator: ", ")))
        if let allowed = headers?.joined(separator: ", ") ?? requestedHeaders.flatMap(Self.names), !allowed.isEmpty {
            reply.append(("access-control-allow-headers", allowed))
        }
        reply.append(("access-control-max-age", String(maxAgeSeconds)))
        return reply
    }

    private func grant(_ origin: String?) -> Headers {
        if isOpen { return [("access-control-allow-origin", "*")] }
        // A cache must not give one origin's reply to another, nor one without to one that has one.
        let vary = ("vary", "origin")
        guard let origin, allows(origin) else { return [vary] }
        let grant = [vary, ("access-control-allow-origin", origin)]
        return allowsCredentials ? grant + [("access-control-allow-credentials", "true")] : grant
    }

    /// The list as it was asked for, where it is one of header names.
    private static func names(_ text: String) -> String? {
        let isList = text.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, 32, 44, 45, 95, 46: true
            default: false
            }
        }
        return isList && text.utf8.count <= 4096 ? text : nil
    }
}
