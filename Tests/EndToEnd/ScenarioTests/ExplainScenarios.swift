import Foundation
import Testing

/// Why a trace is where it is, from the real binary.
@Suite struct ExplainScenarios {
    private static func accept(_ client: Client, _ channel: String, _ body: String = "{}") throws -> String {
        try #require(try client.call("POST", "\(Client.data)/\(channel)/async", body).object["trace_id"] as? String)
    }

    private static func explain(_ client: Client, _ id: String) throws -> [String: Any] {
        try client.call("GET", "\(Client.admin)/traces/\(id)/explain").data
    }

    /// Asks until the state is the one that is waited for.
    private static func wait(_ client: Client, _ id: String, for state: String) throws -> [String: Any] {
        let deadline = Date().addingTimeInterval(20)
        var last: [String: Any] = [:]
        while Date() < deadline {
            last = try explain(client, id)
            if last["state"] as? String == state { return last }
        }
        throw RunningWeir.Failure("no \(state): \(last)")
    }

    @Test func `one runs, the next waits for the worker, and the first completes`() throws {
        let weir = try RunningWeir(["queue.workers=1"])
        let client = Client(weir.port)
        let gate = try Upstream { $0.path == "/open" ? .reply(status: 200, body: "{}") : .silence }
        _ = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"id":"gate","name":"gate","connector_type":"http","config":{"url":"\#(gate.url)","allow_private_urls":true,"retry":{"max_retries":0}}}"#
        )
        try client.deploy(
            "slow", tasks: Client.task("wait", "http_call", #"{"connector":"gate","path":"closed","timeout_ms":20000}"#)
        )
        try client.deploy("quick", tasks: Client.parse)

        let first = try Self.accept(client, "slow")
        let running = try Self.wait(client, first, for: "running")
        let second = try Self.accept(client, "quick")
        let queued = try Self.wait(client, second, for: "queued")
        let line = try weir.command(["traces", second, "--explain"])

        #expect(running["status"] as? String == "running" && running["attempts"] as? Int == 1)
        #expect((running["held_by"] as? [String: Any])?["is_this_instance"] as? Bool == true)
        #expect((queued["queue"] as? [String: Any])?["workers_active"] as? Int == 1)
        #expect((queued["reasons"] as? [String])?.contains("1 of 1 workers are busy.") == true, "\(queued)")
        #expect(
            line.code == 0 && line.output.contains("waits for a worker") && line.output.contains("Because"), "\(line)")
    }

    @Test func `a retry names the task, the connector and the time, and the end is a dead letter`() throws {
        let weir = try RunningWeir(["queue.dlq_max_retries=1", "queue.dlq_poll_interval_secs=1"])
        let client = Client(weir.port)
        let upstream = try Upstream { _ in .reply(status: 404, body: "no such thing") }
        _ = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"id":"up","name":"up","connector_type":"http","config":{"url":"\#(upstream.url)","allow_private_urls":true}}"#
        )
        try client.deploy("out", tasks: Client.task("ask", "http_call", #"{"connector":"up"}"#))

        let id = try Self.accept(client, "out")
        let waiting = try Self.wait(client, id, for: "retry_scheduled")
        let dead = try Self.wait(client, id, for: "dead_letter")
        let line = try weir.command(["traces", id, "--explain", "-o", "json"])

        let failed = waiting["failed_task"] as? [String: Any]
        #expect(failed?["task_id"] as? String == "ask" && failed?["function"] as? String == "http_call", "\(waiting)")
        #expect(failed?["connector"] as? String == "up" && failed?["code"] as? String == "HTTP_ERROR")
        #expect(failed?["circuit"] as? String == "closed")
        #expect(
            waiting["next_attempt_at"] is String && waiting["attempts"] as? Int == 1
                && waiting["max_attempts"] as? Int == 2)
        #expect(dead["attempts"] as? Int == 2 && dead["status"] as? String == "failed")
        #expect((dead["next_steps"] as? [String])?.contains { $0.contains("requeue \(id)") } == true, "\(dead)")
        #expect(line.object["state"] as? String == "dead_letter", "\(line)")
    }

    @Test func `what is over is told, and what is not there is not`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let tracing = #","config":{"tracing":{"mode":"sync"}}"#
        try client.deploy("good", tasks: Client.parse, channel: tracing)
        try client.deploy("bad", tasks: Client.map("m", "data.x", #"{"throw":"never"}"#), channel: tracing)
        try client.deploy(
            "half",
            tasks: Client.map("m", "data.x", #"{"throw":"never"}"#, more: #","continue_on_error":true"#) + ","
                + Client.parse,
            channel: tracing)

        var states: [String] = []
        for name in ["good", "bad", "half"] {
            _ = try client.call("POST", "\(Client.data)/\(name)", "{}")
            let listed =
                try client.call("GET", "\(Client.admin)/traces?channel=\(name)").object["data"] as? [[String: Any]]
            let id = try #require(listed?.first?["id"] as? String)
            states.append(try Self.explain(client, id)["state"] as? String ?? "")
        }

        #expect(states == ["completed", "failed", "completed_with_errors"])
        #expect(try client.call("GET", "\(Client.admin)/traces/nothing/explain").status == 404)
        #expect(try weir.command(["traces", "--explain"]).code == 64)
    }
}
