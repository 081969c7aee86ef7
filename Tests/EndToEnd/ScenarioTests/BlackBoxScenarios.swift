import Foundation
import Testing

/// What a client of the runtime whose API this is would notice first.
@Suite struct BlackBoxScenarios {
    @Test func `a rate limit's key sees the caller's own API key`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "keyed", tasks: Client.parse + "," + Client.map("m", "data.headers", #"{"var":"metadata.headers"}"#),
            channel:
                #","config":{"rate_limit":{"requests_per_second":1,"burst":1,"key_logic":{"var":"headers.x-api-key"}}}"#
        )

        let first = try client.call("POST", "\(Client.data)/keyed", "{}", headers: ["X-API-Key: one"])
        let second = try client.call("POST", "\(Client.data)/keyed", "{}", headers: ["X-API-Key: two"])
        let again = try client.call("POST", "\(Client.data)/keyed/async", "{}", headers: ["X-API-Key: one"])

        #expect(first.status == 200 && second.status == 200 && again.status == 429)
        #expect((first.data["headers"] as? [String: Any])?["x-api-key"] as? String == "******")
    }

    @Test func `guards of a called channel hold for channel_call`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let task = Client.map("m", "data.x", "1")
        try client.deploy(
            "limited", tasks: task, channel: #","config":{"rate_limit":{"requests_per_second":1,"burst":1}}"#)
        try client.deploy("checked", tasks: task, channel: #","config":{"validation_logic":{"var":"data.ok"}}"#)
        try client.deploy(
            "slow", tasks: DataScenarios.busy.tasks, more: DataScenarios.busy.loop,
            channel: #","config":{"timeout_ms":5}"#)
        for (name, data) in [("limited", "{}"), ("checked", "{}"), ("slow", "{}")] {
            try client.deploy(
                "call-\(name)",
                tasks: Client.task(
                    "c", "channel_call", #"{"channel":"\#(name)","data":{"preserve":\#(data)}}"#,
                    more: #","continue_on_error":true"#))
        }
        func error(_ name: String) throws -> String? {
            let reply = try client.call("POST", "\(Client.data)/call-\(name)", "{}")
            return (reply.object["errors"] as? [[String: Any]])?.first?["code"] as? String
        }

        #expect(try error("limited") == nil)
        #expect(try error("limited") == "channel_rate_limited")
        #expect(try error("checked") == "VALIDATION_ERROR")
        #expect(try error("slow")?.hasPrefix("TIMEOUT") == true)
    }

    @Test func `bodies are envelopes or payloads, as the channel says`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let tasks = Client.parse + "," + Client.map("m", "data.meta", #"{"var":"metadata"}"#)
        try client.deploy("auto", tasks: tasks)
        try client.deploy("whole", tasks: tasks, channel: #","config":{"request":{"body_mode":"payload"}}"#)
        let body =
            #"{"data":{"a":1},"metadata":{"mine":2,"auth":{"sub":"me"},"channel":"other","http_method":"X"},"x":3}"#

        let auto = try client.call("POST", "\(Client.data)/auto?q=1&q=2", body).data
        let whole = try client.call("POST", "\(Client.data)/whole", body).data
        let bare = try client.call("POST", "\(Client.data)/auto", #"{"foo":1}"#).data
        let list = try client.call("POST", "\(Client.data)/auto", "[1]").data
        let empty = try client.call("POST", "\(Client.data)/auto").data

        #expect(auto["in"] as? [String: Int] == ["a": 1])
        let meta = auto["meta"] as? [String: Any]
        #expect(meta?["mine"] as? Int == 2 && meta?["auth"] == nil)
        #expect(meta?["channel"] as? String == "auto" && meta?["http_method"] as? String == "POST")
        #expect((meta?["query"] as? [String: String])?["q"] == "2")
        #expect((whole["in"] as? [String: Any])?["x"] as? Int == 3)
        #expect((whole["meta"] as? [String: Any])?["mine"] == nil)
        #expect(bare["in"] as? [String: Int] == ["foo": 1] && list["in"] as? [Int] == [1])
        #expect((empty["in"] as? [String: Any])?.isEmpty == true)
        #expect(try client.call("POST", "\(Client.data)/auto", "{oops").status == 400)
        #expect(try client.call("POST", "\(Client.data)/auto", #"{"data":1,"metadata":[]}"#).status == 400)
        #expect(try client.call("POST", "\(Client.data)/auto", "{\"a\":\"\\ud800\"}").status == 400)
        #expect(try client.call("POST", "\(Client.data)/auto", "{} {}").status == 400)
        #expect(try client.call("POST", "\(Client.data)/auto", String(repeating: "[", count: 200)).status == 400)
    }

    @Test func `routes have parameters, priorities and methods`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let tasks =
            Client.map("m", "data.params", #"{"var":"metadata.params"}"#) + ","
            + Client.map("n", "data.name", #"{"var":"metadata.channel"}"#)
        try client.deploy(
            "item", tasks: tasks, channel: #","methods":["GET"],"route_pattern":"/orders/{id}/items/{item}""#)
        try client.deploy("low", tasks: tasks, channel: #","methods":["GET","POST"],"route_pattern":"/a/{x}""#)
        try client.deploy("high", tasks: tasks, channel: #","methods":["GET"],"route_pattern":"/{y}/b","priority":5"#)

        let item = try client.call("GET", "\(Client.data)/orders/1/items/a%20b")
        #expect(item.data["params"] as? [String: String] == ["id": "1", "item": "a b"])
        #expect(try client.call("GET", "\(Client.data)/a/b").data["name"] as? String == "high")
        #expect(try client.call("GET", "\(Client.data)/a/c").data["name"] as? String == "low")
        #expect(try client.call("POST", "\(Client.data)/a/b", "{}").data["name"] as? String == "low")
        #expect(try client.call("POST", "\(Client.data)/a/c/async", "{}").status == 202)
        #expect(try client.call("GET", "\(Client.data)/orders/1").status == 404)
        #expect(try client.call("GET", "\(Client.data)/orders/%zz/items/1").status == 400)
        #expect([404, 405].contains(try client.call("DELETE", "\(Client.data)/orders/1/items/2").status))
        #expect(try client.call("DELETE", "\(Client.data)/item").status == 405)
        #expect(try client.call("POST", "\(Client.data)/async", "{}").status == 400)
        #expect(try client.call("POST", "\(Client.data)//async", "{}").status == 400)
        #expect(try client.call("POST", "\(Client.data)/nobody", "{}").code == "NOT_FOUND")
    }

    @Test func `a workflow is tried on data before it goes live`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let tasks = [
            Client.parse, Client.map("m", "data.total", #"{"*":[{"var":"data.in.amount"},1.1]}"#),
            Client.map("s", "data.skipped", "1", more: #","condition":{"var":"metadata.none"}"#),
        ].joined(separator: ",")
        _ = try client.call(
            "POST", "\(Client.admin)/workflows",
            #"{"workflow_id":"t","name":"t","condition":{"==":[{"var":"metadata.kind"},"x"]},"tasks":[\#(tasks)]}"#)

        let run = try client.call(
            "POST", "\(Client.admin)/workflows/t/test", #"{"data":{"amount":100},"metadata":{"kind":"x"}}"#
        ).data
        let passed = try client.call(
            "POST", "\(Client.admin)/workflows/t/test", #"{"data":[1],"metadata":{"kind":"y"}}"#
        ).data

        #expect(run["matched"] as? Bool == true && (run["errors"] as? [Any])?.isEmpty == true)
        #expect(((run["output"] as? [String: Any])?["total"] as? Double).map { abs($0 - 110) < 0.001 } == true)
        let steps = (run["trace"] as? [String: Any])?["steps"] as? [[String: Any]] ?? []
        #expect(steps.map { $0["status"] as? String } == ["executed", "executed", "skipped"])
        #expect(passed["matched"] as? Bool == false)
        #expect(try client.call("POST", "\(Client.admin)/workflows/none/test", "{}").status == 404)
        #expect(try client.call("GET", "\(Client.admin)/traces").object["data"] as? [String] == [])
    }

    @Test func `a deferred change is served after the next reload`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("v", tasks: Client.map("m", "data.v", "1"))
        _ = try client.call("POST", "\(Client.admin)/workflows/v/versions")
        _ = try client.call("PUT", "\(Client.admin)/workflows/v", #"{"tasks":[\#(Client.map("m", "data.v", "2"))]}"#)

        let deferred = try client.call(
            "PATCH", "\(Client.admin)/workflows/v/status?reload=defer", #"{"status":"active"}"#)
        let before = try client.call("POST", "\(Client.data)/v", "{}").data["v"] as? Int
        let reloaded = try client.call("POST", "\(Client.admin)/engine/reload")
        let after = try client.call("POST", "\(Client.data)/v", "{}").data["v"] as? Int

        #expect(deferred.status == 200 && before == 1 && after == 2)
        #expect(reloaded.data["reloaded"] as? Bool == true)
    }

    @Test func `what is asked for is listed, and nothing else`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let text = "Name \u{1F600} 漢字 <script>'; DROP TABLE workflows; --"
        for number in 0..<3 {
            let body =
                #"{"workflow_id":"w\#(number)","name":"\#(text)","tags":["t\#(number % 2)"],"tasks":[\#(Client.parse)]}"#
            _ = try client.call("POST", "\(Client.admin)/workflows", body)
        }
        _ = try client.call("PATCH", "\(Client.admin)/workflows/w0/status", #"{"status":"active"}"#)
        func list(_ query: String) throws -> (ids: [String], total: Int?, limit: Int?) {
            let object = try client.call("GET", "\(Client.admin)/workflows?\(query)").object
            let rows = object["data"] as? [[String: Any]] ?? []
            return (
                rows.compactMap { $0["workflow_id"] as? String }.sorted(), object["total"] as? Int,
                object["limit"] as? Int
            )
        }

        #expect(try list("status=active").ids == ["w0"])
        #expect(try list("status=draft").ids == ["w1", "w2"])
        #expect(try list("tag=t0").ids == ["w0", "w2"])
        #expect(try list("tag=%27%20OR%201%3D1%20--").total == 0)
        let clamped = try (list("limit=0"), list("limit=99999"))
        #expect(clamped.0.limit == 1 && clamped.0.total == 3 && clamped.1.limit == 1000)
        #expect(try client.call("GET", "\(Client.admin)/workflows/w1").data["name"] as? String == text)
        let audit = try client.call("GET", "\(Client.admin)/audit-logs?action=create&start_time=2020-01-01T00:00:00Z")
        #expect((audit.object["data"] as? [Any])?.count == 3)
        let early = try client.call("GET", "\(Client.admin)/audit-logs?end_time=2020-01-01T00:00:00Z").object["data"]
        #expect((early as? [Any])?.isEmpty == true)
        #expect(try client.call("GET", "\(Client.admin)/audit-logs?start_time=yesterday").status == 400)
        #expect(try client.call("GET", "\(Client.admin)/audit-logs?colour=red").status == 400)
    }

    @Test func `traces are listed by what they are, page after page`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("a", tasks: Client.parse, channel: #","config":{"tracing":{"mode":"sync"}}"#)
        for _ in 0..<5 { _ = try client.call("POST", "\(Client.data)/a", "{}") }
        let id = try client.call("POST", "\(Client.data)/a/async", "{}").object["trace_id"] as? String ?? ""
        _ = try TraceScenarios.wait(client, id)
        func page(_ query: String) throws -> [String: Any] {
            try client.call("GET", "\(Client.admin)/traces?\(query)").object
        }
        func ids(_ page: [String: Any]) -> [String] {
            (page["data"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
        }

        let first = try page("limit=4&include_total=true")
        let second = try page("limit=4&cursor=\(first["next_cursor"] as? String ?? "")")

        #expect(first["total"] as? Int == 6)
        #expect(Set(ids(first) + ids(second)).count == 6 && second["next_cursor"] == nil)
        #expect(ids(try page("mode=async")) == [id])
        #expect(ids(try page("mode=sync&status=completed&channel=a")).count == 5)
        #expect(ids(try page("channel=b")).isEmpty)
        #expect(ids(try page("status=failed")).isEmpty)
        #expect(try client.call("GET", "\(Client.admin)/traces?status=odd").status == 400)
        #expect(try client.call("GET", "\(Client.admin)/traces?cursor=odd").status == 400)
    }

    @Test func `a queue that is full says so, and when to come back`() throws {
        let weir = try RunningWeir(["queue.workers=1", "queue.buffer_size=2"])
        let client = Client(weir.port)
        try client.deploy("busy", tasks: DataScenarios.busy.tasks, more: DataScenarios.busy.loop)

        let replies = try (0..<6).map { _ in try client.call("POST", "\(Client.data)/busy/async", "{}") }

        let refused = try #require(replies.first { $0.status == 503 })
        #expect(replies.first?.status == 202)
        #expect(refused.code == "SERVICE_UNAVAILABLE" && Int(refused.header("retry-after") ?? "") ?? 0 >= 1)
    }

    @Test func `bytes that wait are bounded too`() throws {
        let weir = try RunningWeir(["queue.workers=1", "queue.max_queue_memory_bytes=4096"])
        let client = Client(weir.port)
        try client.deploy("busy", tasks: DataScenarios.busy.tasks, more: DataScenarios.busy.loop)
        let body = "{\"x\":\"" + String(repeating: "a", count: 1500) + "\"}"

        let statuses = try (0..<5).map { _ in try client.call("POST", "\(Client.data)/busy/async", body).status }

        #expect(statuses.first == 202 && statuses.contains(503))
    }

    @Test func `a result that is too large is refused, sync and async`() throws {
        let weir = try RunningWeir(["queue.max_result_size_bytes=1024"])
        let client = Client(weir.port)
        try client.deploy("echo", tasks: Client.parse)
        let body = "{\"x\":\"" + String(repeating: "a", count: 2000) + "\"}"

        let reply = try client.call("POST", "\(Client.data)/echo", body)
        let id = try client.call("POST", "\(Client.data)/echo/async", body).object["trace_id"] as? String ?? ""
        let trace = try TraceScenarios.wait(client, id)

        #expect(reply.status == 500 && reply.code == "RESPONSE_TOO_LARGE")
        #expect(trace["status"] as? String == "failed" && (trace["error"] as? String)?.contains("1024") == true)
    }

    @Test func `old traces go, by number`() throws {
        let weir = try RunningWeir(["queue.trace_retention_count=3", "queue.trace_cleanup_interval_secs=1"])
        let client = Client(weir.port)
        try client.deploy("a", tasks: Client.parse, channel: #","config":{"tracing":{"mode":"sync"}}"#)
        for _ in 0..<8 { _ = try client.call("POST", "\(Client.data)/a", "{}") }

        let deadline = Date().addingTimeInterval(20)
        var total = 8
        while total > 3, Date() < deadline {
            total = try client.call("GET", "\(Client.admin)/traces?include_total=true").object["total"] as? Int ?? 0
        }

        #expect(total == 3)
    }

    @Test func `work of a killed server goes on at its next start`() throws {
        let weir = try RunningWeir(["queue.workers=1"])
        let client = Client(weir.port)
        try client.deploy("busy", tasks: DataScenarios.busy.tasks, more: DataScenarios.busy.loop)
        let ids = try (0..<4).compactMap { _ in
            try client.call("POST", "\(Client.data)/busy/async", "{}").object["trace_id"] as? String
        }

        weir.send(signal: SIGKILL)
        _ = weir.waitForExit()
        try weir.start()

        let again = Client(weir.port)
        #expect(ids.count == 4)
        for id in ids { #expect(try TraceScenarios.wait(again, id)["status"] as? String == "completed") }
    }

    @Test func `only some successes are kept where a share is asked for, and every failure`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let tracing = #","config":{"tracing":{"mode":"sync","sample_rate":0}}"#
        try client.deploy("ok", tasks: Client.parse, channel: tracing)
        try client.deploy("bad", tasks: Client.map("m", "data.x", #"{"/":[1,0]}"#), channel: tracing)
        _ = try client.call("POST", "\(Client.data)/ok", "{}")
        _ = try client.call("POST", "\(Client.data)/bad", "{}")

        let rows = try client.call("GET", "\(Client.admin)/traces").object["data"] as? [[String: Any]] ?? []

        #expect(rows.compactMap { $0["channel"] as? String } == ["bad"])
    }

    @Test func `a read-only key reads and changes nothing`() throws {
        let weir = try RunningWeir(["admin_auth.api_keys=full", "admin_auth.read_only_api_keys=look"])
        let client = Client(weir.port)
        let body = #"{"name":"x","tasks":[\#(Client.parse)]}"#

        #expect(
            try client.call("GET", "\(Client.admin)/workflows", headers: ["Authorization: Bearer look"]).status == 200)
        let refused = try client.call(
            "POST", "\(Client.admin)/workflows", body, headers: ["Authorization: Bearer look"])
        #expect(refused.status == 403 && refused.code == "FORBIDDEN")
        #expect(
            try client.call("POST", "\(Client.admin)/workflows", body, headers: ["Authorization: Bearer full"]).status
                == 201)
        let wrong = try client.call("GET", "\(Client.admin)/workflows", headers: ["Authorization: Bearer wrong"])
        #expect(wrong.status == 401 && wrong.header("www-authenticate") == "Bearer")
        #expect(try client.call("POST", "\(Client.data)/none", "{}").status == 404)
    }

    @Test func `the first service of the documents works as it is printed`() throws {
        let weir = try RunningWeir()
        let text = try String(contentsOf: Self.root.appendingPathComponent("docs/first-service.md"), encoding: .utf8)
        let folder = weir.folder.appendingPathComponent("shipping")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (place, block) in text.matches(of: /(?s)```json\n(.*?)```/).enumerated() {
            try String(block.1).write(
                to: folder.appendingPathComponent("\(place).json"), atomically: true, encoding: .utf8)
        }
        let commands = try #require(text.firstMatch(of: /(?s)```\n(weir .*?)```/)).1.split(separator: "\n")

        var outputs: [CommandRun] = []
        for command in commands {
            let script =
                "\(RunningWeir.binary.path) \(command.dropFirst(5).replacing("-f shipping", with: "-f \(folder.path)"))"
            outputs.append(try weir.shell(script))
        }

        #expect(outputs.map(\.code) == [5, 0, 0, 0, 0], "\(outputs)")
        #expect(outputs[2].output.contains("\"price\": 7") && outputs[4].output.contains("shipping-price"))
    }

    private static var root: URL {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        return folder
    }

    @Test func `the example and its three calls work as the README prints them`() throws {
        let root = Self.root
        let weir = try RunningWeir(arguments: ["--apply", root.appendingPathComponent("Examples/orders").path])
        let script = try String(contentsOf: root.appendingPathComponent("scripts/run-example"), encoding: .utf8)
        let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let lines = script.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.hasPrefix("curl") }
        #expect(lines.count == 3)
        for line in lines { #expect(readme.contains(line), "the README does not print: \(line)") }

        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            lines.joined(separator: "\n").replacing("127.0.0.1:8080", with: "127.0.0.1:\(weir.port)").replacing(
                "/tmp/weir-trace", with: "\(weir.folder.path)/trace"),
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()

        #expect(text.contains(#""tier":"vip""#) && text.contains(#""mode":"async""#), "\(text)")
    }
}
