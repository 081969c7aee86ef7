import Foundation
import Synchronization
import Testing

@Suite struct ConnectorScenarios {
    private static let connectors = "\(Client.admin)/connectors"

    private func connector(_ client: Client, _ url: String, _ more: String = "", name: String = "up") throws
        -> Client.Reply
    {
        try client.call(
            "POST", Self.connectors,
            #"{"id":"\#(name)","name":"\#(name)","connector_type":"http","config":{"url":"\#(url)","allow_private_urls":true\#(more)}}"#
        )
    }

    private func call(_ more: String = "") -> String {
        Client.task("call", "http_call", #"{"connector":"up","output":"data.reply"\#(more)}"#)
    }

    @Test func `a workflow calls another system and goes on with its reply`() throws {
        let upstream = try Upstream { request in
            .reply(status: 200, body: #"{"path":"\#(request.path)","got":\#(request.body)}"#)
        }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let made = try connector(
            client, upstream.url + "/base/",
            #","headers":{"x-team":"blue","x-both":"connector"},"query_params":{"v":"1 2"},"auth":{"type":"bearer","token":"secret-token"}"#
        )
        let input =
            #","method":"POST","path":{"cat":["orders/",{"var":"data.in.id"}]},"headers":{"x-both":"task"},"body":{"amount":{"var":"data.in.amount"},"fixed":true}"#
        try client.deploy("out", tasks: Client.parse + "," + call(input))

        let reply = try client.call(
            "POST", "\(Client.data)/out", #"{"id":7,"amount":3}"#, headers: ["x-request-id: r-9"])
        let accepted = try client.call("POST", "\(Client.data)/out/async", #"{"id":8,"amount":4}"#)
        let trace = try TraceScenarios.wait(client, accepted.object["trace_id"] as? String ?? "")

        #expect(made.status == 201)
        let got = reply.data["reply"] as? [String: Any]
        #expect(got?["path"] as? String == "/base/orders/7?v=1%202", "\(String(decoding: reply.body, as: UTF8.self))")
        #expect(
            (got?["got"] as? [String: Any])?["amount"] as? Int == 3
                && (got?["got"] as? [String: Any])?["fixed"] as? Bool == true)
        #expect(trace["status"] as? String == "completed")
        let first = try #require(upstream.requests.first)
        #expect(first.method == "POST" && first.headers["authorization"] == "Bearer secret-token")
        #expect(first.headers["x-team"] == "blue" && first.headers["x-both"] == "task")
        #expect(first.headers["x-request-id"] == "r-9" && first.headers["traceparent"]?.hasPrefix("00-") == true)
        #expect(first.headers["content-type"] == "application/json" && upstream.requests.count == 2)
    }

    @Test func `secrets are masked wherever they are shown, and not readable where they are stored`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let more = #","auth":{"type":"basic","username":"me","password":"hidden-1"},"headers":{"x-key":"hidden-2"}"#
        _ = try connector(client, "http://example.org", more)

        let shown = try client.call("GET", "\(Self.connectors)/up").data
        let config = shown["config"] as? [String: Any]
        let kept = try client.call(
            "PUT", "\(Self.connectors)/up",
            #"{"config":{"url":"http://example.org/v2","auth":{"type":"basic","username":"me","password":"******"}}}"#)
        let wrong = try client.call(
            "PUT", "\(Self.connectors)/up",
            #"{"config":{"url":"http://example.org","auth":{"type":"bearer","token":"******"}}}"#)
        let audit = String(decoding: try client.call("GET", "\(Client.admin)/audit-logs").body, as: UTF8.self)
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let stored = ["weir.db", "weir.db-wal"].map {
            try? Data(contentsOf: weir.folder.appendingPathComponent($0))
        }
        let all = stored.compactMap { $0 }.map { String(decoding: $0, as: UTF8.self) }.joined()
        let attributes = try FileManager.default.attributesOfItem(atPath: weir.folder.path + "/weir.db.key")

        #expect((config?["auth"] as? [String: Any])?["password"] as? String == "******")
        #expect((config?["auth"] as? [String: Any])?["username"] as? String == "me")
        #expect((config?["headers"] as? [String: Any])?["x-key"] as? String == "******")
        #expect(config?["url"] as? String == "http://example.org" && shown["load_status"] as? String == "loaded")
        #expect(kept.status == 200 && wrong.status == 400)
        #expect(!audit.contains("hidden") && audit.contains("******"))
        #expect(!all.contains("hidden-1") && !all.contains("hidden-2"))
        #expect((attributes[.posixPermissions] as? Int) == 0o600)
    }

    @Test func `a secret may be a reference, and one that leads nowhere is told`() throws {
        let upstream = try Upstream { _ in .reply(status: 200, body: "{}") }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let file = weir.folder.appendingPathComponent("token")
        try "from-a-file\n".write(to: file, atomically: true, encoding: .utf8)
        _ = try connector(client, upstream.url, #","auth":{"type":"bearer","token":"file://\#(file.path)"}"#)
        _ = try connector(
            client, upstream.url, #","auth":{"type":"bearer","token":"env://WEIR_TEST_NOT_SET"}"#, name: "lost")
        try client.deploy("out", tasks: call())

        _ = try client.call("POST", "\(Client.data)/out", "{}")
        let lost = try client.call("GET", "\(Self.connectors)/lost").data

        #expect(upstream.requests.first?.headers["authorization"] == "Bearer from-a-file")
        #expect(
            lost["load_status"] as? String == "failed" && lost["load_error_stage"] as? String == "secret_resolution")
        #expect((lost["load_error"] as? String)?.contains("WEIR_TEST_NOT_SET") == true)
        #expect(
            ((lost["config"] as? [String: Any])?["auth"] as? [String: Any])?["token"] as? String
                == "env://WEIR_TEST_NOT_SET")
    }

    @Test(arguments: [
        "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://169.254.169.254", "http://10.0.0.1",
        "http://0.0.0.0:1",
    ])
    func `private addresses are refused unless the connector allows them`(url: String) throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try client.call(
            "POST", Self.connectors,
            #"{"name":"up","connector_type":"http","config":{"url":"\#(url)","retry":{"max_retries":0}}}"#)
        try client.deploy("out", tasks: call())

        let reply = try client.call("POST", "\(Client.data)/out", "{}")

        #expect(reply.status == 500)
        #expect(String(decoding: reply.body, as: UTF8.self).contains("may not be called"))
    }

    @Test func `a redirect to a private address is refused, and credentials stay with their host`() throws {
        let second = try Upstream { _ in .reply(status: 200, body: #"{"second":true}"#) }
        let other = second.url
        let first = try Upstream { request in
            request.path == "/meta"
                ? .reply(status: 302, headers: ["location: http://169.254.169.254/latest"])
                : .reply(status: 302, headers: ["location: \(other)/x"])
        }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try connector(client, first.url, #","auth":{"type":"bearer","token":"t"},"retry":{"max_retries":0}"#)
        try client.deploy("out", tasks: call())

        let reply = try client.call("POST", "\(Client.data)/out", "{}")

        #expect((reply.data["reply"] as? [String: Any])?["second"] as? Bool == true)
        #expect(
            second.requests.first?.headers["authorization"] == nil
                && first.requests.first?.headers["authorization"] != nil)
    }

    @Test func `only what is safe to repeat is repeated, with the wish of the other side heeded`() throws {
        let upstream = try Upstream { request in
            .reply(status: request.headers["x-fail"] == "no" ? 404 : 503, body: "down")
        }
        let weir = try RunningWeir(["engine.circuit_breaker.enabled=false"])
        let client = Client(weir.port)
        _ = try connector(client, upstream.url, #","retry":{"max_retries":2,"retry_delay_ms":1}"#)
        try client.deploy("get", tasks: call())
        try client.deploy("post", tasks: call(#","method":"POST""#))
        try client.deploy("gone", tasks: call(#","headers":{"x-fail":"no"}"#))

        let got = try client.call("POST", "\(Client.data)/get", "{}")
        let afterGet = upstream.requests.count
        _ = try client.call("POST", "\(Client.data)/post", "{}")
        let afterPost = upstream.requests.count
        _ = try client.call("POST", "\(Client.data)/gone", "{}")

        #expect(got.status == 500 && String(decoding: got.body, as: UTF8.self).contains("answered 503"))
        #expect(afterGet == 3 && afterPost == 4 && upstream.requests.count == 5)
    }

    @Test func `an open breaker refuses at once, until it is closed by hand or by an answer`() throws {
        let isDown = Mutex(true)
        let upstream = try Upstream { _ in
            isDown.withLock { $0 } ? .reply(status: 500) : .reply(status: 200, body: "{}")
        }
        let weir = try RunningWeir([
            "engine.circuit_breaker.failure_threshold=3", "engine.circuit_breaker.recovery_timeout_secs=1",
        ])
        let client = Client(weir.port)
        _ = try connector(client, upstream.url, #","retry":{"max_retries":0}"#)
        try client.deploy("out", tasks: call())
        func ask() throws -> Client.Reply { try client.call("POST", "\(Client.data)/out", "{}") }
        func state() throws -> String? {
            (try client.call("GET", "\(Self.connectors)/circuit-breakers").data["breakers"] as? [String: String])?[
                "out:up"]
        }

        let failing = try (0..<3).map { _ in try ask().status }
        let refused = try ask()
        let opened = try state()
        let hits = upstream.requests.count
        let reset = try client.call("POST", "\(Self.connectors)/circuit-breakers/out:up")
        let closed = try state()
        for _ in 0..<3 { _ = try ask() }
        isDown.withLock { $0 = false }
        let deadline = Date().addingTimeInterval(20)
        var last = try ask().status
        while last != 200, Date() < deadline { last = try ask().status }

        #expect(failing == [500, 500, 500] && refused.status == 503 && refused.code == "CIRCUIT_OPEN")
        #expect(opened == "open" && hits == 3)
        #expect(reset.status == 200 && closed == "closed")
        #expect(try client.call("POST", "\(Self.connectors)/circuit-breakers/none:up").status == 404)
        #expect(last == 200)
        #expect(try state() == "closed")
    }

    @Test func `a connector is checked when it is saved, and missed when it is needed`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let bad = [
            (#"{"name":"x","connector_type":"ftp","config":{}}"#, "connector_type"),
            (#"{"name":"x","connector_type":"http","config":{"url":"ftp://x"}}"#, "config.url"),
            (#"{"name":"x","connector_type":"http","config":{}}"#, "config.url"),
            (#"{"name":"x","connector_type":"http","config":7}"#, "config"),
            (#"{"connector_type":"http","config":{"url":"http://x"}}"#, "name"),
            (
                #"{"name":"x","connector_type":"http","config":{"url":"http://x","retry":{"max":1}}}"#,
                "config.retry.max"
            ),
            (
                #"{"name":"x","connector_type":"http","config":{"url":"http://x","auth":{"type":"magic"}}}"#,
                "config.auth.type"
            ),
        ]
        for (body, path) in bad {
            let reply = try client.call("POST", Self.connectors, body)
            let details = (reply.object["error"] as? [String: Any])?["details"] as? [[String: Any]]
            #expect(reply.status == 400 && details?.contains { $0["path"] as? String == path } == true, "\(body)")
        }
        let workflow = #"{"workflow_id":"w","name":"w","tasks":[\#(call())]}"#
        let warned = try client.call("POST", "\(Client.admin)/workflows/validate", workflow).data
        #expect(warned["valid"] as? Bool == true && (warned["warnings"] as? [Any])?.count == 1)
        _ = try client.call("POST", "\(Client.admin)/workflows", workflow)
        let early = try client.call("PATCH", "\(Client.admin)/workflows/w/status", #"{"status":"active"}"#)
        _ = try connector(client, "http://example.org")
        let twice = try connector(client, "http://example.org", name: "up")
        let late = try client.call("PATCH", "\(Client.admin)/workflows/w/status", #"{"status":"active"}"#)
        let dependencies = try client.call("GET", "\(Client.admin)/workflows/w/dependencies").data

        #expect(early.status == 400 && late.status == 200 && twice.status == 409)
        #expect(
            (dependencies["connectors"] as? [[String: String]])?.first == ["connector": "up", "function": "http_call"])
        _ = try client.call("PUT", "\(Self.connectors)/up", #"{"enabled":false}"#)
        #expect(try client.call("GET", "\(Self.connectors)/up").data["load_status"] as? String == "disabled")
        #expect(try client.call("DELETE", "\(Self.connectors)/up").status == 204)
        #expect(try client.call("GET", "\(Self.connectors)/up").status == 404)
    }

    @Test func `a connector can be tried`() throws {
        let upstream = try Upstream { _ in .reply(status: 404) }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try connector(client, upstream.url)
        _ = try connector(client, "http://127.0.0.1:1", name: "nobody")

        let up = try client.call("POST", "\(Self.connectors)/up/test").data
        let down = try client.call("POST", "\(Self.connectors)/nobody/test").data

        #expect(up["reachable"] as? Bool == true && down["reachable"] as? Bool == false && down["error"] != nil)
        #expect(try client.call("POST", "\(Self.connectors)/none/test").status == 404)
    }

    @Test func `a kept connection that the other side has given up costs no call`() throws {
        let upstream = try Upstream { _ in .replyAndGo(body: "{}") }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try connector(client, upstream.url, #","retry":{"max_retries":0}"#)
        try client.deploy("out", tasks: call())

        let statuses = try (0..<50).map { _ in try client.call("POST", "\(Client.data)/out", "{}").status }

        #expect(statuses.allSatisfy { $0 == 200 })
        #expect(upstream.requests.count == 50)
    }

    @Test func `what another system says is for those who read traces, without our credentials`() throws {
        let upstream = try Upstream { request in
            .reply(status: 400, body: "database password hunter2; you sent \(request.headers["authorization"] ?? "")")
        }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try connector(
            client, upstream.url, #","auth":{"type":"bearer","token":"top-secret"},"retry":{"max_retries":0}"#)
        try client.deploy("out", tasks: call(), channel: #","config":{"tracing":{"mode":"sync"}}"#)

        let reply = try client.call("POST", "\(Client.data)/out", "{}")
        let text = String(decoding: reply.body, as: UTF8.self)
        let list = String(decoding: try client.call("GET", "\(Client.admin)/traces?channel=out").body, as: UTF8.self)
        let id = try #require(list.firstMatch(of: /"id":"([^"]+)"/)).1
        let trace = String(decoding: try client.call("GET", "\(Client.admin)/traces/\(id)").body, as: UTF8.self)

        #expect(reply.status == 500 && text.contains("answered 400") && !text.contains("hunter2"))
        #expect(trace.contains("hunter2") && !trace.contains("top-secret"), "\(trace)")
    }
}
