import Foundation
import Testing

@Suite struct TraceScenarios {
    /// Reads a trace until it has ended.
    static func wait(_ client: Client, _ id: String, headers: [String] = []) throws -> [String: Any] {
        let deadline = Date().addingTimeInterval(20)
        while Date() < deadline {
            let trace = try client.call("GET", "\(Client.data)/traces/\(id)", headers: headers)
            let status = trace.object["status"] as? String
            if status == "completed" || status == "failed" { return trace.object }
        }
        throw RunningWeir.Failure("the trace did not end")
    }

    @Test func `async work is accepted, done, and read with its token`() throws {
        let weir = try RunningWeir(["admin_auth.api_keys=sesame-open-sesame"])
        let key = ["Authorization: Bearer sesame-open-sesame"]
        let client = Client(weir.port)
        let workflow = "{\"workflow_id\":\"w\",\"name\":\"w\",\"tasks\":[\(Client.parse)]}"
        #expect(try client.call("POST", "\(Client.admin)/workflows", workflow).status == 401)
        #expect(try client.call("POST", "\(Client.admin)/workflows", workflow, headers: key).status == 201)
        #expect(
            try client.call("PATCH", "\(Client.admin)/workflows/w/status", #"{"status":"active"}"#, headers: key).status
                == 200)
        let channel = #"{"channel_id":"w","name":"w","channel_type":"sync","protocol":"rest","workflow_id":"w"}"#
        #expect(try client.call("POST", "\(Client.admin)/channels", channel, headers: key).status == 201)
        #expect(
            try client.call("PATCH", "\(Client.admin)/channels/w/status", #"{"status":"active"}"#, headers: key).status
                == 200)

        let accepted = try client.call("POST", "\(Client.data)/w/async", #"{"data":{"password":"hidden","n":1}}"#)
        #expect(accepted.status == 202)
        let id = try #require(accepted.object["trace_id"] as? String)
        let token = try #require(accepted.object["trace_token"] as? String)

        let trace = try Self.wait(client, id, headers: ["X-Trace-Token: \(token)"])
        #expect(trace["status"] as? String == "completed" && trace["mode"] as? String == "async")
        let text = String(decoding: try JSONSerialization.data(withJSONObject: trace), as: UTF8.self)
        #expect(!text.contains("hidden") && text.contains("******") && text.contains("parse_json"))
        #expect(try client.call("GET", "\(Client.data)/traces/\(id)").status == 401)
        #expect(
            try client.call("GET", "\(Client.data)/traces/\(id)", headers: ["X-Trace-Token: \(token)x"]).status == 401)
        #expect(try client.call("GET", "\(Client.admin)/traces/\(id)", headers: key).status == 200)
        #expect(try client.call("GET", "\(Client.data)/traces/nothing", headers: key).status == 404)
        let list = try client.call(
            "GET", "\(Client.admin)/traces?mode=async&status=completed&include_total=true", headers: key)
        #expect(list.object["total"] as? Int == 1)
        #expect(try client.call("GET", "/metrics").status == 401)
        #expect(try client.call("GET", "/metrics", headers: key).status == 200)
    }

    @Test func `work that keeps failing becomes a dead letter and can be run again`() throws {
        let weir = try RunningWeir(["queue.dlq_max_retries=0"])
        let client = Client(weir.port)
        try client.deploy("bad", tasks: Client.map("m", "data.x", #"{"/":[1,{"var":"data.zero"}]}"#))
        let id = try #require(try client.call("POST", "\(Client.data)/bad/async", "{}").object["trace_id"] as? String)

        #expect(try Self.wait(client, id)["status"] as? String == "failed")
        let dead = try client.call("GET", "\(Client.admin)/trace-dlq")
        #expect((dead.object["data"] as? [[String: Any]])?.first?["id"] as? String == id)
        #expect(try client.call("GET", "\(Client.admin)/trace-dlq/\(id)").status == 200)
        #expect(try client.call("POST", "\(Client.admin)/trace-dlq/\(id)/requeue").data["requeued"] as? Int == 1)
        _ = try Self.wait(client, id)
        #expect(
            try client.call("POST", "\(Client.admin)/trace-dlq/purge", #"{"older_than_hours":0}"#).data["purged"]
                as? Int == 1)
        #expect(try client.call("GET", "\(Client.data)/traces/\(id)").status == 404)
    }

    @Test(arguments: ["sync", "batch", "failures", "off"])
    func `the trace mode of a channel decides what is kept`(mode: String) throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "ok", tasks: Client.map("m", "data.x", "1"), channel: ",\"config\":{\"tracing\":{\"mode\":\"\(mode)\"}}")
        try client.deploy(
            "bad", tasks: Client.map("m", "data.x", #"{"/":[1,0]}"#),
            channel: ",\"config\":{\"tracing\":{\"mode\":\"\(mode)\"}}")
        _ = try client.call("POST", "\(Client.data)/ok", "{}")
        _ = try client.call("POST", "\(Client.data)/bad", "{}")

        weir.send(signal: SIGTERM)
        #expect(weir.waitForExit() == 0)
        try weir.start()
        let list = try Client(weir.port).call("GET", "\(Client.admin)/traces?include_total=true")

        #expect(list.object["total"] as? Int == ["sync": 2, "batch": 2, "failures": 1, "off": 0][mode])
    }
}
