import Foundation
import Testing

/// Admin keys made over the API: from the open server of the first minute to the last key that is revoked.
@Suite struct KeyScenarios {
    static let keys = "\(Client.admin)/keys"
    private static let draft = #"{"workflow_id":"w","name":"w","tasks":[\#(Client.parse)]}"#

    static func bearer(_ key: String) -> [String] { ["Authorization: Bearer \(key)"] }

    /// Makes a key with one that may, or on an open server with none.
    static func make(_ client: Client, _ scope: String, with key: String? = nil, more: String = "") throws -> (
        id: String, key: String
    ) {
        let reply = try client.call(
            "POST", keys, "{\"name\":\"\(scope) key\",\"scope\":\"\(scope)\"\(more)}",
            headers: key.map(bearer) ?? [])
        guard reply.status == 201, let id = reply.data["id"] as? String, let key = reply.data["key"] as? String else {
            throw RunningWeir.Failure("no key: \(String(decoding: reply.body, as: UTF8.self))")
        }
        return (id, key)
    }

    @Test func `the first key closes the door behind whoever has it, and survives a kill`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let early = try client.call("POST", Self.keys, #"{"name":"ci","scope":"draft"}"#)

        let first = try Self.make(client, "full")
        let closed = try client.call("GET", "\(Client.admin)/workflows")
        let open = try client.call("GET", "\(Client.admin)/workflows", headers: Self.bearer(first.key))
        weir.send(signal: SIGKILL)
        _ = weir.waitForExit()
        try weir.start()
        let again = Client(weir.port)

        #expect(early.status == 400 && early.code == "VALIDATION_ERROR")
        #expect(closed.status == 401 && open.status == 200)
        #expect(try again.call("GET", "\(Client.admin)/workflows").status == 401)
        #expect(try again.call("GET", "\(Client.admin)/workflows", headers: Self.bearer(first.key)).status == 200)
    }

    @Test func `each scope may do what it says and no more`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let full = try Self.make(client, "full").key
        let drafter = try Self.make(client, "draft", with: full).key
        let reader = try Self.make(client, "read_only", with: full).key
        func status(_ key: String, _ method: String, _ path: String, _ body: String? = nil) throws -> Int {
            try client.call(method, Client.admin + path, body, headers: Self.bearer(key)).status
        }
        let connector = #"{"name":"c","connector_type":"cache","config":{"type":"cache","backend":"memory"}}"#
        let active = #"{"status":"active"}"#

        for (method, path, body, expected) in [
            ("POST", "/workflows", Self.draft, 201), ("POST", "/workflows/validate", Self.draft, 200),
            ("PUT", "/workflows/w", #"{"name":"v"}"#, 200), ("POST", "/workflows/w/test", "{}", 200),
            ("POST", "/workflows/import?on_conflict=new_version", "[\(Self.draft)]", 200),
            ("PATCH", "/workflows/w/status?dry_run=true", active, 200), ("PATCH", "/workflows/w/status", active, 403),
            ("DELETE", "/workflows/w", nil, 403), ("POST", "/connectors", connector, 403),
            ("POST", "/connectors/validate", connector, 200), ("POST", "/engine/reload", nil, 403),
            ("GET", "/keys", nil, 403), ("POST", "/keys", #"{"name":"x","scope":"full"}"#, 403),
            ("DELETE", "/keys/none", nil, 403), ("POST", "/backups", nil, 403),
            ("POST", "/trace-dlq/purge", #"{"older_than_hours":0}"#, 403),
            ("POST", "/trace-dlq/requeue", "{}", 403), ("GET", "/workflows/w", nil, 200),
        ] as [(String, String, String?, Int)] {
            let read = method == "GET" && path != "/keys" ? 200 : 403
            #expect(try status(reader, method, path, body) == read, "read_only \(method) \(path)")
            #expect(try status(drafter, method, path, body) == expected, "draft \(method) \(path)")
        }
        #expect(try status(full, "PATCH", "/workflows/w/status", active) == 200)
        #expect(try status(full, "POST", "/connectors", connector) == 201)
    }

    @Test func `what a key opens with is shown once, kept as a hash, and audited without it`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let full = try Self.make(client, "full")
        let other = try Self.make(client, "draft", with: full.key)

        let headers = Self.bearer(full.key)
        let listed = try client.call("GET", Self.keys, headers: headers)
        let rows = listed.object["data"] as? [[String: Any]] ?? []
        let revoked = try client.call("DELETE", "\(Self.keys)/\(other.id)", headers: headers)
        let audit = try client.call("GET", "\(Client.admin)/audit-logs?resource_type=admin_key", headers: headers)
        let entries = audit.object["data"] as? [[String: Any]] ?? []
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let files = try FileManager.default.contentsOfDirectory(at: weir.folder, includingPropertiesForKeys: nil)

        #expect(rows.map { $0["scope"] as? String } == ["full", "draft"])
        #expect(rows.first?["last_used_at"] as? String != nil && rows.last?["last_used_at"] is NSNull)
        #expect(rows.allSatisfy { $0["key"] == nil })
        #expect(revoked.status == 204)
        #expect(entries.map { $0["action"] as? String } == ["revoke", "create", "create"])
        #expect(entries.map { $0["principal"] as? String } == [full.id, full.id, "anonymous"])
        for text in [full.key, other.key] {
            let secret = Data(text.utf8)
            #expect(listed.body.range(of: secret) == nil && audit.body.range(of: secret) == nil)
            for file in files where !file.hasDirectoryPath {
                #expect(try Data(contentsOf: file).range(of: secret) == nil, "\(file.lastPathComponent)")
            }
        }
    }

    @Test func `a revoked or expired key is refused like any wrong one, at once`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let full = try Self.make(client, "full")
        let gone = try Self.make(client, "draft", with: full.key)
        let brief = try Self.make(client, "draft", with: full.key, more: #","expires_in_secs":1"#)
        func ask(_ key: String) throws -> Client.Reply {
            try client.call("GET", "\(Client.admin)/workflows", headers: Self.bearer(key) + ["x-request-id: same"])
        }
        #expect(try ask(gone.key).status == 200)

        let last = try client.call("DELETE", "\(Self.keys)/\(full.id)", headers: Self.bearer(full.key))
        _ = try client.call("DELETE", "\(Self.keys)/\(gone.id)", headers: Self.bearer(full.key))
        let revoked = try ask(gone.key)
        let wrong = try ask("weir_nonsense")
        var expired = try ask(brief.key)
        let deadline = Date().addingTimeInterval(10)
        while expired.status == 200, Date() < deadline { expired = try ask(brief.key) }

        #expect(last.status == 409, "the last full key stays while others do")
        #expect(revoked.status == 401 && expired.status == 401)
        #expect(revoked.body == wrong.body && expired.body == wrong.body)
        _ = try client.call("DELETE", "\(Self.keys)/\(brief.id)", headers: Self.bearer(full.key))
        #expect(try client.call("DELETE", "\(Self.keys)/\(full.id)", headers: Self.bearer(full.key)).status == 204)
        #expect(try client.call("GET", "\(Client.admin)/workflows").status == 200, "no key is left: open on loopback")
    }

    @Test func `wrong keys cost time, for a right one too, and say when to come back`() throws {
        let weir = try RunningWeir(["admin_auth.api_keys=right-key", "rate_limit.trusted_proxies=127.0.0.1"])
        let client = Client(weir.port)
        func ask(_ key: String, _ from: String) throws -> Client.Reply {
            try client.call(
                "GET", "\(Client.admin)/workflows",
                headers: Self.bearer(key) + ["X-Forwarded-For: \(from)", "x-request-id: same"])
        }

        let refused = try (0..<12).map { _ in try ask("wrong", "203.0.113.7") }
        let held = try ask("right-key", "203.0.113.7")
        let other = try ask("right-key", "203.0.113.8")

        #expect(refused.prefix(5).allSatisfy { $0.status == 401 && $0.header("retry-after") == nil })
        #expect(refused.last?.header("retry-after") != nil)
        #expect(held.status == 401 && held.body == refused.last?.body && held.header("retry-after") != nil)
        #expect(other.status == 200)
        // The pause ends by itself.
        var later = held
        let deadline = Date().addingTimeInterval(10)
        while later.status == 401, Date() < deadline { later = try ask("right-key", "203.0.113.7") }
        #expect(later.status == 200)
    }

    @Test func `a server without keys does not answer to pages of other sites`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        func status(_ headers: [String], host: String = "localhost") throws -> Int {
            let body = #"{"name":"mine now","scope":"full"}"#
            let text =
                "POST \(Self.keys) HTTP/1.1\r\nHost: \(host)\r\nContent-Type: text/plain\r\n"
                + headers.map { $0 + "\r\n" }.joined() + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            guard client.write(Array(text.utf8)), let reply = client.read() else { return 0 }
            return reply.status
        }

        #expect(try status(["Origin: https://evil.example"]) == 403)
        #expect(try status([], host: "rebound.evil.example:\(weir.port)") == 403)
        #expect(try client.call("GET", "\(Client.admin)/workflows").status == 200, "still open to this machine")
        #expect(try status(["Origin: http://localhost:\(weir.port)"]) == 201)
    }

    @Test func `bad wishes are refused with the field's name`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        for (body, field) in [
            ("{}", "name"), (#"{"name":" ","scope":"full"}"#, "name"), (#"{"name":"x"}"#, "scope"),
            (#"{"name":"x","scope":"god"}"#, "scope"), (#"{"name":"x","scope":"full","scopes":1}"#, "scopes"),
            (#"{"name":"x","scope":"full","expires_in_secs":0}"#, "expires_in_secs"),
            (#"{"name":"x","scope":"full","expires_in_secs":"1"}"#, "expires_in_secs"),
        ] {
            let reply = try client.call("POST", Self.keys, body)
            let details = (reply.object["error"] as? [String: Any])?["details"] as? [[String: Any]]
            #expect(reply.status == 400 && details?.first?["path"] as? String == field, "\(body)")
        }
        for body in ["[]", "1", "\"x\"", "null"] { #expect(try client.call("POST", Self.keys, body).status == 400) }
        #expect(try client.call("GET", "\(Client.admin)/workflows").status == 200, "nothing was half-saved")
    }

    @Test func `the command line makes, lists and revokes keys`() throws {
        let weir = try RunningWeir()
        let made = try weir.command(["keys", "create", "me", "--scope", "full"])
        let key = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let json = try weir.command([
            "keys", "create", "ai", "--scope", "draft", "--expires-in-days", "1", "-o", "json", "--key", key,
        ])
        let listed = try weir.command(["keys", "list", "--key", key])
        let refused = try weir.command(["keys"])
        let id = json.object["id"] as? String ?? ""
        let revoked = try weir.command(["keys", "revoke", id, "--key", key])
        let unknown = try weir.command(["keys", "revoke", id, "--key", key])

        #expect(made.code == 0 && key.hasPrefix("weir_") && made.errors.contains("once"), "\(made)")
        #expect(json.object["key"] as? String != nil && json.object["expires_at"] as? String != nil, "\(json)")
        #expect(listed.output.contains("ai") && !listed.output.contains(key), "\(listed)")
        #expect(refused.code == 3 && revoked.code == 0 && unknown.code == 4)
        #expect(try RunningWeir.command(["keys", "create", "x", "--scope", "god"]).code == 64)
    }
}
