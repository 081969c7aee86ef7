/// What instances agree on for a while: counters, claims, permits, notices, announcements. Nothing here may be needed
/// after a restart of everything; what must survive is `Storage`'s.
///
/// Each method is one decision, made at once for all instances and told through its callback:
/// - The callback is called exactly once, on any thread, at once where the answer is known, and never later than the
///   deadline the backend was made with. It must not block.
/// - Decisions about one key are made one after the other. Those that are asked for on one event loop are made in that
///   order, while its connection lasts.
/// - Time is the backend's. No instance's clock decides anything.
/// - ``SharedStateFailure/isOutcomeUnknown`` says whether a failed decision may have been made all the same.
///
/// Keys are any text; a key means the same to all methods of one kind, and nothing to those of another.
package protocol StateSharing: Sendable {
    /// Takes up to ``TokenRequest/wanted`` tokens of a bucket, after putting back what is returned.
    func takeTokens(_ request: TokenRequest, then: @escaping Answer<TokenGrant>)

    /// Claims the work behind a key. Of all who ask while a claim lasts, one wins; its holder may ask again and wins again.
    ///
    /// - Parameters:
    ///   - holder: a name that nobody else uses.
    ///   - lease: after which a claim that was never settled is void.
    func claim(_ key: String, holder: String, lease: Duration, then: @escaping Answer<ClaimAnswer>)

    /// Ends a claim: with the reply that all who claim the key are told from now on, or, with nil, by letting go of it.
    ///
    /// Where the claim is void and nobody else holds the key, a reply is kept all the same: the work was done.
    ///
    /// - Parameter lifetime: how long the reply is kept.
    /// - Returns: whether it was kept or let go of; false where somebody else holds the key, or it is settled.
    func settle(
        _ key: String, holder: String, with reply: [UInt8]?, lifetime: Duration, then: @escaping Answer<Bool>)

    /// Takes one of a number of permits, for as long as its lease is renewed.
    ///
    /// - Returns: whether there was one. A holder that has it gets it again.
    func takePermit(_ request: PermitRequest, then: @escaping Answer<Bool>)

    /// - Returns: whether it was out.
    func returnPermit(_ key: String, holder: String, then: @escaping Answer<Bool>)

    /// Holders that live keep their permits. One that has run out, or was lost with the backend, is out again, even
    /// beyond the limit: its holder is at work.
    func renewPermits(_ key: String, holders: [String], lease: Duration, then: @escaping Answer<Void>)

    /// Puts a notice on a board, over an earlier one of the same name. A board holds ``NoticeLimits/most``; where there
    /// are more, the oldest go.
    func post(_ name: String, on board: String, lifetime: Duration, then: @escaping Answer<Void>)

    /// Takes a notice down.
    func withdraw(_ name: String, from board: String, then: @escaping Answer<Void>)

    /// All notices of a board that have not run out, in no order.
    func read(_ board: String, then: @escaping Answer<[Notice]>)

    /// Tells every instance that listens now, the sender's own listeners included.
    ///
    /// At most once: whoever was cut off missed it. It is a nudge to look, never the truth itself.
    func announce(_ announcement: Announcement, then: @escaping Answer<Void>)

    /// What is announced from now on. Where messages may have been missed, ``Announcement/missed`` comes instead of
    /// them. A listener that is slow loses the oldest.
    func announcements() -> AsyncStream<Announcement>

    /// Whether the backend answers.
    func ping(then: @escaping Answer<Void>)

    /// Ends connections and streams of announcements. What is asked afterwards fails.
    func close() async
}

package typealias Answer<Value> = @Sendable (Result<Value, SharedStateFailure>) -> Void

/// Why a decision was not made, or not told.
package enum SharedStateFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// No answer within the deadline.
    case late
    /// There is no connection; it was not asked.
    case unreachable(String)
    /// The connection ended before the answer came.
    case lost(String)
    /// The backend answered that it could not.
    case refused(String)

    /// Whether the decision may have been made.
    package var isOutcomeUnknown: Bool {
        switch self {
        case .late, .lost: true
        case .unreachable, .refused: false
        }
    }

    package var description: String {
        switch self {
        case .late: "There was no answer in time."
        case .unreachable(let reason), .lost(let reason), .refused(let reason): reason
        }
    }

    /// One word for a label.
    package var word: String {
        switch self {
        case .late: "late"
        case .unreachable: "unreachable"
        case .lost: "lost"
        case .refused: "refused"
        }
    }
}

/// Bounds of boards.
package enum NoticeLimits {
    package static let most = 10_000
}
