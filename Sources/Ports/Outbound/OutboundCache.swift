/// Why a cache has no answer.
package enum CacheFailure: Error, Sendable, Equatable {
    /// Nothing of it was done.
    case unreachable(String)
    /// The connection broke on the way: it may have been done.
    case lost(String)
    /// It may have been done.
    case timedOut
    /// The cache refused it: its reason, for whoever asked. The same again would be refused again.
    case refused(String)
    /// It cannot be used as it is set up: the URL is none, leads where this connector may not go, or has the wrong user or
    /// password. Nothing was done.
    case denied(String)

    /// For people: without a full stop.
    package var reason: String {
        switch self {
        case .unreachable(let reason), .lost(let reason), .refused(let reason), .denied(let reason): reason
        case .timedOut: "there was no answer in time"
        }
    }

    /// Whether the same may succeed in a moment.
    package var isPassing: Bool {
        switch self {
        case .unreachable, .lost, .timedOut: true
        case .refused, .denied: false
        }
    }

    /// Whether what was asked for may have been done.
    package var mayBeDone: Bool {
        switch self {
        case .lost, .timedOut: true
        case .unreachable, .refused, .denied: false
        }
    }
}

/// A cache of somebody else's: bytes under keys, each for a while.
package protocol OutboundCache: Sendable {
    /// - Returns: for each key what is there; nil for what is not.
    func read(_ keys: [String], within limit: Duration) async throws(CacheFailure) -> [[UInt8]?]
    /// - Parameter seconds: how long it is kept; nil for as long as there is room.
    func write(_ key: String, _ value: [UInt8], seconds: Int?, within limit: Duration) async throws(CacheFailure)
    /// - Returns: how many were there.
    func delete(_ keys: [String], within limit: Duration) async throws(CacheFailure) -> Int
    /// Adds to a number, which begins at 0; `seconds` count from when it was made.
    func increment(
        _ key: String, by step: Int64, seconds: Int?, within limit: Duration
    ) async throws(CacheFailure) -> Int64
    func close() async
}

/// Opens caches by URL; the first call connects.
package protocol CacheOpening: Sendable {
    /// Schemes of the URLs it opens.
    var schemes: [String] { get }
    /// - Parameter allowsPrivateAddresses: whether it may lead to addresses that not everybody can reach, whoever names
    ///   them; see ``AddressRule``.
    /// - Throws: `denied` where the URL is none. It quotes nothing of the URL.
    func open(url: String, allowsPrivateAddresses: Bool) throws(CacheFailure) -> any OutboundCache
}
