import Foundation
import Testing

/// What strangers may send, which pages may call, and what is written down about it.
@Suite struct FrontDoorScenarios {
    private static let echo = Client.map("m", "data.ok", "true")

    private func config(_ text: String) -> String { ",\"config\":{\(text)}" }

    // MARK: Limits

    @Test func `heads, targets and bodies have the limits that are set`() throws {
        let weir = try RunningWeir([
            "server.max_header_bytes=2048", "server.max_headers=10", "server.max_uri_length=100",
            "server.body_timeout_secs=1", "server.header_timeout_secs=1",
        ])
        func ask(_ path: String, headers: [String] = []) throws -> Client.Reply {
            try Client(weir.port).call("GET", path, headers: headers)
        }
        let slow = Client(weir.port)
        #expect(slow.write(Array("POST /api/v1/data/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{".utf8)))
        let endless = Client(weir.port)
        #expect(endless.write(Array(("GET /" + String(repeating: "a", count: 4000)).utf8)))

        #expect(try ask("/health?" + String(repeating: "a", count: 90)).status == 200)
        let long = try ask("/health?" + String(repeating: "a", count: 100))
        #expect(long.status == 414 && long.code == "URI_TOO_LONG")
        #expect(endless.read()?.status == 414)
        #expect(try ask("/health", headers: (0..<9).map { "X\($0): y" }).status == 200)
        let many = try ask("/health", headers: (0..<10).map { "X\($0): y" })
        #expect(many.status == 431 && many.code == "HEADERS_TOO_LARGE")
        #expect(try ask("/health", headers: ["X: " + String(repeating: "y", count: 3000)]).status == 431)
        let late = try #require(slow.read())
        #expect(late.status == 408 && late.code == "REQUEST_TIMEOUT")
    }

    @Test func `a head that drips in has no more time for it, on a connection that was good before too`() throws {
        let weir = try RunningWeir(["server.header_timeout_secs=1", "server.max_header_bytes=1048576"])
        let dripping = Client(weir.port)
        let other = Client(weir.port)
        #expect(try dripping.call("GET", "/healthz").status == 200)
        _ = dripping.write(Array("GET /healthz HTTP/1.1\r\nX: ".utf8))
        let end = Date().addingTimeInterval(10)

        // A byte, and a whole exchange of somebody else, until the server has had enough.
        let isEnded = try RunningWeir.eventually {
            let wasTaken = dripping.write([97])
            let text = String(decoding: try other.call("GET", "/metrics").body, as: UTF8.self)
            return !wasTaken || text.contains("weir_errors_total{code=\"REQUEST_TIMEOUT\"} 1\n")
        }

        #expect(isEnded && Date() < end)
        #expect(dripping.read()?.status == 408)
    }

    @Test func `a refusal arrives though the body is still on its way`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let size = 20_000_000
        // More than fits into the buffers between: a server that just closed would reset the connection.
        let head = "POST \(Client.data)/x HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n"

        _ = client.write(Array(head.utf8) + [UInt8](repeating: 32, count: size))
        let reply = try #require(client.read())

        #expect(reply.status == 413 && reply.code == "PAYLOAD_TOO_LARGE" && reply.header("connection") == "close")
    }

    @Test func `one client cannot take all connections, nor all clients too many`() throws {
        let weir = try RunningWeir(["server.max_connections_per_client=3"])
        let clients = (0..<3).map { _ in Client(weir.port) }
        for client in clients { #expect(try client.call("GET", "/healthz").status == 200) }
        let fourth = Client(weir.port)
        _ = fourth.write(Client.request("GET", "/healthz"))

        #expect(fourth.read() == nil)
        let text = String(decoding: try clients[0].call("GET", "/metrics").body, as: UTF8.self)
        #expect(text.contains("weir_http_connections_refused_total{reason=\"client\"} 1\n"))
        clients[2].close()
        #expect(RunningWeir.eventually { (try? Client(weir.port).call("GET", "/healthz").status) == 200 })
        let full = try RunningWeir([
            "server.max_connections=2", "server.max_connections_per_client=1", "rate_limit.trusted_proxies=127.0.0.0/8",
        ])
        let proxied = (0..<2).map { _ in Client(full.port) }
        for client in proxied { #expect(try client.call("GET", "/healthz").status == 200) }
        let third = Client(full.port)
        _ = third.write(Client.request("GET", "/healthz"))
        #expect(third.read() == nil)
    }

    @Test func `a channel may allow less than the platform, on every way in`() throws {
        let weir = try RunningWeir(["ingest.max_payload_size=8192"])
        let client = Client(weir.port)
        try client.deploy(
            "small", tasks: Self.echo,
            channel: #","methods":["POST"],"route_pattern":"/small/{id}""#
                + config(#""request":{"max_payload_size":2000},"cors":{"allowed_origins":["https://a.example"]}"#))
        try client.deploy("large", tasks: Self.echo, channel: config(#""request":{"max_payload_size":1000000}"#))
        func ask(_ path: String, _ size: Int, headers: [String] = []) throws -> Client.Reply {
            let body = "\"" + String(repeating: "a", count: size - 2) + "\""
            return try Client(weir.port).call("POST", "\(Client.data)/\(path)", body, headers: headers)
        }
        func chunked(_ size: Int) throws -> Int? {
            let client = Client(weir.port)
            let head =
                "POST \(Client.data)/small HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            let body = String(size, radix: 16) + "\r\n\"" + String(repeating: "a", count: size - 2) + "\"\r\n0\r\n\r\n"
            _ = client.write(Array((head + body).utf8))
            return client.read()?.status
        }

        for path in ["small", "small/1", "small/async", "small/1/async"] {
            #expect(try [200, 202].contains(ask(path, 2000).status), "\(path)")
            let refused = try ask(path, 2001, headers: ["Origin: https://a.example"])
            #expect(refused.status == 413 && refused.code == "PAYLOAD_TOO_LARGE", "\(path)")
            #expect(refused.header("access-control-allow-origin") == "https://a.example")
        }
        #expect(try chunked(2000) == 200 && chunked(2001) == 413)
        #expect(try ask("large", 8192).status == 200 && ask("large", 8193).status == 413)
        #expect(
            try weir.curl(
                "\(Client.data)/small",
                "--http2-prior-knowledge -H 'content-type: application/json' -d '\"\(String(repeating: "a", count: 2100))\"'"
            )?
            .status == 413)
        let wrong = try client.call(
            "POST", "\(Client.admin)/channels",
            #"{"name":"c","channel_type":"sync","protocol":"rest","config":{"request":{"max_payload_size":10}}}"#)
        #expect(wrong.status == 400)
    }

    // MARK: Pages of other origins

    private static let app = "https://app.example"

    private func preflight(_ client: Client, _ path: String, from origin: String, method: String = "POST") throws
        -> Client.Reply
    {
        try client.call(
            "OPTIONS", path,
            headers: [
                "Origin: \(origin)", "Access-Control-Request-Method: \(method)",
                "Access-Control-Request-Headers: x-one",
            ])
    }

    @Test func `a channel's pages may ask, without a key and without a run, and read errors too`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "web", tasks: Self.echo,
            channel: #","methods":["POST"],"route_pattern":"/web/{id}""#
                + config(
                    #""auth":{"mode":"api_key","keys":["k"]},"validation_logic":{"var":"data.ok"},"cors":{"allowed_origins":["https://app.example","https://*.b.example"],"allowed_methods":["POST"],"allowed_headers":["X-One","authorization"],"exposed_headers":["x-request-id"],"allow_credentials":true,"max_age_secs":7}"#
                ))
        try client.deploy("plain", tasks: Self.echo)

        let asked = try preflight(client, "\(Client.data)/web/1", from: Self.app)
        let strange = try preflight(client, "\(Client.data)/web/1", from: "https://evil.example")
        let elsewhere = try preflight(client, "\(Client.data)/plain", from: Self.app)
        func call(_ origin: String?, key: String = "k", _ body: String = #"{"ok":true}"#) throws -> Client.Reply {
            try client.call(
                "POST", "\(Client.data)/web/1", body,
                headers: ["Authorization: Bearer \(key)"] + (origin.map { ["Origin: \($0)"] } ?? []))
        }
        let replies = try [
            call("https://x.b.example"), call("https://x.b.example", key: "wrong"), call("https://x.b.example", "{}"),
            call("https://x.b.example", "{"),
        ]
        let silent = try [call("https://evil.example"), call(nil)]

        #expect(asked.status == 204 && asked.body.isEmpty && asked.header("access-control-allow-origin") == Self.app)
        #expect(asked.header("access-control-allow-methods") == "POST" && asked.header("access-control-max-age") == "7")
        #expect(asked.header("access-control-allow-headers") == "x-one, authorization")
        #expect(
            asked.header("access-control-allow-credentials") == "true"
                && asked.header("vary")?.contains("origin") == true)
        #expect(
            strange.status == 204 && strange.header("access-control-allow-origin") == nil
                && strange.header("vary") != nil)
        #expect(elsewhere.header("access-control-allow-origin") == nil)
        #expect(replies.map(\.status) == [200, 401, 400, 400])
        for reply in replies {
            #expect(
                reply.header("access-control-allow-origin") == "https://x.b.example" && reply.header("vary") == "origin"
            )
            #expect(reply.header("access-control-expose-headers") == "x-request-id")
        }
        #expect(silent.map(\.status) == [200, 200])
        for reply in silent {
            #expect(reply.header("access-control-allow-origin") == nil && reply.header("vary") == "origin")
        }
        let traces = try client.call("GET", "\(Client.admin)/traces?channel=web").object["total"] as? Int
        #expect(traces == nil || traces == 3)
    }

    @Test func `the list of origins that may call holds for pages too`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "both", tasks: Self.echo,
            channel: config(#""origin_allow_list":["https://app.example"],"cors":{"allowed_origins":["*"]}"#))

        let asked = try preflight(client, "\(Client.data)/both", from: Self.app)
        let strange = try preflight(client, "\(Client.data)/both", from: "https://evil.example")
        let refused = try client.call("POST", "\(Client.data)/both", "{}", headers: ["Origin: https://evil.example"])

        #expect(asked.header("access-control-allow-origin") == Self.app)
        #expect(strange.header("access-control-allow-origin") == nil)
        #expect(refused.status == 403 && refused.header("access-control-allow-origin") == nil)
    }

    @Test func `the platform speaks for what has no policy of its own`() throws {
        let weir = try RunningWeir([
            "cors.allowed_origins=https://app.example", "cors.additional_allowed_headers=x-one",
            "cors.additional_exposed_headers=x-two", "admin_auth.api_keys=k",
        ])
        let client = Client(weir.port)

        let admin = try preflight(client, "\(Client.admin)/workflows/x/status", from: Self.app, method: "PATCH")
        let unknown = try preflight(client, "\(Client.data)/none", from: Self.app)
        let stranger = try client.call("GET", "\(Client.admin)/workflows", headers: ["Origin: \(Self.app)"])
        let missing = try client.call("POST", "\(Client.data)/none", "{}", headers: ["Origin: \(Self.app)"])
        let health = try client.call("GET", "/health", headers: ["Origin: \(Self.app)"])

        #expect(admin.status == 204 && admin.header("access-control-allow-methods")?.contains("PATCH") == true)
        #expect(admin.header("access-control-allow-headers")?.contains("x-one") == true)
        #expect(unknown.status == 204 && unknown.header("access-control-allow-origin") == Self.app)
        #expect(stranger.status == 401 && missing.status == 404 && health.status == 200)
        for reply in [stranger, missing, health] {
            #expect(reply.header("access-control-allow-origin") == Self.app)
            #expect(reply.header("access-control-expose-headers")?.contains("x-two") == true)
        }
        let open = try RunningWeir(["cors.allowed_origins=*"])
        let page = Client(open.port)
        #expect(try page.call("POST", "\(Client.data)/none", "{}").header("access-control-allow-origin") == "*")
        // Nobody needs a key here, so no page may come near the definitions.
        #expect(
            try preflight(page, "\(Client.admin)/workflows", from: Self.app).header("access-control-allow-origin")
                == nil)
    }

    @Test func `what would let every site in is refused when it is saved`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let bad = [
            (#"{}"#, "allowed_origins"), (#"{"allowed_origins":[]}"#, "allowed_origins"),
            (#"{"allowed_origins":["*"],"allow_credentials":true}"#, "allow_credentials"),
            (#"{"allowed_origins":["null"]}"#, "allowed_origins"),
            (#"{"allowed_origins":["a.example"]}"#, "allowed_origins"),
            (#"{"allowed_origins":["*"],"allowed_methods":["FETCH"]}"#, "allowed_methods"),
            (#"{"allowed_origins":["*"],"allowed_headers":["a b"]}"#, "allowed_headers"),
            (#"{"allowed_origins":["*"],"max_age_secs":86401}"#, "max_age_secs"),
            (#"{"allowed_origins":["*"],"origins":[]}"#, "origins"),
        ]
        for (cors, path) in bad {
            let body = #"{"name":"c","channel_type":"sync","protocol":"rest","config":{"cors":\#(cors)}}"#
            let reply = try client.call("POST", "\(Client.admin)/channels", body)
            let details = (reply.object["error"] as? [String: Any])?["details"] as? [[String: Any]] ?? []
            #expect(
                reply.status == 400 && details.contains { $0["path"] as? String == "config.cors.\(path)" },
                "\(cors): \(details)")
        }
    }

    // MARK: Who was here

    @Test func `each request is one line in the access log, without its query`() throws {
        let weir = try RunningWeir(["logging.access_log=true", "rate_limit.trusted_proxies=127.0.0.1"])
        let client = Client(weir.port)
        try client.deploy("seen", tasks: Self.echo)
        let headers = ["X-Request-Id: log-1", "X-Forwarded-For: 203.0.113.5"]

        let reply = try client.call("POST", "\(Client.data)/seen?token=hidden", "{}", headers: headers)
        _ = try client.call("POST", "\(Client.data)/none/x?token=hidden", "{}", headers: ["X-Request-Id: log-2"])
        _ = try weir.curl("/healthz", "--http2-prior-knowledge -H 'x-request-id: log-3'")
        let nonsense = Client(weir.port)
        _ = nonsense.write(Array("nonsense\r\n\r\n".utf8))
        #expect(nonsense.read()?.status == 400)
        func lines(_ id: String) -> [[String: Any]] {
            weir.logLines.filter { $0["logger"] as? String == "weir.access" }
                .compactMap { $0["metadata"] as? [String: Any] }.filter { $0["request_id"] as? String == id }
        }
        #expect(RunningWeir.eventually { !lines("log-3").isEmpty })
        weir.send(signal: SIGTERM)
        #expect(weir.waitForExit() == 0)

        let (first, second, third) = (lines("log-1"), lines("log-2"), lines("log-3"))
        #expect(first.count == 1 && second.count == 1 && third.count == 1)
        #expect(first.first?["method"] as? String == "POST" && first.first?["path"] as? String == "\(Client.data)/seen")
        #expect(first.first?["status"] as? Int == 200 && first.first?["bytes"] as? Int == reply.body.count)
        #expect(first.first?["channel"] as? String == "seen" && first.first?["client"] as? String == "203.0.113.5")
        #expect(
            (first.first?["duration_ms"] as? Double ?? -1) >= 0 && first.first?["protocol"] as? String == "HTTP/1.1")
        #expect(second.first?["status"] as? Int == 404 && second.first?["code"] as? String == "NOT_FOUND")
        #expect(third.first?["protocol"] as? String == "HTTP/2")
        let text = try String(contentsOf: weir.log, encoding: .utf8)
        #expect(!text.contains("hidden") && text.contains(#""path":"-""#))
        let quiet = try RunningWeir()
        _ = try Client(quiet.port).call("GET", "/healthz")
        quiet.send(signal: SIGTERM)
        _ = quiet.waitForExit()
        #expect(!quiet.logLines.contains { $0["logger"] as? String == "weir.access" })
    }

    @Test func `security headers can be switched off`() throws {
        let weir = try RunningWeir(["server.security_headers.enabled=false"])

        let reply = try Client(weir.port).call("GET", "/healthz")

        #expect(reply.header("x-frame-options") == nil && reply.header("x-request-id") != nil)
    }
}
