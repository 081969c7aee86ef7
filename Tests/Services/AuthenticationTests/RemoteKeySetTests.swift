import Authentication
import JSONTree
import Outbound
import Seeds
import Synchronization
import Testing
import TokenForging
import Vocabulary

/// An issuer whose word can be changed while the test runs.
private final class Issuer: Sendable {
    let word = Mutex<Result<String, OutboundFailure>>(.failure(.timedOut))
    let asked = Atomic<Int>(0)
    let now = Mutex<UInt64>(1_000_000_000_000)

    func keySets() -> RemoteKeySets {
        RemoteKeySets(
            outbound: ScriptedOutbound { [self] request throws(OutboundFailure) in
                asked.add(1, ordering: .relaxed)
                let body = try word.withLock { $0 }.get()
                return OutboundReply(status: 200, body: Array(body.utf8))
            }, allowsPrivateAddresses: false, timeout: .seconds(3600), clock: { self.now.withLock { $0 } })
    }

    func say(_ keys: String...) { word.withLock { $0 = .success("{\"keys\":[\(keys.joined(separator: ","))]}") } }
    func pass(seconds: UInt64) { now.withLock { $0 += seconds * 1_000_000_000 } }
    func fallSilent() { word.withLock { $0 = .failure(.unreachable("gone")) } }
}

@Suite struct RemoteKeySetTests {
    private static let claims = #"{"sub":"ada","exp":1800000100}"#
    private static let second: UInt64 = 1_000_000_000

    private func check(_ issuer: Issuer, _ algorithms: [TokenAlgorithm]) async throws -> TokenCheck {
        var rules = TokenRules(algorithms: algorithms)
        rules.keySetURL = "https://issuer.example/keys"
        return try await TokenCheck(rules, keySets: issuer.keySets())
    }

    /// Judges as a server does: what has to be fetched is fetched once, then the answer stands.
    private func ask(_ check: TokenCheck, _ token: String, _ issuer: Issuer) async -> String {
        let now = issuer.now.withLock { $0 }
        let first = TokenCheckTests.judge(check, "Bearer \(token)", nanoseconds: now)
        if case .undecided(let work?) = first {
            await work()
            let again = TokenCheckTests.judge(check, "Bearer \(token)", nanoseconds: now, mayWait: false)
            return "fetched, " + name(again)
        }
        return name(first)
    }

    private func name(_ verdict: CallerVerdict) -> String {
        switch verdict {
        case .accepted: "accepted"
        case .refused(let reason): reason.rawValue
        case .undecided: "undecided"
        }
    }

    @Test func `keys are fetched when the first token comes, and used from then on`() async throws {
        let forge = try TokenCheckTests.forge.get()
        let issuer = Issuer()
        issuer.say(
            #"{"kty":"oct","kid":"s","k":"c2VjcmV0"}"#, #"{"kty":"RSA","kid":"broken","n":"!","e":"AQAB"}"#,
            #"{"kty":"EC","kid":"curve","crv":"secp256k1","x":"AA","y":"AA"}"#, "7",
            try forge.jwk(for: "RS256", id: "enc", more: #","use":"enc","alg":"RSA-OAEP-256""#),
            try forge.jwk(for: "RS256", id: "r"), try forge.jwk(for: "ES256", id: "e", more: #","use":"sig""#),
            try forge.jwk(for: "EdDSA", id: "d", more: #","alg":"EdDSA""#))
        let check = try await check(issuer, [.rs256, .ps512, .es256, .eddsa, .hs256])

        #expect(
            await ask(check, try forge.sign("RS256", claims: Self.claims, kid: "r"), issuer) == "fetched, accepted")
        for (algorithm, kid) in [("PS512", "r"), ("ES256", "e"), ("EdDSA", "d"), ("RS256", nil)] {
            #expect(await ask(check, try forge.sign(algorithm, claims: Self.claims, kid: kid), issuer) == "accepted")
        }
        #expect(await ask(check, try forge.sign("RS256", claims: Self.claims, kid: "enc"), issuer) == "unknown_key")
        #expect(await ask(check, try forge.sign("HS256", claims: Self.claims, kid: "s"), issuer) == "unknown_key")
        #expect(issuer.asked.load(ordering: .relaxed) == 1)
    }

    @Test func `a key nobody knows asks the issuer once in a while, not once for each token`() async throws {
        let forge = try TokenCheckTests.forge.get()
        let issuer = Issuer()
        issuer.say(try forge.jwk(for: "ES256", id: "one"))
        let check = try await check(issuer, [.es256])
        let token = try forge.sign("ES256", claims: Self.claims, kid: "two")

        #expect(await ask(check, token, issuer) == "fetched, unknown_key")
        for _ in 0..<5 {
            issuer.pass(seconds: 5)
            #expect(await ask(check, token, issuer) == "unknown_key")
        }
        #expect(issuer.asked.load(ordering: .relaxed) == 1)
        issuer.say(try forge.jwk(for: "ES256", id: "two"))
        issuer.pass(seconds: 5)
        #expect(await ask(check, token, issuer) == "fetched, accepted")
    }

    @Test func `while the issuer is silent the keys that are known are used, and without any nobody is let in`()
        async throws
    {
        let forge = try TokenCheckTests.forge.get()
        let issuer = Issuer()
        let check = try await check(issuer, [.es256])
        let token = try forge.sign("ES256", claims: Self.claims, kid: "one")

        #expect(await ask(check, token, issuer) == "fetched, undecided")
        #expect(await ask(check, token, issuer) == "undecided")  // not asked again at once
        #expect(issuer.asked.load(ordering: .relaxed) == 1)

        let other = Issuer()
        other.say(try forge.jwk(for: "ES256", id: "one"))
        let known = try await self.check(other, [.es256])
        #expect(await ask(known, token, other) == "fetched, accepted")
        other.fallSilent()
        other.pass(seconds: 3600)
        let now = other.now.withLock { $0 }
        let work = try #require(known.upkeep(at: now))
        #expect(known.upkeep(at: now) == nil)  // one is sent, not all
        await work()
        #expect(other.asked.load(ordering: .relaxed) == 2)
        #expect(await ask(known, token, other) == "accepted")
        other.pass(seconds: 24 * 3600)
        #expect(await ask(known, token, other) == "fetched, undecided")
    }

    @Test func `many who want the keys make one call`() async throws {
        let forge = try TokenCheckTests.forge.get()
        let issuer = Issuer()
        issuer.say(try forge.jwk(for: "ES256", id: "one"))
        let check = try await check(issuer, [.es256])
        let token = try forge.sign("ES256", claims: Self.claims, kid: "one")

        let said = await withTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { await self.ask(check, token, issuer) } }
            return await group.reduce(into: []) { $0.append($1) }
        }

        #expect(said.allSatisfy { $0.hasSuffix("accepted") } && said.count == 50)
        #expect(issuer.asked.load(ordering: .relaxed) == 1)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `keys are never fetched twice within the pause, and never used beyond their bound`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var freshness = KeySetFreshness()
        var now: UInt64 = 0
        var succeededAt: UInt64?
        var triedAt: UInt64?
        for _ in 0..<200 {
            now += UInt64.random(in: 0...(random.chance(oneIn: 20) ? 90_000 : 100), using: &random) * Self.second
            let action = freshness.decide(knowsKey: Bool.random(using: &random), at: now)
            let isUsable = succeededAt.map { now - $0 < KeySetFreshness.usableFor } ?? false
            switch action {
            case .use, .useAndFetch: #expect(isUsable, "seed \(seed)")
            case .unavailable: #expect(!isUsable, "seed \(seed)")
            case .fetchFirst: break
            }
            guard action == .fetchFirst || action == .useAndFetch else { continue }
            if let succeededAt, triedAt == succeededAt { #expect(now - succeededAt >= KeySetFreshness.pause) }
            triedAt = now
            if Bool.random(using: &random) {
                freshness.succeeded(at: now)
                succeededAt = now
            } else {
                freshness.failed(at: now, draw: Double.random(in: 0..<1, using: &random))
            }
        }
    }
}
