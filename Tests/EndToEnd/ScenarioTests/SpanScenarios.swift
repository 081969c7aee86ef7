import Foundation
import Synchronization
import Testing

/// Spans of the real binary, as a collector sees them.
@Suite struct SpanScenarios {
    struct Seen {
        var name: String
        var kind: Int
        var trace: String
        var id: String
        var parent: String
        var attributes: [String: String]
        var isFailed: Bool

        init(_ span: [String: Any]) {
            name = span["name"] as? String ?? ""
            kind = span["kind"] as? Int ?? 0
            trace = span["traceId"] as? String ?? ""
            id = span["spanId"] as? String ?? ""
            parent = span["parentSpanId"] as? String ?? ""
            attributes = [:]
            for attribute in span["attributes"] as? [[String: Any]] ?? [] {
                let value = attribute["value"] as? [String: Any]
                attributes[attribute["key"] as? String ?? ""] =
                    value?["stringValue"] as? String ?? value?["intValue"] as? String
            }
            isFailed = (span["status"] as? [String: Any])?["code"] as? Int == 2
        }
    }

    /// A collector: takes what comes to `/v1/traces`.
    private static func collector(
        _ answer: @escaping @Sendable (Upstream.Request) -> Upstream.Answer = { _ in .reply(status: 200, body: "{}") }
    ) throws -> Upstream {
        try Upstream { $0.path == "/v1/traces" ? answer($0) : .reply(status: 404) }
    }

    private static func spans(_ collector: Upstream) -> [Seen] {
        collector.requests.flatMap { request -> [Seen] in
            let json = try? JSONSerialization.jsonObject(with: Data(request.body.utf8)) as? [String: Any]
            let resources = json?["resourceSpans"] as? [[String: Any]] ?? []
            return resources.flatMap { $0["scopeSpans"] as? [[String: Any]] ?? [] }
                .flatMap { $0["spans"] as? [[String: Any]] ?? [] }.map(Seen.init)
        }
    }

    private static func wait(_ collector: Upstream, until isThere: ([Seen]) -> Bool) throws -> [Seen] {
        let deadline = Date().addingTimeInterval(20)
        while Date() < deadline {
            let all = spans(collector)
            if isThere(all) { return all }
            usleep(10_000)
        }
        throw RunningWeir.Failure("the spans did not come: \(spans(collector).map(\.name))")
    }

    private static func settings(_ collector: String, _ more: String...) -> [String] {
        ["tracing.enabled=true", "tracing.otlp_endpoint=\(collector)", "tracing.otlp_interval_ms=50"] + more
    }

    private static func connect(_ client: Client, _ url: String, retries: Int = 0) throws {
        _ = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"id":"up","name":"up","connector_type":"http","config":{"url":"\#(url)","query_params":{"key":"hidden"},"allow_private_urls":true,"retry":{"max_retries":\#(retries),"retry_delay_ms":1}}}"#
        )
    }

    private static func metric(_ client: Client, _ outcome: String) throws -> Int {
        let text = String(decoding: try client.call("GET", "/metrics").body, as: UTF8.self)
        let line = text.split(separator: "\n").first {
            $0.hasPrefix("weir_otlp_spans_total{outcome=\"\(outcome)\"}")
        }
        return line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? -1
    }

    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let sampled = ["traceparent: 00-\(trace)-00f067aa0ba902b7-01"]

    @Test func `a call, its tasks and its calls outwards are one tree in the caller's trace`() throws {
        let collector = try Self.collector()
        let turn = Mutex(0)
        let upstream = try Upstream { _ in
            let first = turn.withLock {
                $0 += 1
                return $0 == 1
            }
            return first ? .reply(status: 503) : .reply(status: 200, body: #"{"ok":true}"#)
        }
        let weir = try RunningWeir(
            Self.settings(collector.url, "tracing.service_name=shop", "tracing.otlp_headers=x-team=blue"))
        let client = Client(weir.port)
        try Self.connect(client, upstream.url + "/api", retries: 1)
        try client.deploy("inner", tasks: Client.map("deep", "data.deep", "1"))
        try client.deploy(
            "outer",
            tasks: [
                Client.parse, Client.task("ask", "http_call", #"{"connector":"up","path":"things?token=hidden"}"#),
                Client.task("nest", "channel_call", #"{"channel":"inner","output":"data.inner"}"#),
            ].joined(separator: ","), channel: #","methods":["POST"],"route_pattern":"/outer/{id}""#)

        let reply = try client.call("POST", "\(Client.data)/outer/7", "{}", headers: Self.sampled)
        let all = try Self.wait(collector) { $0.contains { $0.kind == 2 } }

        #expect(reply.status == 200)
        #expect(all.allSatisfy { $0.trace == Self.trace && $0.id.count == 16 })
        #expect(Set(all.map(\.id)).count == all.count)
        func span(_ name: String) throws -> Seen { try #require(all.first { $0.name == name }, "\(all.map(\.name))") }
        let root = try span("POST /api/v1/data/outer/{id}")
        #expect(root.parent == "00f067aa0ba902b7" && root.kind == 2 && !root.isFailed)
        #expect(
            root.attributes["http.request.method"] == "POST" && root.attributes["http.response.status_code"] == "200")
        #expect(
            root.attributes["http.route"] == "/api/v1/data/outer/{id}" && root.attributes["weir.channel"] == "outer")
        #expect(root.attributes["url.path"] == "/api/v1/data/outer/7")
        for name in ["task parse", "task ask", "task nest"] { #expect(try span(name).parent == root.id) }
        #expect(try span("task deep").parent == span("task nest").id)
        let calls = all.filter { $0.kind == 3 }
        #expect(calls.count == 2)
        for (call, request) in zip(calls, upstream.requests) {
            #expect(try call.parent == span("task ask").id && call.name == "GET")
            #expect(request.headers["traceparent"] == "00-\(Self.trace)-\(call.id)-01")
            #expect(call.attributes["server.address"] == "127.0.0.1")
            #expect(call.attributes["server.port"] == "\(upstream.port)")
            #expect(call.attributes["url.full"] == upstream.url + "/api/things", "no query, where secrets are")
        }
        #expect(calls[0].isFailed && calls[0].attributes["error.type"] == "503")
        #expect(calls[1].attributes["http.request.resend_count"] == "1" && !calls[1].isFailed)
        let request = try #require(collector.requests.first)
        #expect(request.headers["content-type"] == "application/json" && request.headers["x-team"] == "blue")
        for name in ["service.name", "shop", "service.version", "service.instance.id"] {
            #expect(request.body.contains("\"\(name)\""), "\(name)")
        }
        #expect(!collector.requests.contains { $0.body.contains("hidden") })
    }

    @Test func `every attempt of accepted work hangs below its acceptance`() throws {
        let collector = try Self.collector()
        let turn = Mutex(0)
        let upstream = try Upstream { _ in
            let first = turn.withLock {
                $0 += 1
                return $0 == 1
            }
            return first ? .reply(status: 404) : .reply(status: 200, body: "{}")
        }
        let weir = try RunningWeir(Self.settings(collector.url, "queue.dlq_poll_interval_secs=1"))
        let client = Client(weir.port)
        try Self.connect(client, upstream.url)
        try client.deploy("later", tasks: Client.task("ask", "http_call", #"{"connector":"up"}"#))

        let accepted = try client.call("POST", "\(Client.data)/later/async", "{}")
        let id = try #require(accepted.object["trace_id"] as? String)
        let all = try Self.wait(collector) { $0.count { $0.kind == 5 } == 2 && $0.contains { $0.kind == 4 } }

        let acceptance = try #require(all.first { $0.kind == 4 })
        let attempts = all.filter { $0.kind == 5 }
        #expect(acceptance.name == "accept later" && acceptance.parent.isEmpty)
        #expect(acceptance.attributes["http.response.status_code"] == "202")
        #expect(all.allSatisfy { $0.trace == id.replacing("-", with: "") }, "a trace of its own is named like the run")
        #expect(attempts.allSatisfy { $0.parent == acceptance.id && $0.name == "process later" })
        #expect(attempts.map { $0.attributes["weir.attempt"] } == ["1", "2"])
        #expect(attempts[0].isFailed && attempts[0].attributes["error.type"] == "ENGINE_ERROR" && !attempts[1].isFailed)
        let tasks = all.filter { $0.name == "task ask" }
        #expect(tasks.map(\.parent) == attempts.map(\.id))
        #expect(tasks[0].isFailed && tasks[0].attributes["error.type"] == "HTTP_ERROR")
        #expect(all.filter { $0.kind == 3 }.map(\.parent) == tasks.map(\.id))
    }

    @Test func `a database's statement is a client span without values`() throws {
        let collector = try Self.collector()
        let weir = try RunningWeir(Self.settings(collector.url))
        let client = Client(weir.port)
        _ = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"id":"db","name":"db","connector_type":"db","config":{"connection_string":"sqlite:\#(weir.folder.path)/other.db"}}"#
        )
        try client.deploy(
            "rows",
            tasks: Client.task("read", "db_read", #"{"connector":"db","query":"SELECT ? AS n","params":["hidden"]}"#))

        _ = try client.call("POST", "\(Client.data)/rows", "{}")
        let all = try Self.wait(collector) { $0.contains { $0.kind == 2 } }

        let call = try #require(all.first { $0.kind == 3 })
        #expect(call.name == "SELECT" && call.attributes["db.system.name"] == "sqlite")
        #expect(call.attributes["db.query.text"] == "SELECT ? AS n")
        #expect(call.parent == all.first { $0.name == "task read" }?.id)
        #expect(!collector.requests.contains { $0.body.contains("hidden") })
    }

    @Test func `who is not sampled is not seen`() throws {
        let collector = try Self.collector()
        let weir = try RunningWeir(Self.settings(collector.url, "tracing.sample_rate=0"))
        let client = Client(weir.port)
        try client.deploy("echo", tasks: Client.parse)

        _ = try client.call("POST", "\(Client.data)/echo", "{}")
        _ = try client.call(
            "POST", "\(Client.data)/echo", "{}",
            headers: ["traceparent: 00-\(Self.trace.reversed().map(String.init).joined())-00f067aa0ba902b7-00"])
        _ = try client.call("POST", "\(Client.data)/echo", "{}", headers: Self.sampled)
        let all = try Self.wait(collector) { !$0.isEmpty }

        #expect(all.allSatisfy { $0.trace == Self.trace } && all.count == 2, "\(all)")
    }

    @Test func `a collector that is down or hangs is nobody's business but its own`() throws {
        let hanging = try Self.collector { _ in .silence }
        for address in ["http://127.0.0.1:1", hanging.url] {
            let weir = try RunningWeir(
                Self.settings(address, "tracing.otlp_queue_size=20", "tracing.otlp_timeout_ms=300"))
            let client = Client(weir.port)
            try client.deploy("echo", tasks: Client.parse)

            let began = Date()
            for _ in 0..<200 { #expect(try client.call("POST", "\(Client.data)/echo", "{}").status == 200) }
            #expect(Date().timeIntervalSince(began) < 10)
            #expect(try Self.metric(client, "dropped") > 0 && Self.metric(client, "exported") == 0)
            let stopping = Date()
            weir.send(signal: SIGTERM)
            #expect(weir.waitForExit() == 0)
            #expect(Date().timeIntervalSince(stopping) < 10)
            let lines = weir.logLines.filter { $0["message"] as? String == "spans could not be exported" }
            #expect(!lines.isEmpty, "\(address)")
        }
    }

    @Test func `what a collector refuses is counted, and what is left at the end is sent`() throws {
        let collector = try Self.collector { _ in
            .reply(status: 200, body: #"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too long"}}"#)
        }
        let weir = try RunningWeir(Self.settings(collector.url))
        let client = Client(weir.port)
        try client.deploy("echo", tasks: Client.parse)
        _ = try client.call("POST", "\(Client.data)/echo", "{}")
        _ = try Self.wait(collector) { !$0.isEmpty }
        let deadline = Date().addingTimeInterval(10)
        while try Self.metric(client, "rejected") < 1, Date() < deadline { usleep(10_000) }
        #expect(try Self.metric(client, "rejected") == 1 && Self.metric(client, "exported") == 1)

        let late = try RunningWeir([
            "tracing.enabled=true", "tracing.otlp_endpoint=\(collector.url)/", "tracing.otlp_interval_ms=600000",
        ])
        let other = Client(late.port)
        try other.deploy("last", tasks: Client.parse)
        _ = try other.call("POST", "\(Client.data)/last", "{}")
        #expect(!Self.spans(collector).contains { $0.attributes["weir.channel"] == "last" })
        late.send(signal: SIGTERM)
        #expect(late.waitForExit() == 0)
        #expect(Self.spans(collector).contains { $0.attributes["weir.channel"] == "last" })
    }

    @Test func `settings of the collector are checked, and its headers are secrets`() throws {
        let bad = try RunningWeir.command(["config", "check", "--set", "tracing.otlp_endpoint=localhost:4318"])
        let share = try RunningWeir.command(["config", "check", "--set", "tracing.sample_rate=2"])
        let headers = try RunningWeir.command(["config", "check", "--set", "tracing.otlp_headers=hidden-key"])
        let shown = try RunningWeir.command(
            ["config", "print"],
            environment: [
                "WEIR_TRACING__OTLP_HEADERS": "api-key=hidden", "WEIR_TRACING__SAMPLE_RATE": "0.25",
            ])

        #expect(bad.code == 1 && bad.errors.contains("tracing.otlp_endpoint"))
        #expect(share.code == 1 && share.errors.contains("a number from 0 to 1"))
        #expect(
            headers.code == 1 && headers.errors.contains("tracing.otlp_headers") && !headers.errors.contains("hidden"))
        #expect(
            shown.code == 0 && shown.output.contains("tracing.sample_rate = 0.25") && !shown.output.contains("hidden"))
    }
}
