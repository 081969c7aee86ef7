import Authentication
import Foundation
import JSONTree
import Outbound
import Seeds
import Testing
import TokenForging
import Vocabulary

@Suite struct TokenCheckTests {
    static let forge = Result { try TokenForge() }
    static let now: Int64 = 1_800_000_000
    private static let good = #"{"sub":"ada","iss":"me","aud":["x","you"],"exp":1800000100,"roles":["teacher"]}"#

    private static let nowhere = RemoteKeySets(
        outbound: ScriptedOutbound { _ throws(OutboundFailure) in throw .timedOut }, allowsPrivateAddresses: false)

    static func judge(
        _ check: TokenCheck, _ header: String?, at seconds: Int64 = now, nanoseconds: UInt64 = 0, mayWait: Bool = true,
        name: String = "authorization", in arena: JSONArena = JSONArena()
    ) -> CallerVerdict {
        check.judge(
            CallerEvidence(
                header: { $0 == name ? header : nil }, body: UnsafeRawBufferPointer(start: nil, count: 0),
                unixSeconds: seconds, nanoseconds: nanoseconds, arena: arena, mayWait: mayWait))
    }

    private static func rules(_ algorithms: [String]) throws -> TokenRules {
        let forge = try forge.get()
        let known = algorithms.compactMap(TokenAlgorithm.init(rawValue:))
        var rules = TokenRules(algorithms: known)
        rules.keys = try known.map {
            try TokenKey(forge.verificationKey(for: $0.rawValue), algorithm: $0, id: nil)
        }
        rules.claims.issuers = ["me"]
        rules.claims.audiences = ["you"]
        return rules
    }

    private static func reason(_ verdict: CallerVerdict) -> String {
        switch verdict {
        case .accepted: "accepted"
        case .refused(let reason): reason.rawValue
        case .undecided: "undecided"
        }
    }

    @Test(arguments: TokenForge.algorithms)
    func `every algorithm is checked with its own key, and shows the claims`(algorithm: String) async throws {
        let forge = try Self.forge.get()
        let check = try await TokenCheck(Self.rules([algorithm]), keySets: Self.nowhere)
        let token = try forge.sign(algorithm, claims: Self.good)
        let arena = JSONArena()

        let verdict = Self.judge(check, "Bearer \(token)", in: arena)
        guard case .accepted(let identity?) = verdict else {
            Issue.record("\(Self.reason(verdict))")
            return
        }
        let auth = identity.write(showingAll: false, in: arena)
        #expect(auth.member("claims")?.member("sub")?.stringValue == "ada")
        #expect(auth.member("mode")?.stringValue == "jwt")
        let others = try await TokenCheck(
            Self.rules(TokenForge.algorithms.filter { $0 != algorithm }), keySets: Self.nowhere)
        #expect(Self.reason(Self.judge(others, "Bearer \(token)")) == "algorithm")
        withExtendedLifetime(arena) {}
    }

    @Test func `what is wrong with a token is found, whatever it is`() async throws {
        let forge = try Self.forge.get()
        let stranger = try TokenForge()
        let check = try await TokenCheck(Self.rules(["RS256", "HS256", "ES256"]), keySets: Self.nowhere)
        let unsigned = try forge.sign(header: #"{"alg":"none"}"#, claims: Self.good, as: "none")
        let token = try forge.sign("RS256", claims: Self.good)
        let pem = forge.verificationKey(for: "RS256")
        func claims(_ text: String) throws -> String { try forge.sign("RS256", claims: text) }
        func header(_ text: String) throws -> String {
            try forge.sign(header: text, claims: Self.good, as: "RS256")
        }
        let cases: [(String?, String)] = [
            ("Bearer \(token)", "accepted"), ("bearer  \(token)", "accepted"), (nil, "missing"), ("", "missing"),
            (token, "malformed"), ("Basic \(token)", "malformed"), ("Bearer ", "malformed"),
            ("Bearer \(unsigned)", "malformed"), ("Bearer \(unsigned)AAAA", "algorithm"),
            ("Bearer " + forge.confused(pem, claims: Self.good), "signature"),
            ("Bearer " + (try stranger.sign("RS256", claims: Self.good)), "signature"),
            ("Bearer " + (try header(#"{"alg":"none"}"#)), "algorithm"),
            ("Bearer " + (try header(#"{"alg":"None"}"#)), "algorithm"),
            ("Bearer " + (try header(#"{"alg":"RS512"}"#)), "algorithm"),
            ("Bearer " + (try header(#"{"alg":"PS256"}"#)), "algorithm"),
            ("Bearer " + (try header(#"{"alg":"HS256"}"#)), "signature"),
            ("Bearer " + (try header(#"{"alg":["RS256"]}"#)), "malformed"),
            ("Bearer " + (try header(#"{"alg":"RS256","crit":["b64"],"b64":false}"#)), "malformed"),
            ("Bearer " + (try header(#"{"alg":"RS256","kid":7}"#)), "malformed"),
            ("Bearer " + (try header("[]")), "malformed"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":"you"}"#)), "malformed"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":"you","exp":"1800000100"}"#)), "malformed"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":"you","exp":1799999970}"#)), "expired"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":"you","exp":1799999971}"#)), "accepted"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":"you","exp":1e10,"nbf":1800000031}"#)), "not_yet_valid"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":"you","exp":1e10,"nbf":1800000030}"#)), "accepted"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":"you","exp":1e10,"iat":1800000031}"#)), "not_yet_valid"),
            ("Bearer " + (try claims(#"{"iss":"you","aud":"you","exp":1e10}"#)), "issuer"),
            ("Bearer " + (try claims(#"{"aud":"you","exp":1e10}"#)), "issuer"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":"me","exp":1e10}"#)), "audience"),
            ("Bearer " + (try claims(#"{"iss":"me","aud":["me"],"exp":1e10}"#)), "audience"),
            ("Bearer " + (try claims(#"{"iss":"me","exp":1e10}"#)), "audience"),
            ("Bearer " + (try claims("[]")), "malformed"),
            ("Bearer " + (try claims(String(repeating: "[", count: 100_000))), "malformed"),
            ("Bearer \(token)=", "malformed"), ("Bearer \(token).x", "malformed"), ("Bearer ..", "malformed"),
        ]
        for (given, expected) in cases {
            #expect(Self.reason(Self.judge(check, given)) == expected, "\(given?.prefix(400) ?? "nothing")")
        }
        for length in stride(from: 0, to: token.utf8.count, by: 7) {
            #expect(Self.reason(Self.judge(check, "Bearer \(token.prefix(length))")) != "accepted")
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `no token that differs from a good one is let in`(seed: UInt64) async throws {
        let forge = try Self.forge.get()
        var random = SeededRandom(seed: seed)
        let algorithm = ["HS256", "ES256", "EdDSA"].randomElement(using: &random) ?? "HS256"
        let check = try await TokenCheck(Self.rules([algorithm]), keySets: Self.nowhere)
        let token = Array(try forge.sign(algorithm, claims: Self.good).utf8)
        var bent = token
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<bent.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bent[place] = UInt8.random(in: 33...126, using: &random)
            case 1: bent.remove(at: place)
            default: bent.insert(UInt8.random(in: 33...126, using: &random), at: place)
            }
        }
        guard bent != token else { return }

        let verdict = Self.judge(check, "Bearer " + String(decoding: bent, as: UTF8.self))
        #expect(Self.reason(verdict) != "accepted" && Self.reason(verdict) != "undecided", "seed \(seed)")
    }

    @Test func `keys are chosen by their id, and a caller without a token may be let in`() async throws {
        let forge = try Self.forge.get()
        var rules = TokenRules(algorithms: [.hs256])
        rules.keys = [
            try TokenKey(String(repeating: "o", count: 32), algorithm: .hs256, id: "old"),
            try TokenKey(forge.secretText, algorithm: .hs256, id: "new"),
        ]
        rules.isRequired = false
        rules.visibleClaims = ["sub", "none"]
        rules.source = .cookie(name: "token")
        let check = try await TokenCheck(rules, keySets: Self.nowhere)
        func judge(_ cookie: String?) -> CallerVerdict { Self.judge(check, cookie, name: "cookie") }
        func token(_ kid: String?) throws -> String { try forge.sign("HS256", claims: Self.good, kid: kid) }

        #expect(Self.reason(judge("a=b; token=\(try token("new"))")) == "accepted")
        #expect(Self.reason(judge("token=\(try token(nil))")) == "accepted")
        #expect(Self.reason(judge("token=\(try token("old"))")) == "signature")
        #expect(Self.reason(judge("token=\(try token("other"))")) == "unknown_key")
        #expect(Self.reason(judge("token=x")) == "malformed")
        #expect(Self.reason(judge(nil)) == "accepted" && Self.reason(judge("a=b")) == "accepted")
        let arena = JSONArena()
        let verdict = Self.judge(check, "token=\(try token("new"))", name: "cookie", in: arena)
        guard case .accepted(let identity?) = verdict else { return }
        #expect(
            JSONWriter.string(identity.write(showingAll: false, in: arena)) == #"{"mode":"jwt","claims":{"sub":"ada"}}"#
        )
        #expect(identity.claims?.member("iss")?.stringValue == "me")
        withExtendedLifetime(arena) {}
    }

    @Test func `a key of the wrong kind is none, and says so without telling the key`() throws {
        let forge = try Self.forge.get()
        let pem = forge.verificationKey(for: "RS256")
        let wrong: [(String, TokenAlgorithm)] = [
            (pem, .hs256), (pem, .es256), (forge.verificationKey(for: "ES256"), .rs256), ("short", .hs256),
            (String(repeating: "x", count: 33), .hs384), ("x", .rs256), (forge.rsa.pemRepresentation, .rs256),
        ]
        for (text, algorithm) in wrong {
            #expect(throws: TokenKey.Fault.self) { try TokenKey(text, algorithm: algorithm, id: nil) }
            do throws(TokenKey.Fault) { _ = try TokenKey(text, algorithm: algorithm, id: nil) } catch {
                #expect(!error.message.contains(text))
            }
        }
        #expect(throws: TokenKey.Fault.self) {
            try TokenKey("zz", algorithm: .hs256, id: nil, encoding: .hex)
        }
    }
}
