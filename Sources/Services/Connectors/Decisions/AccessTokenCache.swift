/// When an access token is used, asked for anew, or not asked for, in the abstract: it is told the time.
package struct AccessTokenCache: Sendable, Equatable {
    package enum Decision: Sendable, Equatable {
        case use(String)
        /// Ask for a new one. `meanwhile` is still good, for those who need not ask themselves.
        case ask(meanwhile: String?)
        /// The last answer was a no, and asking again so soon would bring the same.
        case refused(OAuth2Fault)
    }

    private struct Held: Sendable, Equatable {
        var token: String
        var renewAt: UInt64
        var expiresAt: UInt64
    }

    /// How long a no stands.
    package static let refusalStands: UInt64 = 30 * 1_000_000_000
    /// Between two tokens that were given up because a server would not have them: a server that takes none must not make
    /// us ask for one with every call.
    package static let dropPause: UInt64 = 5 * 1_000_000_000

    /// Nanoseconds before its end that a token is renewed.
    private let margin: UInt64
    private var held: Held?
    private var refusal: OAuth2Fault?
    private var refusedUntil: UInt64 = 0
    private var mayDropAt: UInt64 = 0

    package init(marginSeconds: Int) { margin = UInt64(marginSeconds) * 1_000_000_000 }

    package func decide(at now: UInt64) -> Decision {
        if let held, now < held.renewAt { return .use(held.token) }
        let meanwhile = held.flatMap { now < $0.expiresAt ? $0.token : nil }
        if let refusal, now < refusedUntil { return meanwhile.map { .use($0) } ?? .refused(refusal) }
        return .ask(meanwhile: meanwhile)
    }

    /// - Parameters:
    ///   - lifetime: seconds.
    ///   - draw: 0..<1, so that those who were given tokens together do not renew them together.
    package mutating func received(_ token: String, lifetime: Double, at now: UInt64, draw: Double) {
        let nanoseconds = UInt64(min(max(lifetime, 1), 86_400 * 30) * 1e9)
        // A short-lived token is used for half of its life at least.
        let early = min(margin, nanoseconds / 2)
        let jitter = UInt64(Double(early) * 0.2 * min(max(draw, 0), 1))
        held = Held(token: token, renewAt: now + nanoseconds - early - jitter, expiresAt: now + nanoseconds)
        refusal = nil
    }

    package mutating func refused(_ fault: OAuth2Fault, at now: UInt64) {
        refusal = fault
        refusedUntil = now + Self.refusalStands
    }

    /// The server that the token is for would not have it.
    ///
    /// - Returns: whether it is worth asking for another.
    package mutating func drop(_ token: String, at now: UInt64) -> Bool {
        guard held?.token == token else { return true }  // somebody has another already
        guard now >= mayDropAt else { return false }
        held = nil
        mayDropAt = now + Self.dropPause
        return true
    }
}

/// Why there is no access token.
package enum OAuth2Fault: Error, Sendable, Equatable {
    /// The authorisation server said no: with what code.
    case refused(String)
    /// No answer, or none that can be used: it may be fine in a moment.
    case unavailable(String)
    case notAllowed(String)
    case timedOut
}
