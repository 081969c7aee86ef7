import Connectors
import JSONTree
import Outbound
import Seeds
import Synchronization
import Testing
import Vocabulary

@Suite struct OAuth2TokenTests {
    private static let second: UInt64 = 1_000_000_000

    /// An authorisation server in a script, and the clock of who asks it.
    private final class Desk: Sendable {
        let now = Mutex<UInt64>(1000 * OAuth2TokenTests.second)
        let asked = Mutex<[OutboundRequest]>([])
        let answer = Mutex<Result<OutboundReply, OutboundFailure>>(.failure(.timedOut))

        func pass(seconds: Double) { now.withLock { $0 += UInt64(seconds * 1e9) } }

        func say(_ status: Int, _ body: String) {
            answer.withLock { $0 = .success(OutboundReply(status: status, body: Array(body.utf8))) }
        }

        func fail(_ failure: OutboundFailure) { answer.withLock { $0 = .failure(failure) } }

        func tokens(_ more: String = "") throws -> OAuth2TokenSource {
            OAuth2TokenSource(
                try OAuth2TokenTests.grant(more),
                outbound: ScriptedOutbound { [self] request throws(OutboundFailure) in
                    asked.withLock { $0.append(request) }
                    return try answer.withLock { $0 }.get()
                }, allowsPrivateAddresses: false, longestWait: .seconds(3600), clock: { self.now.withLock { $0 } })
        }
    }

    private static func grant(_ more: String) throws -> OAuth2Grant {
        let (definition, details) = parse(more)
        guard case .http(let config)? = definition?.settings, case .oauth2(let grant)? = config.authentication else {
            throw Malformed(details: details)
        }
        return grant
    }

    private struct Malformed: Error { var details: [Problem.Detail] }

    private static func parse(_ more: String) -> (ConnectorDefinition?, [Problem.Detail]) {
        let arena = JSONArena()
        let auth =
            #"{"type":"oauth2","token_url":"https://auth.example/token","client_id":"me: you","client_secret":"pass/word"\#(more)}"#
        let text = #"{"name":"c","connector_type":"http","config":{"url":"https://a.example","auth":\#(auth)}}"#
        guard let body = try? JSONReader.parse(text, in: arena) else { return (nil, []) }
        return withExtendedLifetime(arena) { ConnectorDefinition.parse(body) }
    }

    private func outcome(_ tokens: OAuth2TokenSource, within limit: Duration = .seconds(7200)) async -> String {
        do throws(OAuth2Fault) { return try await tokens.token(within: limit) } catch { return "\(error)" }
    }

    @Test func `a token is asked for once, as the standard has it, and used by all`() async throws {
        let desk = Desk()
        desk.say(200, #"{"access_token":"t1","token_type":"bearer","expires_in":3600}"#)
        let tokens = try desk.tokens(#","scopes":["a","b c"],"audience":"x&y","extra_params":{"tenant":"ü"}"#)

        let given = await withTaskGroup(of: String.self) { group in
            for _ in 0..<30 { group.addTask { await self.outcome(tokens) } }
            return await group.reduce(into: Set<String>()) { $0.insert($1) }
        }

        #expect(given == ["t1"])
        let asked = desk.asked.withLock { $0 }
        let request = try #require(asked.first)
        #expect(asked.count == 1 && request.method == "POST" && !request.allowsPrivateAddresses)
        let body = String(decoding: request.body, as: UTF8.self)
        #expect(body == "grant_type=client_credentials&scope=a%20b%20c&audience=x%26y&tenant=%C3%BC")
        let credentials = Base64.text("me%3A%20you:pass%2Fword".utf8)
        #expect(request.headers.contains { $0.name == "authorization" && $0.value == "Basic " + credentials })
        #expect(request.timeout == .seconds(3600))

        let other = Desk()
        other.say(200, #"{"access_token":"t"}"#)
        _ = await outcome(try other.tokens(#","client_auth":"body""#))
        let form = other.asked.withLock { String(decoding: $0[0].body, as: UTF8.self) }
        #expect(form == "grant_type=client_credentials&client_id=me%3A%20you&client_secret=pass%2Fword")
        #expect(other.asked.withLock { !$0[0].headers.contains { $0.name == "authorization" } })
    }

    @Test func `a token is renewed before its end, and used to its end while none is to be had`() async throws {
        let desk = Desk()
        desk.say(200, #"{"access_token":"t1","expires_in":"600"}"#)
        let tokens = try desk.tokens()

        #expect(await outcome(tokens) == "t1")
        desk.say(200, #"{"access_token":"t2","expires_in":600}"#)
        desk.pass(seconds: 500)
        #expect(await outcome(tokens) == "t1")
        desk.pass(seconds: 60)
        #expect(await outcome(tokens) == "t2")
        desk.fail(.unreachable("gone"))
        desk.pass(seconds: 590)
        #expect(await outcome(tokens) == "t2")
        desk.pass(seconds: 11)
        #expect(await outcome(tokens) == #"unavailable("gone")"#)
        #expect(desk.asked.withLock { $0.count } == 4)
    }

    @Test func `a no stands for a while, and what is no token is none`() async throws {
        let desk = Desk()
        let tokens = try desk.tokens()
        desk.say(401, #"{"error":"invalid_client","error_description":"pass/word"}"#)
        #expect(await outcome(tokens) == #"refused("it answered 401 invalid_client")"#)
        desk.say(200, #"{"access_token":"t1"}"#)
        desk.pass(seconds: 29)
        #expect(await outcome(tokens) == #"refused("it answered 401 invalid_client")"#)
        desk.pass(seconds: 2)
        #expect(await outcome(tokens) == "t1")

        for body in [
            "", "[]", "{}", #"{"access_token":""}"#, #"{"access_token":"a b"}"#, #"{"access_token":"a\r\nx: y"}"#,
            #"{"access_token":"t","token_type":"mac"}"#, String(repeating: "[", count: 1000),
        ] {
            let other = Desk()
            other.say(200, body)
            #expect(await outcome(try other.tokens()) == #"unavailable("its answer holds no bearer token")"#, "\(body)")
        }
        let slow = Desk()
        #expect(await outcome(try slow.tokens(), within: .seconds(1)) == "timedOut")
        #expect(await outcome(try slow.tokens(), within: .zero) == "timedOut")
        slow.fail(.refusedAddress("10.0.0.1"))
        #expect(await outcome(try slow.tokens()) == #"notAllowed("10.0.0.1")"#)
        slow.say(503, "")
        #expect(await outcome(try slow.tokens()) == #"unavailable("it answered 503")"#)
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `no token is used past its end, and none is asked for without need`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let margin = Int.random(in: 0...3600, using: &random)
        var cache = AccessTokenCache(marginSeconds: margin)
        var now: UInt64 = 0
        var end: UInt64 = 0
        var half: UInt64 = 0
        var serial = 0
        for _ in 0..<200 {
            now += UInt64(Double.random(in: 0...600, using: &random) * 1e9)
            switch cache.decide(at: now) {
            case .use(let token): #expect(token == "t\(serial)" && now < end, "seed \(seed)")
            case .ask(let meanwhile):
                #expect(meanwhile == nil || now < end, "seed \(seed)")
                #expect(now >= half, "seed \(seed)")
                guard Bool.random(using: &random) else {
                    cache.refused(.refused("no"), at: now)
                    continue
                }
                let life = Double.random(in: 1...4000, using: &random)
                serial += 1
                cache.received("t\(serial)", lifetime: life, at: now, draw: Double.random(in: 0..<1, using: &random))
                end = now + UInt64(life * 1e9)
                half = now + UInt64(life * 0.39e9)
            case .refused: break
            }
            if random.chance(oneIn: 10), cache.drop("t\(serial)", at: now) { half = 0 }
        }
    }

    @Test func `a server that takes no token does not make us ask with every call`() {
        var cache = AccessTokenCache(marginSeconds: 60)
        cache.received("a", lifetime: 600, at: 0, draw: 0)

        let said = [cache.drop("a", at: 1), cache.drop("a", at: 2)]
        cache.received("b", lifetime: 600, at: 3, draw: 0)
        let more = [cache.drop("b", at: 4), cache.drop("b", at: 6 * Self.second)]

        #expect(said == [true, true] && more == [false, true])
    }

    @Test func `what is wrong is named by its field`() {
        let bad = [
            (#","grant":"password""#, "config.auth.grant"), (#","client_auth":"cookie""#, "config.auth.client_auth"),
            (#","scopes":"a""#, "config.auth.scopes"),
            (#","refresh_margin_secs":3601"#, "config.auth.refresh_margin_secs"),
            (#","extra_params":{"scope":"x"}"#, "config.auth.extra_params.scope"),
            (#","extra_params":[1]"#, "config.auth.extra_params"), (#","scope":"a""#, "config.auth.scope"),
        ]
        for (more, path) in bad {
            #expect(Self.parse(more).1.map(\.path) == [path], "\(more)")
        }
    }
}
