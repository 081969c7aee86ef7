import JSONTree
package import Outbound
import Synchronization
import Vocabulary

/// The keys an issuer publishes (RFC 7517, section 5), fetched when they are needed and kept.
package final class RemoteKeySet: Sendable {
    private struct State {
        var freshness = KeySetFreshness()
        var keys = VerificationKeys.none
    }

    private let url: String
    private let outbound: any OutboundHTTP
    private let allowsPrivateAddresses: Bool
    private let observe: RemoteKeySets.Observer
    private let clock: @Sendable () -> UInt64
    private let state = Mutex(State())
    private let flight = SingleFlight<Bool>()

    /// For one fetch, and for waiting for it.
    private let timeout: Duration
    private static let mostBytes = 256 * 1024
    private static let mostKeys = 100
    /// Requests that may wait for one fetch; others are judged by what is known.
    private static let mostWaiters = 64

    init(
        url: String, outbound: any OutboundHTTP, allowsPrivateAddresses: Bool,
        observe: @escaping RemoteKeySets.Observer, timeout: Duration,
        clock: @escaping @Sendable () -> UInt64
    ) {
        self.timeout = timeout
        self.clock = clock
        self.url = url
        self.outbound = outbound
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.observe = observe
    }

    /// The keys to judge by now.
    ///
    /// - Parameter now: ``Stopwatch`` nanoseconds.
    /// - Returns: nil while none are known, or those that are known are too old.
    package func keys(at now: UInt64) -> VerificationKeys? {
        state.withLock { $0.freshness.isUsable(at: now) ? $0.keys : nil }
    }

    /// Whether a fetch is due.
    ///
    /// - Parameter knowsKey: whether the key of the token at hand is known.
    package func advice(knowsKey: Bool, at now: UInt64) -> KeySetFreshness.Action {
        let action = state.withLock { $0.freshness.decide(knowsKey: knowsKey, at: now) }
        guard action == .fetchFirst, flight.waiterCount >= Self.mostWaiters else { return action }
        return keys(at: now) == nil ? .unavailable : .use
    }

    /// Fetches the keys, or waits for whoever is at it. Ends within seconds, whatever the issuer does.
    package func refresh() async {
        _ = await flight.run(waitingAtMost: timeout) {
            // Somebody may have been here between the advice and now.
            guard state.withLock({ $0.freshness.mayFetch(at: clock()) }) else { return true }
            do throws(FetchFault) {
                let keys = try await fetch()
                state.withLock {
                    $0.keys = keys
                    $0.freshness.succeeded(at: clock())
                }
                observe(url, nil)
                return true
            } catch {
                state.withLock {
                    $0.freshness.failed(at: clock(), draw: Double.random(in: 0..<1))
                }
                observe(url, error.reason)
                return false
            }
        }
    }

    private struct FetchFault: Error {
        let reason: String
    }

    private func fetch() async throws(FetchFault) -> VerificationKeys {
        let request = OutboundRequest(
            method: "GET", url: url, headers: [("accept", "application/json"), ("user-agent", "weir")],
            timeout: timeout, maxReplyBytes: Self.mostBytes, allowsPrivateAddresses: allowsPrivateAddresses)
        let reply: OutboundReply
        do throws(OutboundFailure) { reply = try await outbound.send(request) } catch {
            throw FetchFault(reason: "\(error)")
        }
        guard reply.status == 200 else { throw FetchFault(reason: "it answered \(reply.status)") }
        let found = Self.keys(in: reply.body)
        guard !found.isEmpty else { throw FetchFault(reason: "there is no key in it that can check tokens") }
        do { return try await VerificationKeys(found) } catch {
            throw FetchFault(reason: "its keys cannot be used")
        }
    }

    private static func keys(in body: [UInt8]) -> [TokenKey] {
        guard let set = try? OwnedJSON(parsing: body, limits: JSONLimits(depth: 16)) else { return [] }
        return set.read { set in
            guard let list = set.member("keys"), list.isArray else { return [] }
            return (0..<min(list.count, mostKeys)).compactMap { TokenKey(jwk: list[$0]) }
        }
    }
}

/// The key sets in use, one for each address, whoever asks for it: they go on over a reload of the definitions.
package final class RemoteKeySets: Sendable {
    /// Told after each fetch: the address, and what went wrong.
    package typealias Observer = @Sendable (_ url: String, _ fault: String?) -> Void

    private final class Entry {
        weak var set: RemoteKeySet?
        init(_ set: RemoteKeySet) { self.set = set }
    }

    private let outbound: any OutboundHTTP
    private let allowsPrivateAddresses: Bool
    private let observe: Observer
    private let timeout: Duration
    private let clock: @Sendable () -> UInt64
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameters:
    ///   - timeout: for one fetch, and for waiting for it.
    ///   - clock: ``Stopwatch`` nanoseconds.
    package init(
        outbound: any OutboundHTTP, allowsPrivateAddresses: Bool, observe: @escaping Observer = { _, _ in },
        timeout: Duration = .seconds(5), clock: @escaping @Sendable () -> UInt64 = { Stopwatch.nanoseconds() }
    ) {
        self.timeout = timeout
        self.clock = clock
        self.outbound = outbound
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.observe = observe
    }

    package func set(at url: String) -> RemoteKeySet {
        entries.withLock { entries in
            if let known = entries[url]?.set { return known }
            entries = entries.filter { $0.value.set != nil }
            let made = RemoteKeySet(
                url: url, outbound: outbound, allowsPrivateAddresses: allowsPrivateAddresses, observe: observe,
                timeout: timeout, clock: clock)
            entries[url] = Entry(made)
            return made
        }
    }
}
