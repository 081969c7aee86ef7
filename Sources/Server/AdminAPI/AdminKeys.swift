package import Storage
import Synchronization
package import Vocabulary

/// Who may use the admin API: keys from the settings, and keys made over the API.
///
/// The store keeps the latter; a copy is held here, so that asking costs no database. It is brought up to date with
/// every key that comes or goes.
package final class AdminKeys: Sendable {
    package struct Principal: Sendable, Equatable {
        /// `key-` and 16 hex digits, or `anonymous`.
        package var name: String
        package var scope: AdminScope
    }

    private struct Known: Sendable {
        var hash: AdminKeyHash
        var principal: Principal
        var expiresAt: Timestamp?
    }

    private struct Issued: Sendable {
        var snapshot = AdminKeySnapshot(generation: -1, records: [])
        var keys: [Known] = []
        /// To the minute, by id: what the store has not been told.
        var uses: [String: Timestamp] = [:]
    }

    /// Keys from the settings.
    let configured: [Principal]
    private let settled: [Known]
    private let issued = Mutex(Issued())
    private let failures = Mutex(WrongKeyBackoff())
    private let header: String
    private let clock: WallClock
    private let failed: @Sendable () -> Void

    /// - Parameters:
    ///   - keys: plain text, or `sha256:` and 64 hex digits.
    ///   - header: the header that carries a key, any case.
    ///   - failed: called for every request that is refused.
    package init(
        keys: [String], readOnlyKeys: [String], header: String, clock: WallClock = .system,
        failed: @escaping @Sendable () -> Void = {}
    ) {
        self.failed = failed
        self.clock = clock
        self.header = header.lowercased()
        settled = (keys.map { ($0, .full) } + readOnlyKeys.map { ($0, .readOnly) }).map { key, scope in
            let hash = Self.hash(key)
            return Known(hash: hash, principal: Principal(name: hash.principal, scope: scope))
        }
        configured = settled.map(\.principal)
    }

    private static func hash(_ key: String) -> AdminKeyHash {
        guard key.hasPrefix("sha256:") else { return AdminKeyHash(of: key) }
        let digits = Array(key.dropFirst(7).utf8)
        return AdminKeyHash(
            digest: stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
            })
    }

    /// No key at all: whoever reaches the server may do everything. A key that has expired is still one.
    package var isOpen: Bool { settled.isEmpty && issued.withLock { $0.keys.isEmpty } }

    /// The caller, or why not. Every cause looks the same from outside.
    ///
    /// - Parameters:
    ///   - value: the header's value, with or without `Bearer`.
    ///   - client: whose failures count together.
    ///   - nanoseconds: ``Stopwatch`` time.
    package func authenticate(
        _ value: String?, client: String, at nanoseconds: UInt64
    ) throws(Problem) -> Principal {
        do throws(Problem) { return try check(value, client: client, at: nanoseconds) } catch {
            failed()
            throw error
        }
    }

    private func check(_ value: String?, client: String, at nanoseconds: UInt64) throws(Problem) -> Principal {
        let known = settled + issued.withLock { $0.keys }
        guard !known.isEmpty else { return Principal(name: "anonymous", scope: .full) }
        func refusal(_ pause: Duration?) -> Problem {
            Problem(.unauthorized, "An admin key is needed.", retryAfter: pause)
        }
        if let pause = failures.withLock({ $0.pause(of: client, at: nanoseconds) }) { throw refusal(pause) }
        guard let value else { throw refusal(nil) }
        let isBearer = value.utf8.count > 7 && value.prefix(7).lowercased() == "bearer "
        let hash = AdminKeyHash(of: isBearer ? String(value.dropFirst(7)) : value)
        let now = clock.now()
        // All of them, so that the time does not tell which one it was.
        var found: Principal?
        for key in known where key.hash.matches(hash) && key.expiresAt.map({ now < $0 }) ?? true {
            found = key.principal
        }
        guard let found else {
            throw refusal(failures.withLock { $0.noteFailure(client, at: nanoseconds) })
        }
        noteUse(of: found.name, at: now)
        return found
    }

    /// The value of the header that carries a key.
    package func value(in request: AdminRequest) -> String? { request.header(header) }

    /// The header's name, in lower case.
    package var headerName: String { header }

    /// Whether this header's value is a key; for pages that only ask yes or no.
    package func accepts(_ value: String?, client: String) -> Bool {
        if isOpen { return OpenAdmin.isLoopback(client) }
        guard value != nil else { return false }
        return (try? authenticate(value, client: client, at: Stopwatch.nanoseconds())) != nil  // no is the answer
    }
}

/// Keys made over the API.
extension AdminKeys {
    /// - Parameter isAnew: also where the store has an older state than is known.
    package func load(from store: any AdminKeyStore, anew isAnew: Bool = false) async throws(StorageFailure) {
        install(try await store.loadAdminKeys(), anew: isAnew)
    }

    /// In effect when it returns; an older state than is known already changes nothing, unless `anew`.
    func install(_ snapshot: AdminKeySnapshot, anew isAnew: Bool = false) {
        let keys = snapshot.records.map { record in
            Known(
                hash: AdminKeyHash(digest: record.hash), principal: Principal(name: record.id, scope: record.scope),
                expiresAt: record.expiresAt)
        }
        issued.withLock { issued in
            guard isAnew || snapshot.generation > issued.snapshot.generation else { return }
            issued.snapshot = snapshot
            issued.keys = keys
            issued.uses = issued.uses.filter { use in snapshot.records.contains { $0.id == use.key } }
        }
    }

    /// Of the keys that are known here.
    package var generation: Int64 { issued.withLock { $0.snapshot.generation } }

    /// As they are now, uses that the store has not been told included.
    var records: [AdminKeyRecord] {
        issued.withLock { issued in
            issued.snapshot.records.map { record in
                var record = record
                if let use = issued.uses[record.id] { record.lastUsedAt = use }
                return record
            }
        }
    }

    private func noteUse(of name: String, at now: Timestamp) {
        let minute = Timestamp(microseconds: now.microseconds / 60_000_000 * 60_000_000)
        issued.withLock { issued in
            guard let place = issued.snapshot.records.firstIndex(where: { $0.id == name }),
                issued.uses[name] ?? issued.snapshot.records[place].lastUsedAt ?? .init(microseconds: .min) < minute
            else { return }
            issued.uses[name] = minute
        }
    }

    /// Tells the store of uses it does not know; for upkeep, now and then.
    package func flushUses(to store: any AdminKeyStore) async throws(StorageFailure) {
        let uses = issued.withLock { $0.uses }
        guard !uses.isEmpty else { return }
        try await store.noteUse(ofAdminKeys: uses)
        issued.withLock { issued in
            for place in issued.snapshot.records.indices {
                let id = issued.snapshot.records[place].id
                guard let told = uses[id] else { continue }
                issued.snapshot.records[place].lastUsedAt = told
                if issued.uses[id] == told { issued.uses[id] = nil }
            }
        }
    }
}
