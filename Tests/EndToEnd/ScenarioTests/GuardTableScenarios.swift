import Foundation
import Synchronization
import Testing
import TokenForging

/// Every guard through each of the three ways in: what `docs/guards.md` says of them.
@Suite struct GuardTableScenarios {
    /// A channel with one guard, and a request that the guard minds.
    private struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var config: String
        var headers: [String] = []
        var body = #"{"n":1}"#
        /// Requests that go well first, to use up what there is.
        var before = 0
        var sync: String
        var async: String
        /// The code of the error that the calling workflow sees; `ok` for none.
        var inside: String
        /// What must be sent to be let in.
        var pass: [String] = []
        var passBody = #"{"n":1}"#

        var testDescription: String { name }
    }

    private static let forge = Result { try TokenForge() }
    private static let key = "Authorization: Bearer the-key"

    private static var rows: [Row] {
        let keyed = #""auth":{"mode":"api_key","keys":["the-key"]"#
        let forge = try? forge.get()
        let end = Int(Date().timeIntervalSince1970) + 600
        let token = (try? forge?.sign("HS256", claims: #"{"exp":\#(end)}"#)) ?? ""
        let jwt =
            #""auth":{"mode":"jwt","algorithms":["HS256"],"jwt_keys":[{"algorithm":"HS256","key":"\#(forge?.secretText ?? "")"}]}"#
        let signed = TokenForge.signature(#"{"n":1}"#, secret: "the-secret")
        return [
            Row(
                name: "api_key", config: keyed + "}", sync: "401 UNAUTHORIZED", async: "401 UNAUTHORIZED", inside: "ok",
                pass: [key]),
            Row(
                name: "hmac", config: #""auth":{"mode":"hmac","secret":"the-secret"}"#,
                headers: ["X-Signature: 00"], sync: "401 UNAUTHORIZED", async: "401 UNAUTHORIZED", inside: "ok",
                pass: ["X-Signature: \(signed)"]),
            Row(
                name: "jwt", config: jwt, headers: ["Authorization: Bearer \(token)x"], sync: "401 UNAUTHORIZED",
                async: "401 UNAUTHORIZED", inside: "ok", pass: ["Authorization: Bearer \(token)"]),
            Row(
                name: "authorization_logic",
                config: keyed + #","authorization_logic":{"==":[{"var":"headers.x-team"},"blue"]}}"#, headers: [key],
                sync: "403 FORBIDDEN", async: "403 FORBIDDEN", inside: "ok", pass: [key, "X-Team: blue"]),
            Row(
                name: "principal_rate_limit",
                config: keyed
                    + #"},"principal_rate_limit":{"requests_per_second":1,"burst":2,"key_logic":{"var":"auth.key_id"}}"#,
                headers: [key], before: 2, sync: "429 RATE_LIMITED", async: "429 RATE_LIMITED", inside: "ok",
                pass: [key]),
            Row(
                name: "origin_allow_list", config: #""origin_allow_list":["https://good.example"]"#,
                headers: ["Origin: https://evil.example"], sync: "403 FORBIDDEN", async: "403 FORBIDDEN", inside: "ok",
                pass: ["Origin: https://good.example"]),
            Row(
                name: "validation_logic", config: #""validation_logic":{">":[{"var":"data.n"},0]}"#, body: #"{"n":0}"#,
                sync: "400 VALIDATION_ERROR", async: "400 VALIDATION_ERROR", inside: "VALIDATION_ERROR"),
            // Each way has a name of its own in the buckets: the client's address, the calling channel.
            Row(
                name: "rate_limit", config: #""rate_limit":{"requests_per_second":1,"burst":2}"#, before: 2,
                sync: "429 RATE_LIMITED", async: "429 RATE_LIMITED", inside: "channel_rate_limited"),
        ]
    }

    private static let stamp = Client.map("s", "data.stamp", #"{"random":[]}"#)

    /// A channel without guards that calls another.
    private func deployCaller(_ client: Client, of name: String) throws {
        try client.deploy(
            "calls-\(name)",
            tasks: Client.task(
                "c", "channel_call", #"{"channel":"\#(name)","output":"data.r"}"#, more: #","continue_on_error":true"#))
    }

    private func said(_ reply: Client.Reply) -> String { "\(reply.status)" + (reply.code.map { " \($0)" } ?? "") }

    private func inside(_ reply: Client.Reply) -> String {
        ((reply.object["errors"] as? [[String: Any]])?.first?["code"] as? String)
            ?? (reply.status == 200 ? "ok" : said(reply))
    }

    @Test(arguments: rows)
    private func `a guard holds on every way in that it guards`(_ row: Row) throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("it", tasks: Self.stamp, channel: ",\"config\":{\(row.config)}")
        try deployCaller(client, of: "it")
        func ask(_ path: String, _ headers: [String], _ body: String) throws -> Client.Reply {
            try client.call("POST", "\(Client.data)/\(path)", body, headers: headers)
        }

        for _ in 0..<max(1, row.before) { #expect(try ask("it", row.pass, row.passBody).status == 200) }
        let sync = try ask("it", row.headers, row.body)
        let async = try ask("it/async", row.headers, row.body)
        for _ in 0..<row.before { _ = try ask("calls-it", row.headers, row.body) }
        let called = try ask("calls-it", row.headers, row.body)
        let traces = try client.call("GET", "\(Client.admin)/traces?mode=async&include_total=true")

        #expect(said(sync) == row.sync && said(async) == row.async && inside(called) == row.inside)
        #expect(traces.object["total"] as? Int == 0)  // what is refused never becomes a trace
    }

    @Test func `at capacity a call is refused, accepted work waits, a call from inside is told`() throws {
        let gate = DispatchSemaphore(value: 0)
        let upstream = try Upstream { _ in
            _ = gate.wait(timeout: .now() + 20)
            return .reply(status: 200, body: "{}")
        }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"name":"up","connector_type":"http","config":{"url":"\#(upstream.url)","allow_private_urls":true}}"#)
        try client.deploy(
            "it", tasks: Client.task("c", "http_call", #"{"connector":"up","output":"data.r"}"#),
            channel: #","config":{"backpressure":{"max_concurrent":1}}"#)
        try deployCaller(client, of: "it")

        let first = Client(weir.port)
        _ = first.write(Client.request("POST", "\(Client.data)/it", "{}"))
        let deadline = Date().addingTimeInterval(10)
        while upstream.requests.isEmpty, Date() < deadline { sched_yield() }
        let second = try client.call("POST", "\(Client.data)/it", "{}")
        let accepted = try client.call("POST", "\(Client.data)/it/async", "{}")
        let called = try client.call("POST", "\(Client.data)/calls-it", "{}")
        gate.signal()
        let held = first.read()
        gate.signal()
        let trace = try TraceScenarios.wait(client, accepted.object["trace_id"] as? String ?? "")

        #expect(said(second) == "503 SERVICE_UNAVAILABLE" && second.header("retry-after") == "1")
        #expect(accepted.status == 202 && trace["status"] as? String == "completed")
        #expect(inside(called) == "channel_unavailable" && held?.status == 200)
    }

    @Test func `a channel's time is kept on every way in`() throws {
        let weir = try RunningWeir(["queue.dlq_retry_enabled=false"])
        let client = Client(weir.port)
        try client.deploy(
            "it", tasks: Client.task("z", "sleep", #"{"ms":60000}"#), channel: #","config":{"timeout_ms":100}"#)
        try deployCaller(client, of: "it")
        let began = Date()

        let sync = try client.call("POST", "\(Client.data)/it", "{}")
        let accepted = try client.call("POST", "\(Client.data)/it/async", "{}")
        let trace = try TraceScenarios.wait(client, accepted.object["trace_id"] as? String ?? "")
        let called = try client.call("POST", "\(Client.data)/calls-it", "{}")

        #expect(said(sync) == "504 TIMEOUT" && trace["status"] as? String == "failed")
        #expect(inside(called) == "TIMEOUT_ERROR_CALL" && Date().timeIntervalSince(began) < 15)
    }

    @Test func `what is remembered is remembered at the door, not inside`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "dedup", tasks: Self.stamp, channel: #","config":{"deduplication":{"header":"Idempotency-Key"}}"#)
        try client.deploy("cache", tasks: Self.stamp, channel: #","config":{"cache":{"enabled":true}}"#)
        func twice(_ path: String, _ field: (Client.Reply) -> String?) throws -> Int {
            let replies = try (0..<2).map { _ in
                try client.call("POST", "\(Client.data)/\(path)", "{}", headers: ["Idempotency-Key: \(path)"])
            }
            return Set(replies.map { field($0) ?? "none" }).count
        }
        let stamp: (Client.Reply) -> String? = { "\($0.data["stamp"] ?? "none")" }
        let trace: (Client.Reply) -> String? = { $0.object["trace_id"] as? String }
        let inner: (Client.Reply) -> String? = { "\(($0.data["r"] as? [String: Any])?["stamp"] ?? "none")" }

        for name in ["dedup", "cache"] { try deployCaller(client, of: name) }

        #expect(try twice("dedup", stamp) == 1 && twice("dedup/async", trace) == 1 && twice("calls-dedup", inner) == 2)
        #expect(try twice("cache", stamp) == 1 && twice("cache/async", trace) == 2 && twice("calls-cache", inner) == 2)
    }

    @Test func `who a caller is goes with the calls a workflow makes`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let forge = try Self.forge.get()
        try client.deploy("inner", tasks: Client.map("m", "data.sub", #"{"var":"metadata.auth.claims.sub"}"#))
        let key = #"{"algorithm":"HS256","key":"\#(forge.secretText)"}"#
        try client.deploy(
            "outer", tasks: Client.task("c", "channel_call", #"{"channel":"inner","output":"data.r"}"#),
            channel: #","config":{"auth":{"mode":"jwt","algorithms":["HS256"],"jwt_keys":[\#(key)]}}"#)
        let end = Int(Date().timeIntervalSince1970) + 600
        let token = try forge.sign("HS256", claims: #"{"sub":"ada","exp":\#(end)}"#)

        let reply = try client.call("POST", "\(Client.data)/outer", "{}", headers: ["Authorization: Bearer \(token)"])

        #expect((reply.data["r"] as? [String: Any])?["sub"] as? String == "ada")
    }
}
