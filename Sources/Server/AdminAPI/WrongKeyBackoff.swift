import Glibc
import Vocabulary

/// How long a client that showed wrong keys has to wait, in the abstract: it is told the time and touches nothing.
///
/// Some failures are free, then each costs a pause that doubles. A client in a pause is refused whatever it shows, so
/// that the answer tells nothing; what it tries meanwhile does not make the pause longer.
struct WrongKeyBackoff: Sendable {
    static let freeFailures = 5
    static let firstPause: Duration = .milliseconds(500)
    static let longestPause: Duration = .seconds(30)
    /// Since the last failure that counted.
    static let forgottenAfter: Duration = .seconds(300)
    /// Clients that are remembered. Beyond it those go first who have cost nothing yet, then the oldest.
    static let mostClients = 4096

    private struct Failures: Sendable {
        var count: Int
        var at: UInt64
    }

    private var clients: [String: Failures] = [:]

    var count: Int { clients.count }

    /// - Returns: how much longer this client is refused, or nil.
    func pause(of client: String, at now: UInt64) -> Duration? {
        guard let known = clients[Self.group(client)] else { return nil }
        let elapsed = Self.elapsed(since: known.at, now)
        guard elapsed < Self.forgottenAfter else { return nil }
        let left = Self.pause(after: known.count) - elapsed
        return left > .zero ? left : nil
    }

    /// - Returns: the pause that this failure costs, or nil.
    mutating func noteFailure(_ client: String, at now: UInt64) -> Duration? {
        let group = Self.group(client)
        var known = clients[group] ?? Failures(count: 0, at: now)
        if Self.elapsed(since: known.at, now) >= Self.forgottenAfter { known.count = 0 }
        if clients[group] == nil, clients.count >= Self.mostClients { makeRoom(at: now) }
        known = Failures(count: known.count + 1, at: now)
        clients[group] = known
        let pause = Self.pause(after: known.count)
        return pause > .zero ? pause : nil
    }

    private static func pause(after failures: Int) -> Duration {
        guard failures > freeFailures else { return .zero }
        return min(longestPause, firstPause * (1 << min(failures - freeFailures - 1, 20)))
    }

    private static func elapsed(since start: UInt64, _ now: UInt64) -> Duration {
        .nanoseconds(now > start ? Int64(min(now - start, UInt64(Int64.max))) : 0)
    }

    /// A quarter at a time, so that a flood of addresses pays for sorting rarely.
    private mutating func makeRoom(at now: UInt64) {
        clients = clients.filter { Self.elapsed(since: $0.value.at, now) < Self.forgottenAfter }
        let surplus = clients.count - Self.mostClients * 3 / 4
        guard surplus > 0 else { return }
        func rank(_ failures: Failures) -> (Int, UInt64) {
            (failures.count > Self.freeFailures ? 1 : 0, failures.at)
        }
        for (client, _) in clients.sorted(by: { rank($0.value) < rank($1.value) }).prefix(surplus) {
            clients[client] = nil
        }
    }

    /// Whoever has one IPv6 address has the other 2^64 of its network too: they count as one client.
    static func group(_ client: String) -> String {
        guard client.contains(":") else { return client }
        var address = in6_addr()
        guard inet_pton(AF_INET6, client, &address) == 1 else { return client }
        let bytes = withUnsafeBytes(of: &address) { Array($0) }
        let isMapped = bytes[0..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        guard !isMapped else { return bytes[12...].map(String.init).joined(separator: ".") }
        return bytes[0..<8].map { String($0, radix: 16) }.joined(separator: ":") + "/64"
    }
}
