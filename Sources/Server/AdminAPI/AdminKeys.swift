import Crypto
import Synchronization
package import Vocabulary

/// Who may use the admin API.
package final class AdminKeys: Sendable {
    package struct Principal: Sendable, Equatable {
        package var name: String
        package var isReadOnly: Bool
    }

    private let keys: [(hash: [UInt8], isReadOnly: Bool)]
    private let header: String
    private let failed: @Sendable () -> Void
    private let failures = Mutex<[String: (count: Int, at: UInt64)]>([:])

    /// Failures that cost nothing; afterwards each costs time, doubling from 500 ms to 30 s.
    private static let freeFailures = 5
    private static let forgottenAfter: UInt64 = 300_000_000_000

    /// - Parameters:
    ///   - keys: plain text, or `sha256:` and 64 hex digits.
    ///   - failed: called for every request that is refused.
    package init(
        keys: [String], readOnlyKeys: [String], header: String, failed: @escaping @Sendable () -> Void = {}
    ) {
        self.failed = failed
        self.header = header.lowercased()
        self.keys =
            keys.map { (Self.hash($0), false) } + readOnlyKeys.map { (Self.hash($0), true) }
    }

    package var isOpen: Bool { keys.isEmpty }

    private static func hash(_ key: String) -> [UInt8] {
        if key.hasPrefix("sha256:") {
            let digits = Array(key.dropFirst(7).utf8)
            return stride(from: 0, to: digits.count - 1, by: 2).map {
                UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16) ?? 0
            }
        }
        return Array(SHA256.hash(data: Array(key.utf8)))
    }

    /// The caller, or why not. Every cause looks the same from outside.
    package func authenticate(
        _ value: String?, peer: String, at nanoseconds: UInt64
    ) throws(Problem) -> Principal {
        do throws(Problem) { return try check(value, peer: peer, at: nanoseconds) } catch {
            failed()
            throw error
        }
    }

    private func check(_ value: String?, peer: String, at nanoseconds: UInt64) throws(Problem) -> Principal {
        guard !keys.isEmpty else { return Principal(name: "anonymous", isReadOnly: false) }
        let refusal = Problem(.unauthorized, "An admin key is needed.")
        guard !isBlocked(peer, at: nanoseconds), let value else { throw refusal }
        var given = value
        if header == "authorization", value.lowercased().hasPrefix("bearer ") { given = String(value.dropFirst(7)) }
        let hash = Array(SHA256.hash(data: Array(given.utf8)))
        var found: Principal?
        for key in keys where Self.isSame(key.hash, hash) {
            let digits = Array("0123456789abcdef".utf8)
            let name = SHA256.hash(data: hash).prefix(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
            found = Principal(name: "key-" + String(decoding: name, as: UTF8.self), isReadOnly: key.isReadOnly)
        }
        guard let found else {
            noteFailure(peer, at: nanoseconds)
            throw refusal
        }
        return found
    }

    package func value(in request: AdminRequest) -> String? { request.header(header) }

    /// Whether this header's value is a key; for pages that only ask yes or no.
    package func accepts(_ value: String?, peer: String) -> Bool {
        guard value != nil || keys.isEmpty else { return false }
        return (try? authenticate(value, peer: peer, at: Stopwatch.nanoseconds())) != nil  // no is the answer
    }

    /// In a time that does not depend on where they differ.
    private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private func isBlocked(_ peer: String, at now: UInt64) -> Bool {
        failures.withLock { failures in
            guard let known = failures[peer], known.count > Self.freeFailures else { return false }
            guard now - known.at < Self.forgottenAfter else {
                failures[peer] = nil
                return false
            }
            let pause = min(30_000, 500 << min(known.count - Self.freeFailures - 1, 6))
            return now - known.at < UInt64(pause) * 1_000_000
        }
    }

    private func noteFailure(_ peer: String, at now: UInt64) {
        failures.withLock { failures in
            if failures.count > 10_000 { failures = failures.filter { now - $0.value.at < Self.forgottenAfter } }
            guard failures.count <= 20_000 else { return }
            failures[peer] = ((failures[peer]?.count ?? 0) + 1, now)
        }
    }
}
