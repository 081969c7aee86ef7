import Foundation
import Synchronization
import Testing

/// Who may call, and what is not done twice.
@Suite struct GuardScenarios {
    /// A channel whose every run answers with something new.
    private static let fresh = Client.parse + "," + Client.map("m", "data.stamp", #"{"random":[]}"#)

    private func config(_ text: String) -> String { ",\"config\":{\(text)}" }

    @Test func `a channel with keys answers only who has one, on every way in`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "keyed", tasks: Self.fresh, channel: config(#""auth":{"mode":"api_key","keys":["first-key","second-key"]}"#)
        )
        try client.deploy("inside", tasks: Client.task("c", "channel_call", #"{"channel":"keyed"}"#))

        let statuses = try [nil, "Bearer wrong", "first-key", "Bearer first-key", "bearer second-key"].map { value in
            try client.call("POST", "\(Client.data)/keyed", "{}", headers: value.map { ["Authorization: \($0)"] } ?? [])
                .status
        }
        let refused = try client.call("POST", "\(Client.data)/keyed/async", "{}")
        let shown = String(decoding: try client.call("GET", "\(Client.admin)/channels/keyed").body, as: UTF8.self)
        let exported = String(decoding: try client.call("GET", "\(Client.admin)/channels/export").body, as: UTF8.self)

        #expect(statuses == [401, 401, 401, 200, 200])
        #expect(
            refused.status == 401 && refused.code == "UNAUTHORIZED" && refused.header("www-authenticate") == "Bearer")
        #expect(try client.call("POST", "\(Client.data)/inside", "{}").status == 200)
        #expect(!shown.contains("first-key") && shown.contains("******") && !exported.contains("first-key"))
    }

    @Test func `a masked key that is sent back keeps what is stored`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "keyed", tasks: Self.fresh, channel: config(#""auth":{"mode":"api_key","keys":["first-key"]}"#))
        _ = try client.call("POST", "\(Client.admin)/channels/keyed/versions")
        let edit = #"{"description":"new","config":{"auth":{"mode":"api_key","keys":["******","******"]}}}"#

        let edited = try client.call("PUT", "\(Client.admin)/channels/keyed", edit)
        let kept = try client.call(
            "PUT", "\(Client.admin)/channels/keyed",
            #"{"config":{"auth":{"mode":"api_key","keys":["******","another"]}}}"#)
        _ = try client.call("PATCH", "\(Client.admin)/channels/keyed/status", #"{"status":"active"}"#)

        #expect(edited.status == 400 && kept.status == 200)
        #expect(
            try client.call("POST", "\(Client.data)/keyed", "{}", headers: ["Authorization: Bearer first-key"]).status
                == 200)
    }

    @Test func `a signed webhook is let in, a changed or forged one is not`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let file = weir.folder.appendingPathComponent("secret")
        try "It's a Secret to Everybody".write(to: file, atomically: true, encoding: .utf8)
        try client.deploy(
            "hook", tasks: Client.map("m", "data.ok", "true"),
            channel: config(#""auth":{"mode":"hmac","preset":"github","secret":"file://\#(file.path)"}"#))
        // From GitHub's documentation, but for the quotes that make the text JSON: signed with Python's hmac.
        let body = "\"Hello, World!\""
        let signature = "X-Hub-Signature-256: sha256=\(Self.githubSignature)"

        #expect(try client.call("POST", "\(Client.data)/hook", body, headers: [signature]).status == 200)
        #expect(try client.call("POST", "\(Client.data)/hook", "\"Hello, World?\"", headers: [signature]).status == 401)
        #expect(try client.call("POST", "\(Client.data)/hook", body).status == 401)
        #expect(try client.call("POST", "\(Client.data)/hook", body, headers: [signature + "00"]).status == 401)
    }

    /// HMAC-SHA256 of `"Hello, World!"`, quotes included, with the secret above.
    private static let githubSignature = "ecddb501376a06b92925a01b186582f725fd94c50d692a1033f57a5358f96a03"

    @Test func `an origin that is not listed is refused`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("web", tasks: Self.fresh, channel: config(#""origin_allow_list":["https://good.example"]"#))
        func ask(_ origin: String?) throws -> Client.Reply {
            try client.call("POST", "\(Client.data)/web", "{}", headers: origin.map { ["Origin: \($0)"] } ?? [])
        }

        #expect(try ask(nil).status == 200)
        #expect(try ask("https://good.example").status == 200)
        let refused = try ask("https://evil.example")
        #expect(refused.status == 403 && refused.code == "FORBIDDEN")
    }

    @Test func `a repeated key gets the reply of its first request, on its own channel`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let dedup = config(#""deduplication":{"header":"Idempotency-Key","window_secs":60}"#)
        try client.deploy("once", tasks: Self.fresh, channel: dedup)
        try client.deploy("other", tasks: Self.fresh, channel: dedup)
        func ask(_ channel: String, _ key: String?, _ path: String = "") throws -> Client.Reply {
            try client.call(
                "POST", "\(Client.data)/\(channel)\(path)", "{}", headers: key.map { ["Idempotency-Key: \($0)"] } ?? [])
        }

        let first = try ask("once", "k")
        let again = try ask("once", "k")
        let different = try ask("once", "l")
        let elsewhere = try ask("other", "k")
        let bare = try (ask("once", nil), ask("once", nil))
        let accepted = try ask("once", "a", "/async")
        let acceptedAgain = try ask("once", "a", "/async")

        #expect(first.status == 200 && again.status == 200 && again.body == first.body)
        #expect(again.header("idempotency-replayed") == "true" && first.header("idempotency-replayed") == nil)
        #expect(different.body != first.body && elsewhere.body != first.body && bare.0.body != bare.1.body)
        #expect(accepted.status == 202 && acceptedAgain.body == accepted.body)
        #expect(try ask("once", String(repeating: "x", count: 256)).status == 400)
    }

    @Test func `a run that failed may be repeated, one that is under way may not`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let dedup = config(#""deduplication":{"header":"Idempotency-Key"}"#)
        try client.deploy(
            "fails", tasks: Client.parse + "," + Client.map("m", "data.x", #"{"/":[1,{"var":"data.in.n"}]}"#),
            channel: dedup)
        try client.deploy("slow", tasks: DataScenarios.busy.tasks, more: DataScenarios.busy.loop, channel: dedup)
        let key = ["Idempotency-Key: k"]

        let failed = try client.call("POST", "\(Client.data)/fails", #"{"n":0}"#, headers: key)
        let repeated = try client.call("POST", "\(Client.data)/fails", #"{"n":2}"#, headers: key)
        let callers = (0..<4).map { _ in Client(weir.port) }
        for caller in callers { _ = caller.write(Client.request("POST", "\(Client.data)/slow", "{}", headers: key)) }
        let replies = callers.compactMap { $0.read() }

        #expect(failed.status == 500 && repeated.status == 200)
        let conflicts = replies.filter { $0.status == 409 }
        #expect(replies.count == 4 && conflicts.count >= 1)
        #expect(conflicts.allSatisfy { $0.code == "CONFLICT" && Int($0.header("retry-after") ?? "") ?? 0 >= 1 })
        #expect(Set(replies.filter { $0.status == 200 }.map(\.body)).count == 1)
    }

    @Test func `a cached reply is given again, for the same request alone`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "cached", tasks: Self.fresh,
            channel: #","methods":["GET","POST"],"route_pattern":"/cached/{id}""#
                + config(#""cache":{"enabled":true,"ttl_secs":60,"namespaces":["prices"]}"#))
        try client.deploy(
            "fields", tasks: Self.fresh, channel: config(#""cache":{"enabled":true,"cache_key_fields":["user.id"]}"#))
        func ask(_ path: String, _ body: String?, _ method: String = "POST") throws -> Client.Reply {
            try client.call(method, "\(Client.data)/\(path)", body)
        }

        let first = try ask("cached/1", #"{"a":1}"#)
        let again = try ask("cached/1", #"{"a":1}"#)
        let others = try [
            ask("cached/2", #"{"a":1}"#), ask("cached/1", #"{"a":2}"#), ask("cached/1?q=1", #"{"a":1}"#),
            ask("cached/1", nil, "GET"),
        ]
        let invalidated = try client.call("POST", "\(Client.admin)/cache/namespaces/prices/invalidate")
        let after = try ask("cached/1", #"{"a":1}"#)
        let field = try (ask("fields", #"{"user":{"id":1},"x":1}"#), ask("fields", #"{"user":{"id":1},"x":2}"#))
        let none = try (ask("fields", #"{"y":1}"#), ask("fields", #"{"y":1}"#))

        #expect(first.header("x-cache") == "MISS" && first.header("age") == nil)
        #expect(again.header("x-cache") == "HIT" && again.header("age") == "0" && again.body == first.body)
        #expect(others.allSatisfy { $0.header("x-cache") == "MISS" })
        #expect(invalidated.status == 200 && after.header("x-cache") == "MISS" && after.body != first.body)
        #expect(field.1.header("x-cache") == "HIT" && field.0.body == field.1.body)
        #expect(none.0.body != none.1.body && none.1.header("x-cache") != "HIT")
    }

    @Test func `what was cached ends with the version that said it, and failures are not kept`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let cache = config(#""cache":{"enabled":true}"#)
        try client.deploy("v", tasks: Client.map("m", "data.v", "1"), channel: cache)
        try client.deploy(
            "bad", tasks: Client.map("m", "data.x", #"{"/":[1,0]}"#, more: #","continue_on_error":true"#),
            channel: cache)

        _ = try client.call("POST", "\(Client.data)/v", "{}")
        _ = try client.call("POST", "\(Client.admin)/workflows/v/versions")
        _ = try client.call("PUT", "\(Client.admin)/workflows/v", #"{"tasks":[\#(Client.map("m", "data.v", "2"))]}"#)
        _ = try client.call("PATCH", "\(Client.admin)/workflows/v/status", #"{"status":"active"}"#)
        let after = try client.call("POST", "\(Client.data)/v", "{}")
        let bad = try (client.call("POST", "\(Client.data)/bad", "{}"), client.call("POST", "\(Client.data)/bad", "{}"))

        #expect(after.data["v"] as? Int == 2 && after.header("x-cache") == "MISS")
        #expect(bad.0.status == 200 && bad.1.header("x-cache") == "MISS")
    }

    @Test func `of many who ask at once one does the work`() throws {
        let hits = Mutex(0)
        let upstream = try Upstream { _ in
            hits.withLock { $0 += 1 }
            return .reply(status: 200, body: "{}")
        }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"name":"up","connector_type":"http","config":{"url":"\#(upstream.url)","allow_private_urls":true}}"#)
        try client.deploy(
            "flight",
            tasks: DataScenarios.busy.tasks + ","
                + Client.task("c", "http_call", #"{"connector":"up","output":"data.r"}"#),
            more: DataScenarios.busy.loop.replacing("10000", with: "20"), channel: config(#""cache":{"enabled":true}"#))

        let callers = (0..<8).map { _ in Client(weir.port) }
        for caller in callers { _ = caller.write(Client.request("POST", "\(Client.data)/flight", "{}")) }
        let replies = callers.compactMap { $0.read() }

        #expect(replies.count == 8 && replies.allSatisfy { $0.status == 200 })
        #expect(Set(replies.map(\.body)).count == 1)
        #expect(replies.count { $0.header("x-cache") == "MISS" } == 1)
        #expect(hits.withLock { $0 } == 20)
    }

    @Test func `what a guard needs is checked when it is saved`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let bad = [
            (#""auth":{"mode":"magic"}"#, "config.auth.mode"),
            (#""auth":{"mode":"api_key","keys":[]}"#, "config.auth.keys"),
            (#""auth":{"mode":"hmac"}"#, "config.auth.secret"),
            (#""auth":{"mode":"hmac","secret":"s","preset":"nobody"}"#, "config.auth.preset"),
            (#""auth":{"mode":"hmac","secret":"s","algorithm":"md5"}"#, "config.auth.algorithm"),
            (#""cache":{"ttl_secs":5}"#, "config.cache.enabled"),
            (#""cache":{"enabled":true,"namespaces":["A b"]}"#, "config.cache.namespaces"),
            (#""deduplication":{"window":1}"#, "config.deduplication.window"),
            (#""origin_allow_list":"x""#, "config.origin_allow_list"),
        ]
        for (part, path) in bad {
            let body = #"{"name":"c","channel_type":"sync","protocol":"rest","config":{\#(part)}}"#
            let reply = try client.call("POST", "\(Client.admin)/channels", body)
            let details = (reply.object["error"] as? [String: Any])?["details"] as? [[String: Any]] ?? []
            #expect(reply.status == 400 && details.contains { $0["path"] as? String == path }, "\(part): \(details)")
        }
    }

    @Test func `a channel whose secret is not to be had is quarantined, not open`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "lost", tasks: Self.fresh, channel: config(#""auth":{"mode":"hmac","secret":"env://WEIR_TEST_NOT_SET"}"#))

        let reply = try client.call("POST", "\(Client.data)/lost", "{}")
        let health = String(decoding: try client.call("GET", "/health").body, as: UTF8.self)

        #expect(reply.status == 503)
        #expect(health.contains("WEIR_TEST_NOT_SET"))
    }

    @Test func `what is remembered for one caller is not told another`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let auth = #""auth":{"mode":"api_key","keys":["alice-key","bobby-key"]}"#
        try client.deploy(
            "once", tasks: Self.fresh,
            channel: #","methods":["POST","PUT"],"route_pattern":"/once/{id}""# + config(auth + #","deduplication":{}"#)
        )
        try client.deploy("kept", tasks: Self.fresh, channel: config(auth + #","cache":{"enabled":true}"#))
        func ask(_ method: String, _ path: String, _ key: String) throws -> Double? {
            let headers = ["Authorization: Bearer \(key)", "Idempotency-Key: k-1"]
            return try client.call(method, "\(Client.data)/\(path)", "{}", headers: headers).data["stamp"] as? Double
        }

        let first = try ask("POST", "once/1", "alice-key")
        let again = try ask("POST", "once/1", "alice-key")
        let others = try [
            ("POST", "once/1", "bobby-key"), ("PUT", "once/1", "alice-key"), ("POST", "once/2", "alice-key"),
        ].map {
            try ask($0, $1, $2)
        }
        let cached = try [ask("POST", "kept", "alice-key"), ask("POST", "kept", "alice-key")]
        let bob = try ask("POST", "kept", "bobby-key")

        #expect(first != nil && first == again)
        #expect(others.allSatisfy { $0 != nil && $0 != first } && Set(others).count == 3, "\(others)")
        #expect(cached[0] != nil && cached[0] == cached[1] && bob != nil && bob != cached[0])
    }

    @Test func `an empty key or secret opens nothing`() throws {
        let weir = try RunningWeir(environment: ["WEIR_TEST_EMPTY": " "])
        let client = Client(weir.port)
        for auth in [#"{"mode":"api_key","keys":[""]}"#, #"{"mode":"hmac","secret":""}"#] {
            let body =
                #"{"channel_id":"x","name":"x","channel_type":"sync","protocol":"rest","workflow_id":"w","config":{"auth":\#(auth)}}"#
            #expect(try client.call("POST", "\(Client.admin)/channels", body).status == 400, "\(auth)")
        }
        try client.deploy(
            "empty", tasks: Self.fresh,
            channel: config(#""auth":{"mode":"api_key","keys":["env://WEIR_TEST_EMPTY"],"header":"X-Api-Key"}"#))

        #expect(try client.call("POST", "\(Client.data)/empty", "{}", headers: ["X-Api-Key: "]).status == 503)
    }
}
