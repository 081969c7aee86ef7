import Storage
import Synchronization
import Testing
import Vocabulary

@testable import AdminAPI

@Suite struct AdminKeysTests {
    private final class Clock: Sendable {
        let time = Mutex(Timestamp(microseconds: 1_700_000_000_000_000))
        var wall: WallClock { WallClock { self.time.withLock { $0 } } }
        func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
    }

    private static func record(_ secret: AdminKeySecret, _ scope: AdminScope, expires: Timestamp? = nil)
        -> AdminKeyRecord
    {
        AdminKeyRecord(
            id: secret.hash.principal, name: "n", scope: scope, prefix: secret.prefix, hash: secret.hash.bytes,
            createdAt: Timestamp(microseconds: 0), expiresAt: expires)
    }

    private func scope(_ keys: AdminKeys, _ value: String?, client: String = "c") -> AdminScope? {
        try? keys.authenticate(value, client: client, at: 0).scope
    }

    @Test func `a made key is random, long enough, and its beginning gives nothing away`() {
        let secrets = (0..<100).map { _ in AdminKeySecret.make() }

        #expect(Set(secrets.map(\.text)).count == 100)
        for secret in secrets {
            #expect(secret.text.hasPrefix("weir_") && secret.text.utf8.count == 48)
            #expect(secret.text.hasPrefix(secret.prefix) && secret.prefix.utf8.count == 10)
            #expect(secret.text.utf8.allSatisfy { $0 != 43 && $0 != 47 && $0 != 61 })
        }
    }

    @Test func `keys from the settings and made ones open the door, hashed ones too`() {
        let secret = AdminKeySecret.make()
        let digits = AdminKeyHash(of: "hashed").bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let keys = AdminKeys(keys: ["plain", "sha256:\(digits)"], readOnlyKeys: ["look"], header: "Authorization")

        keys.install(AdminKeySnapshot(generation: 1, records: [Self.record(secret, .draft)]))

        #expect(scope(keys, "Bearer plain") == .full && scope(keys, "hashed") == .full)
        #expect(scope(keys, "bearer look") == .readOnly && scope(keys, "Bearer " + secret.text) == .draft)
        #expect(scope(keys, "sha256:\(digits)") == nil && scope(keys, nil) == nil && scope(keys, "") == nil)
    }

    @Test func `a key that is revoked is shut out at once, and an older state brings it not back`() {
        let secret = AdminKeySecret.make()
        let keys = AdminKeys(keys: ["other"], readOnlyKeys: [], header: "Authorization")
        keys.install(AdminKeySnapshot(generation: 1, records: [Self.record(secret, .full)]))

        keys.install(AdminKeySnapshot(generation: 2, records: []))
        keys.install(AdminKeySnapshot(generation: 1, records: [Self.record(secret, .full)]))

        #expect(scope(keys, secret.text) == nil)
    }

    @Test func `an expired key opens nothing, and leaves nothing open`() {
        let clock = Clock()
        let secret = AdminKeySecret.make()
        let keys = AdminKeys(keys: [], readOnlyKeys: [], header: "Authorization", clock: clock.wall)
        #expect(keys.isOpen && scope(keys, nil) == .full)
        let end = clock.wall.now() + .seconds(10)
        keys.install(AdminKeySnapshot(generation: 1, records: [Self.record(secret, .full, expires: end)]))

        let before = scope(keys, secret.text)
        clock.advance(by: .seconds(10))

        #expect(before == .full && scope(keys, secret.text) == nil)
        #expect(!keys.isOpen && scope(keys, nil) == nil)
    }

    @Test func `whoever waits is refused with a right key as with a wrong one`() throws {
        let keys = AdminKeys(keys: ["right"], readOnlyKeys: [], header: "Authorization")
        for _ in 0..<6 { _ = scope(keys, "wrong") }

        let refusals = ["right", "wrong"].map { value in
            do throws(Problem) {
                _ = try keys.authenticate(value, client: "c", at: 1)
                return Problem(.internalError, "let in")
            } catch {
                return error
            }
        }

        #expect(refusals[0] == refusals[1] && refusals[0].code == .unauthorized && refusals[0].retryAfter != nil)
        #expect(scope(keys, "right", client: "somebody else") == .full)
        #expect(try keys.authenticate("right", client: "c", at: 600_000_000).scope == .full)
    }

    @Test func `uses are noted to the minute, and told to the store`() async throws {
        let clock = Clock()
        let store = InMemoryStore()
        let secret = AdminKeySecret.make()
        let keys = AdminKeys(keys: [], readOnlyKeys: [], header: "Authorization", clock: clock.wall)
        _ = try await store.commit(AdminKeyChange(put: Self.record(secret, .full)), expecting: 0)
        try await keys.load(from: store)

        #expect(scope(keys, secret.text) == .full)
        let minute = Timestamp(microseconds: clock.wall.now().microseconds / 60_000_000 * 60_000_000)
        #expect(keys.records.first?.lastUsedAt == minute)
        try await keys.flushUses(to: store)

        #expect(try await store.loadAdminKeys().records.first?.lastUsedAt == minute)
    }

    @Test func `nobody is left who could not manage keys`() {
        let now = Timestamp(microseconds: 10)
        let full = Self.record(.make(), .full)
        let expired = Self.record(.make(), .full, expires: now)
        let look = Self.record(.make(), .readOnly)
        let setting = AdminKeys.Principal(name: "key-s", scope: .full)
        func mayRevoke(_ id: String, _ records: [AdminKeyRecord], _ configured: [AdminKeys.Principal] = []) -> Bool {
            (try? AdminKeyRules.checkRevoking(id, of: records, configured: configured, at: now)) != nil
        }
        func mayAdd(_ scope: AdminScope, _ records: [AdminKeyRecord]) -> Bool {
            (try? AdminKeyRules.checkAdding(scope, to: records, configured: [])) != nil
        }

        #expect(!mayAdd(.draft, []) && !mayAdd(.readOnly, []) && mayAdd(.full, []) && mayAdd(.draft, [full]))
        #expect(!mayAdd(.full, Array(repeating: full, count: AdminKeyRules.mostKeys)))
        #expect(!mayRevoke(full.id, [full, look]) && !mayRevoke(full.id, [full, expired]))
        #expect(mayRevoke(look.id, [full, look]) && mayRevoke(full.id, [full, look], [setting]))
        #expect(mayRevoke(full.id, [full]))
    }
}
