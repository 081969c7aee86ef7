import Foundation
import Synchronization
import Testing
import TokenForging

/// Callers with tokens, and what all callers are told who are not let in.
@Suite struct TokenScenarios {
    private static let forge = Result { try TokenForge() }
    private static let echo =
        Client.map("m", "data.auth", #"{"var":"metadata.auth"}"#) + ","
        + Client.map("n", "data.stamp", #"{"random":[]}"#)

    private func config(_ text: String) -> String { ",\"config\":{\(text)}" }

    /// Text as a JSON string.
    private func quoted(_ text: String) -> String { "\"" + text.replacing("\n", with: "\\n") + "\"" }

    private func claims(_ more: String = "", expiresIn seconds: Double = 300) -> String {
        let end = Int(Date().timeIntervalSince1970 + seconds)
        return #"{"sub":"ada","iss":"me","aud":"us","exp":\#(end)\#(more)}"#
    }

    private func tokens(_ more: String = "", part: String = "") throws -> String {
        let forge = try Self.forge.get()
        let keys = ["RS256", "ES256", "EdDSA", "HS256"].map {
            #"{"algorithm":"\#($0)","kid":"\#($0)-key","key":\#(quoted(forge.verificationKey(for: $0)))}"#
        }
        return config(
            #""auth":{"mode":"jwt","algorithms":["RS256","ES256","EdDSA","HS256"],"jwt_keys":[\#(keys.joined(separator: ","))],"issuer":"me","audience":["us","them"]\#(more)}\#(part)"#
        )
    }

    private func ask(
        _ client: Client, _ channel: String, _ credentials: [String], _ suffix: String = "", body: String = "{}"
    ) throws -> Client.Reply {
        try client.call("POST", "\(Client.data)/\(channel)\(suffix)", body, headers: credentials)
    }

    @Test func `a caller with a good token is let in, and the workflow sees the claims`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let forge = try Self.forge.get()
        try client.deploy("tokens", tasks: Self.echo, channel: try tokens(#","claims_to_metadata":["sub","roles"]"#))

        for algorithm in ["RS256", "ES256", "EdDSA", "HS256"] {
            for kid in [nil, "\(algorithm)-key"] {
                let token = try forge.sign(algorithm, claims: claims(#","roles":["a"],"secret":1"#), kid: kid)
                let reply = try ask(client, "tokens", ["Authorization: Bearer \(token)"])
                let auth = reply.data["auth"] as? [String: Any]
                let seen = auth?["claims"] as? [String: Any]
                #expect(reply.status == 200 && auth?["mode"] as? String == "jwt", "\(algorithm)")
                #expect(seen?["sub"] as? String == "ada" && seen?["roles"] as? [String] == ["a"] && seen?.count == 2)
            }
        }
        let token = try forge.sign("RS256", claims: claims())
        let accepted = try ask(client, "tokens", ["Authorization: Bearer \(token)"], "/async")
        let trace = try TraceScenarios.wait(client, accepted.object["trace_id"] as? String ?? "")
        let text = String(decoding: try JSONSerialization.data(withJSONObject: trace), as: UTF8.self)
        #expect(text.contains("ada") && !text.contains(token))
        let supplied = try ask(
            client, "tokens", ["Authorization: Bearer \(token)"],
            body: #"{"data":1,"metadata":{"auth":{"claims":{"sub":"eve"}}}}"#)
        #expect(((supplied.data["auth"] as? [String: Any])?["claims"] as? [String: Any])?["sub"] as? String == "ada")
    }

    @Test func `who is not let in is told one thing, whatever the cause and whatever the way in`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let forge = try Self.forge.get()
        let stranger = try TokenForge()
        try client.deploy("tokens", tasks: Self.echo, channel: try tokens())
        try client.deploy(
            "keyed", tasks: Self.echo, channel: config(#""auth":{"mode":"api_key","keys":["first-key"]}"#))
        try client.deploy(
            "signed", tasks: Self.echo,
            channel: config(#""auth":{"mode":"hmac","preset":"slack","secret":"a-signing-secret"}"#))
        let good = try forge.sign("RS256", claims: claims())
        let unsigned = try forge.sign(header: #"{"alg":"none"}"#, claims: claims(), as: "none")
        let bad: [(String, String)] = [
            ("none", unsigned), ("none with a signature", unsigned + "AAAA"),
            ("another's key", try stranger.sign("RS256", claims: claims())),
            ("another's secret", try stranger.sign("ES256", claims: claims())),
            ("expired", try forge.sign("RS256", claims: claims(expiresIn: -60))),
            ("not yet", try forge.sign("RS256", claims: claims(#","nbf":99999999999"#))),
            ("wrong issuer", try forge.sign("RS256", claims: claims().replacing("\"me\"", with: "\"you\""))),
            ("wrong audience", try forge.sign("RS256", claims: claims().replacing("\"us\"", with: "\"you\""))),
            ("no expiry", try forge.sign("RS256", claims: #"{"iss":"me","aud":"us"}"#)),
            ("confused", forge.confused(forge.verificationKey(for: "RS256"), claims: claims())),
            ("unknown kid", try forge.sign("RS256", claims: claims(), kid: "nobody")),
            ("kid of another kind", try forge.sign("RS256", claims: claims(), kid: "ES256-key")),
            ("algorithm not allowed", try forge.sign("RS512", claims: claims())),
            ("truncated", String(good.dropLast(10))), ("two parts", String(good.prefix { $0 != "." }) + ".e30"),
            ("bent", good.replacing(".", with: "..")), ("empty", ""), ("too long", String(repeating: "a", count: 9000)),
        ]
        let old = Int(Date().timeIntervalSince1970) - 3600
        let forged = ["X-Slack-Request-Timestamp: \(Int(Date().timeIntervalSince1970))", "X-Slack-Signature: v0=00ff"]
        let replayed = ["X-Slack-Request-Timestamp: \(old)", "X-Slack-Signature: v0=\(Self.slack(old))"]
        let now = Int(Date().timeIntervalSince1970)
        let fresh = ["X-Slack-Request-Timestamp: \(now)", "X-Slack-Signature: v0=\(Self.slack(now))"]
        var cases: [(String, String, [String])] = bad.map { ("tokens", $0.0, ["Authorization: Bearer \($0.1)"]) }
        cases += [("tokens", "nothing", []), ("tokens", "basic", ["Authorization: Basic \(good)"])]
        cases += [("keyed", "nothing", []), ("keyed", "wrong", ["Authorization: Bearer second-key"])]
        cases += [("keyed", "bare", ["Authorization: first-key"]), ("signed", "nothing", [])]
        cases += [("signed", "forged", forged), ("signed", "replayed", replayed)]

        var told: Set<String> = []
        for (channel, name, headers) in cases {
            for suffix in ["", "/async"] {
                let reply = try ask(client, channel, headers + ["X-Request-Id: the-id"], suffix)
                #expect(reply.status == 401 && reply.code == "UNAUTHORIZED", "\(channel) \(name) \(suffix)")
                let head = reply.head.split(separator: "\r\n").filter { !$0.lowercased().hasPrefix("date:") }
                told.insert(head.joined(separator: "\n") + "\n\n" + String(decoding: reply.body, as: UTF8.self))
            }
        }

        #expect(told.count == 1, "\(told)")
        #expect(told.first?.lowercased().contains("www-authenticate: bearer\n") == true)
        #expect(try ask(client, "tokens", ["Authorization: Bearer \(good)"]).status == 200)
        #expect(try ask(client, "keyed", ["Authorization: Bearer first-key"]).status == 200)
        #expect(try ask(client, "signed", fresh).status == 200)
        let metrics = String(decoding: try client.call("GET", "/metrics").body, as: UTF8.self)
        for reason in ["algorithm", "signature", "expired", "issuer", "audience", "unknown_key", "not_yet_valid"] {
            let line = "weir_auth_rejections_total{channel=\"tokens\",reason=\"\(reason)\"} "
            #expect(metrics.contains(line) && !metrics.contains(line + "0\n"), "\(reason)")
        }
    }

    /// What Slack would send with the body `{}`.
    private static func slack(_ seconds: Int) -> String {
        TokenForge.signature("v0:\(seconds):{}", secret: "a-signing-secret")
    }

    @Test func `keys of an issuer are fetched, changed and outlive its silence`() throws {
        let forge = try Self.forge.get()
        let keys = Mutex(try forge.jwk(for: "ES256", id: "one"))
        let upstream = try Upstream { _ in .reply(status: 200, body: "{\"keys\":[\(keys.withLock { $0 })]}") }
        let weir = try RunningWeir(["jwt.allow_private_jwks_urls=true"])
        let client = Client(weir.port)
        let auth =
            #""auth":{"mode":"jwt","algorithms":["ES256","RS256"],"jwks_url":"\#(upstream.url)/keys","issuer":"me"}"#
        try client.deploy("remote", tasks: Self.echo, channel: config(auth))
        try client.deploy(
            "limited", tasks: Self.echo,
            channel: config(
                auth.replacing("/keys", with: "/others") + #","rate_limit":{"requests_per_second":1,"burst":2}"#))
        func ask(_ channel: String, _ algorithm: String, _ kid: String) throws -> Client.Reply {
            let token = try forge.sign(algorithm, claims: claims(), kid: kid)
            return try self.ask(client, channel, ["Authorization: Bearer \(token)"])
        }

        let callers = (0..<8).map { _ in Client(weir.port) }
        let token = try forge.sign("ES256", claims: claims(), kid: "one")
        for caller in callers {
            _ = caller.write(
                Client.request("POST", "\(Client.data)/remote", "{}", headers: ["Authorization: Bearer \(token)"]))
        }
        let statuses = callers.map { $0.read()?.status }
        #expect(statuses == Array(repeating: 200, count: 8))
        #expect(upstream.requests.count == 1 && upstream.requests.first?.path == "/keys")

        keys.withLock { $0 = (try? forge.jwk(for: "RS256", id: "two")) ?? "" }
        let unknown = try ask("remote", "RS256", "two")
        #expect(unknown.status == 401)  // within the pause between two fetches
        #expect(try ask("remote", "ES256", "one").status == 200 && upstream.requests.count == 1)
        // The first waits for keys, and passes the rate limit once all the same.
        let limited = try (0..<3).map { _ in try ask("limited", "RS256", "two").status }
        #expect(limited == [200, 200, 429] && upstream.requests.count == 2)
    }

    @Test func `while nobody knows the issuer's keys the channel is unavailable, and others are not slowed`() throws {
        let upstream = try Upstream { _ in .hangUp }
        let weir = try RunningWeir(["jwt.allow_private_jwks_urls=true"])
        let client = Client(weir.port)
        let forge = try Self.forge.get()
        let token = try forge.sign("ES256", claims: claims(), kid: "one")
        func deploy(_ name: String, _ url: String) throws {
            let auth = #""auth":{"mode":"jwt","algorithms":["ES256"],"jwks_url":"\#(url)"}"#
            try client.deploy(
                name, tasks: Self.echo,
                channel: config(auth + #","rate_limit":{"requests_per_second":1000,"burst":1000}"#))
        }
        try deploy("lost", upstream.url)
        let closed = try RunningWeir()
        let guarded = Client(closed.port)
        try guarded.deploy(
            "private", tasks: Self.echo,
            channel: config(#""auth":{"mode":"jwt","algorithms":["ES256"],"jwks_url":"\#(upstream.url)"}"#))

        let reply = try ask(client, "lost", ["Authorization: Bearer \(token)"])
        let hits = upstream.requests.count
        let bad = try ask(client, "lost", ["Authorization: Bearer x"])
        let refused = try ask(guarded, "private", ["Authorization: Bearer \(token)"])

        #expect(reply.status == 503 && reply.code == "SERVICE_UNAVAILABLE" && reply.header("retry-after") == "5")
        #expect(bad.status == 401 && hits >= 1)
        #expect(refused.status == 503 && upstream.requests.count == hits)  // the address guard sent nothing
        #expect(closed.logLines.contains { ($0["message"] as? String)?.contains("keys cannot be fetched") == true })
    }

    @Test func `a rule says who of those that are known may call`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let forge = try Self.forge.get()
        let rule =
            #","authorization_logic":{"and":[{"in":["teacher",{"var":"claims.roles"}]},{"==":[{"var":"params.id"},{"var":"claims.sub"}]}]}"#
        try client.deploy(
            "rule", tasks: Self.echo, channel: #","methods":["POST"],"route_pattern":"/rule/{id}""# + (try tokens(rule))
        )
        try client.deploy(
            "keys", tasks: Self.echo,
            channel: config(
                #""auth":{"mode":"api_key","keys":["one","two"],"authorization_logic":{"and":[{"==":[{"var":"auth.key_id"},"key-fe8d7a873dc48961"]},{"==":[{"var":"headers.x-team"},"blue"]}]}}"#
            ))
        try client.deploy(
            "broken", tasks: Self.echo,
            channel: try tokens(#","authorization_logic":{"/":[1,{"var":"claims.none"}]}"#))
        func ask(_ path: String, _ more: String) throws -> Client.Reply {
            let token = try forge.sign("ES256", claims: claims(more))
            return try self.ask(client, path, ["Authorization: Bearer \(token)"])
        }

        let teacher = #","roles":["teacher"]"#
        #expect(try ask("rule/ada", teacher).status == 200)
        let refused = try [
            ask("rule/eve", teacher), ask("rule/ada", #","roles":["pupil"]"#), ask("rule/ada", ""),
            ask("broken", teacher),
        ]
        for reply in refused {
            #expect(reply.status == 403 && reply.code == "FORBIDDEN")
            #expect(reply.header("www-authenticate") == "Bearer error=\"insufficient_scope\"")
        }
        let blue = "X-Team: blue"
        #expect(try self.ask(client, "keys", ["Authorization: Bearer one", blue]).status == 200)
        #expect(try self.ask(client, "keys", ["Authorization: Bearer one"]).status == 403)
        #expect(try self.ask(client, "keys", ["Authorization: Bearer two", blue]).status == 403)
        #expect(try self.ask(client, "keys", ["Authorization: Bearer three", blue]).status == 401)
    }

    @Test func `a limit by who calls counts each caller alone`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let forge = try Self.forge.get()
        let part =
            #","principal_rate_limit":{"requests_per_second":1,"burst":2,"key_logic":{"var":"auth.claims.sub"}}"#
        try client.deploy("each", tasks: Self.echo, channel: try tokens(part: part))
        func ask(_ name: String?) throws -> Int {
            let text =
                name.map { claims().replacing("ada", with: $0) } ?? claims().replacing("\"sub\"", with: "\"none\"")
            let token = try forge.sign("HS256", claims: text)
            return try self.ask(client, "each", ["Authorization: Bearer \(token)"]).status
        }

        #expect(try [ask("ada"), ask("ada"), ask("ada")] == [200, 200, 429])
        #expect(try ask("bob") == 200)
        #expect(try ask(nil) == 429)
        #expect(try self.ask(client, "each", []).status == 401)
    }

    @Test func `what tokens are checked with is checked when it is saved, and masked when it is shown`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let forge = try Self.forge.get()
        let pem = quoted(forge.verificationKey(for: "RS256"))
        let secret = quoted(forge.secretText)
        let bad = [
            (#"{"mode":"jwt","jwt_keys":[{"algorithm":"HS256","key":\#(secret)}]}"#, "algorithms"),
            (#"{"mode":"jwt","algorithms":["HS256"]}"#, "jwt_keys"),
            (#"{"mode":"jwt","algorithms":["none"],"jwks_url":"https://a.example"}"#, "algorithms[0]"),
            (#"{"mode":"jwt","algorithms":["RS256"],"jwks_url":"http://a.example/keys"}"#, "jwks_url"),
            (#"{"mode":"jwt","algorithms":["RS256"],"jwks_url":"http://localhost.evil.example"}"#, "jwks_url"),
            (
                #"{"mode":"jwt","algorithms":["HS256"],"jwt_keys":[{"algorithm":"HS256","key":\#(pem)}]}"#,
                "jwt_keys[0].key"
            ),
            (
                #"{"mode":"jwt","algorithms":["HS256"],"jwt_keys":[{"algorithm":"HS256","key":"short"}]}"#,
                "jwt_keys[0].key"
            ),
            (
                #"{"mode":"jwt","algorithms":["RS256"],"jwt_keys":[{"algorithm":"HS256","key":\#(secret)}]}"#,
                "jwt_keys[0].algorithm"
            ),
            (
                #"{"mode":"jwt","algorithms":["ES256"],"jwt_keys":[{"algorithm":"ES256","key":\#(pem)}]}"#,
                "jwt_keys[0].key"
            ),
            (#"{"mode":"jwt","algorithms":["RS256"],"jwks_url":"https://a.example","leeway_secs":301}"#, "leeway_secs"),
            (
                #"{"mode":"jwt","algorithms":["RS256"],"jwks_url":"https://a.example","source":{"query":"t"}}"#,
                "source.query"
            ),
            (#"{"mode":"api_key","keys":["k"],"authorization_logic":{"no_such":1}}"#, "authorization_logic"),
        ]
        for (auth, path) in bad {
            let body = #"{"name":"c","channel_type":"sync","protocol":"rest","config":{"auth":\#(auth)}}"#
            let reply = try client.call("POST", "\(Client.admin)/channels", body)
            let details = (reply.object["error"] as? [String: Any])?["details"] as? [[String: Any]] ?? []
            #expect(
                reply.status == 400 && details.contains { $0["path"] as? String == "config.auth.\(path)" },
                "\(auth): \(details)")
        }
        try client.deploy("tokens", tasks: Self.echo, channel: try tokens())
        let shown = try client.call("GET", "\(Client.admin)/channels/tokens")
        let auth = (shown.data["config"] as? [String: Any])?["auth"] as? [String: Any]
        let keys = auth?["jwt_keys"] as? [[String: Any]]
        #expect(keys?.allSatisfy { $0["key"] as? String == "******" } == true)
        #expect(keys?.first?["algorithm"] as? String == "RS256" && keys?.first?["kid"] as? String == "RS256-key")
        _ = try client.call("POST", "\(Client.admin)/channels/tokens/versions")
        let sent = try JSONSerialization.data(withJSONObject: ["config": shown.data["config"] ?? [:]])
        let kept = try client.call("PUT", "\(Client.admin)/channels/tokens", String(decoding: sent, as: UTF8.self))
        _ = try client.call("PATCH", "\(Client.admin)/channels/tokens/status", #"{"status":"active"}"#)
        let token = try forge.sign("HS256", claims: claims())
        #expect(kept.status == 200)
        #expect(try ask(client, "tokens", ["Authorization: Bearer \(token)"]).status == 200)
    }
}
