import Foundation
import Testing

/// Schedules on the real binary, with the real clock.
@Suite struct ScheduleScenarios {
    typealias Row = [String: Any]

    static let never = "0 0 0 1 1 *"
    static let everySecond = "* * * * * *"
    static let slow = Client.task("slow", "sleep", #"{"ms":1500}"#)
    /// Writes down what a scheduled run is told.
    static let report = Client.parse + "," + Client.map("m", "data.trigger", #"{"var":"metadata.trigger"}"#)

    /// Makes a workflow and a cron channel of one name live.
    static func deploy(
        _ client: Client, _ name: String, _ transport: String, tasks: String = report, config: String = "{}"
    ) throws {
        let steps = [
            ("POST", "workflows", #"{"workflow_id":"\#(name)","name":"\#(name)","tasks":[\#(tasks)]}"#),
            ("PATCH", "workflows/\(name)/status", #"{"status":"active"}"#),
            (
                "POST", "channels",
                #"{"channel_id":"\#(name)","name":"\#(name)","channel_type":"async","protocol":"cron","#
                    + #""workflow_id":"\#(name)","transport_config":\#(transport),"config":\#(config)}"#
            ), ("PATCH", "channels/\(name)/status", #"{"status":"active"}"#),
        ]
        for (method, path, body) in steps {
            let reply = try client.call(method, "\(Client.admin)/\(path)", body)
            guard (200..<300).contains(reply.status) else {
                throw RunningWeir.Failure("\(path): \(String(decoding: reply.body, as: UTF8.self))")
            }
        }
    }

    static func schedule(_ text: String, _ more: String = "") -> String { #"{"schedule":"\#(text)"\#(more)}"# }

    /// All of a channel's occurrences, earliest first.
    static func occurrences(_ client: Client, _ channel: String, _ query: String = "") throws -> [Row] {
        let path = "\(Client.admin)/cron/occurrences?channel_id=\(channel)&limit=1000\(query)"
        return (try client.call("GET", path).object["data"] as? [Row] ?? []).reversed()
    }

    /// Asks until the occurrences are as wanted.
    static func wait(
        _ client: Client, _ channel: String, seconds: Double = 30, until isMet: ([Row]) throws -> Bool
    ) throws -> [Row] {
        let deadline = Date().addingTimeInterval(seconds)
        var rows: [Row] = []
        while Date() < deadline {
            rows = try occurrences(client, channel)
            if try isMet(rows) { return rows }
            usleep(20_000)
        }
        throw RunningWeir.Failure("\(channel) did not come to what was wanted: \(rows.suffix(5))")
    }

    static func status(_ row: Row) -> String { row["status"] as? String ?? "" }
    static func instant(_ row: Row, _ field: String = "scheduled_for") -> Double {
        time(row[field] as? String ?? "")
    }

    /// `2026-01-31T08:15:30.123456Z` in seconds since 1970.
    static func time(_ text: String) -> Double {
        let format = ISO8601DateFormatter()
        guard let whole = format.date(from: text.prefix(19) + "Z") else { return 0 }
        return whole.timeIntervalSince1970 + (Double("0." + text.dropFirst(20).prefix(6)) ?? 0)
    }

    // MARK: - Firing

    @Test func `a schedule of every second runs at every second, and says so`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try Self.deploy(
            client, "tick", Self.schedule(Self.everySecond, #","timezone":"Europe/Berlin","payload":{"n":7}"#))

        let rows = try Self.wait(client, "tick") { $0.count { Self.status($0) == "completed" } >= 3 }
        let done = rows.filter { Self.status($0) == "completed" }
        for (one, next) in zip(done, done.dropFirst()) { #expect(Self.instant(next) - Self.instant(one) == 1) }
        #expect(done.allSatisfy { Self.instant($0).truncatingRemainder(dividingBy: 1) == 0 })
        #expect(done.allSatisfy { Self.instant($0, "started_at") - Self.instant($0) < 5 })

        let id = try #require(done[0]["trace_id"] as? String)
        let trace = try client.call("GET", "\(Client.admin)/traces/\(id)").data
        #expect(trace["mode"] as? String == "cron")
        let data = ((trace["message"] as? Row)?["context"] as? Row)?["data"] as? Row
        #expect((data?["in"] as? Row)?["n"] as? Int == 7)
        let trigger = try #require(data?["trigger"] as? Row)
        #expect(trigger["type"] as? String == "cron" && trigger["occurrence_id"] as? String == id)
        #expect(trigger["scheduled_for"] as? String == done[0]["scheduled_for"] as? String)
        #expect(trigger["timezone"] as? String == "Europe/Berlin" && trigger["attempt"] as? Int == 1)
        #expect(trigger["started_at"] != nil && trigger["singleton_key"] == nil)
        #expect((try client.call("GET", "\(Client.admin)/traces?mode=cron").object["data"] as? [Row])?.isEmpty == false)
        let metrics = String(decoding: try client.call("GET", "/metrics").body, as: UTF8.self)
        #expect(metrics.contains(#"weir_cron_occurrences_total{status="completed"}"#))
        #expect(metrics.contains("weir_cron_schedule_lag_seconds_count"))
    }

    @Test func `nobody can call a schedule`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try Self.deploy(client, "mine", Self.schedule(Self.never))
        try client.deploy("caller", tasks: Client.task("c", "channel_call", #"{"channel":"mine","data":{}}"#))

        #expect(try client.call("POST", "\(Client.data)/mine", "{}").status == 404)
        #expect(try client.call("POST", "\(Client.data)/mine/async", "{}").status == 404)
        let reply = try client.call("POST", "\(Client.data)/caller", "{}")
        #expect(reply.status >= 400 && String(decoding: reply.body, as: UTF8.self).contains("runs on a schedule"))
    }

    @Test func `what is to come is shown, and follows new versions and the archive`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try Self.deploy(
            client, "later",
            Self.schedule("30 1 * * *", #","timezone":"Europe/London","concurrency":{"policy":"forbid"}"#))
        let row = try #require(
            (try client.call("GET", "\(Client.admin)/cron/status?count=3").object["data"] as? [Row])?.first)
        let next = try #require(row["next"] as? [String])
        #expect(next.count == 3 && row["next_fire_at"] as? String == next[0])
        #expect(row["singleton_key"] as? String == "later" && row["slots"] as? Int == 1)
        #expect(row["last_occurrence"] is NSNull && row["misfire_policy"] as? String == "latest")
        // A rest of an hour or so a day after a change of clocks, a day else.
        #expect((23.0...50).contains((Self.time(next[1]) - Self.time(next[0])) / 3600))

        #expect(try client.call("POST", "\(Client.admin)/channels/later/versions").status == 201)
        let edit = #"{"transport_config":{"schedule":"* * * * * *"}}"#
        #expect(try client.call("PUT", "\(Client.admin)/channels/later", edit).status == 200)
        _ = try client.call("PATCH", "\(Client.admin)/channels/later/status", #"{"status":"active"}"#)
        _ = try Self.wait(client, "later") { $0.contains { Self.status($0) == "completed" } }

        _ = try client.call("PATCH", "\(Client.admin)/channels/later/status", #"{"status":"archived"}"#)
        #expect((try client.call("GET", "\(Client.admin)/cron/status").object["data"] as? [Row])?.isEmpty == true)
        #expect(try client.call("POST", "\(Client.admin)/channels/later/trigger").status == 404)
        // A second channel's clock shows that seconds go by without the first.
        let before = try Self.occurrences(client, "later").count
        try Self.deploy(client, "clock", Self.schedule(Self.everySecond))
        _ = try Self.wait(client, "clock") { $0.count >= 3 }
        #expect(try Self.occurrences(client, "later").count == before)
    }

    // MARK: - Overlaps

    private func spans(_ rows: [Row]) -> [(from: Double, to: Double)] {
        rows.filter { Self.status($0) == "completed" }.map {
            (Self.instant($0, "started_at"), Self.instant($0, "completed_at"))
        }
        .sorted { $0.0 < $1.0 }
    }

    @Test func `runs overlap, are skipped, or wait, as the policy says`() throws {
        let weir = try RunningWeir(["queue.workers=16"])
        let client = Client(weir.port)
        for policy in ["allow", "forbid", "queue"] {
            let more = #","concurrency":{"policy":"\#(policy)"\#(policy == "queue" ? #","max_queued":3"# : "")}"#
            try Self.deploy(client, policy, Self.schedule(Self.everySecond, more), tasks: Self.slow)
        }
        let allow = try Self.wait(client, "allow") { self.spans($0).count >= 3 }
        #expect(zip(spans(allow), spans(allow).dropFirst()).contains { $0.to > $1.from })
        #expect(!allow.contains { Self.status($0).hasPrefix("skipped") })

        let forbid = try Self.wait(client, "forbid") { rows in
            self.spans(rows).count >= 2 && rows.contains { Self.status($0) == "skipped_singleton" }
        }
        #expect(zip(spans(forbid), spans(forbid).dropFirst()).allSatisfy { $0.to <= $1.from + 0.001 })
        #expect(forbid.filter { Self.status($0) == "completed" }.allSatisfy { $0["singleton_slot"] as? Int == 0 })

        // Every second one comes and only two thirds of them can run: the queue grows to its bound.
        let queue = try Self.wait(client, "queue") { rows in
            self.spans(rows).count >= 3 && rows.contains { Self.status($0) == "skipped_singleton" }
        }
        #expect(zip(spans(queue), spans(queue).dropFirst()).allSatisfy { $0.to <= $1.from + 0.001 })
        #expect(queue.count { Self.status($0) == "pending" } <= 3)
        let ran = queue.filter { Self.status($0) == "completed" }
        #expect(ran.map { Self.instant($0, "started_at") } == ran.map { Self.instant($0, "started_at") }.sorted())
    }

    // MARK: - By hand

    @Test func `a run by hand keeps to the rules, and tells its trace`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try Self.deploy(client, "open", Self.schedule(Self.never))
        try Self.deploy(
            client, "shut", Self.schedule(Self.never, #","concurrency":{"policy":"forbid"}"#), tasks: Self.slow)
        try Self.deploy(
            client, "line", Self.schedule(Self.never, #","concurrency":{"policy":"queue"}"#), tasks: Self.slow)
        try client.deploy("rest", tasks: Client.parse)
        func trigger(_ name: String) throws -> Client.Reply {
            try client.call("POST", "\(Client.admin)/channels/\(name)/trigger")
        }

        let first = try trigger("open")
        #expect(first.status == 202 && first.data["trigger"] as? String == "manual")
        let trace = try TraceScenarios.wait(client, try #require(first.data["trace_id"] as? String))
        let data = ((trace["message"] as? Row)?["context"] as? Row)?["data"] as? Row
        #expect((data?["trigger"] as? Row)?["type"] as? String == "manual")

        #expect(try trigger("shut").status == 202)
        let refused = try trigger("shut")
        #expect(refused.status == 409 && refused.code == "CONFLICT" && refused.header("retry-after") != nil)

        #expect(try trigger("line").status == 202)
        let second = try trigger("line")
        let third = try trigger("line")
        #expect(second.data["status"] as? String == "pending" && third.data["trace_id"] is NSNull)
        let path = "\(Client.admin)/cron/occurrences/\(try #require(third.data["id"] as? String))"
        #expect(try client.call("POST", path + "/cancel").data["status"] as? String == "cancelled")
        #expect(try client.call("POST", path + "/cancel").status == 409)
        #expect(try client.call("POST", path + "/retry").status == 202)
        let rows = try Self.wait(client, "line") { $0.allSatisfy { Self.status($0) == "completed" } }
        #expect(rows.count == 3 && zip(spans(rows), spans(rows).dropFirst()).allSatisfy { $0.to <= $1.from + 0.001 })
        #expect(try client.call("GET", path).data["status"] as? String == "completed")
        #expect(try client.call("POST", path + "/retry").status == 409)

        #expect(try trigger("nobody").status == 404)
        #expect(try trigger("rest").status == 400)
        #expect(try client.call("GET", "\(Client.admin)/cron/occurrences/nothing").status == 404)
        let audit = try client.call("GET", "\(Client.admin)/audit-logs?action=trigger")
        #expect((audit.object["data"] as? [Row])?.count == 5)
    }

    @Test func `a run that failed is in the ledger with its reason, and can be run again`() throws {
        let weir = try RunningWeir(["queue.dlq_max_retries=0"])
        let client = Client(weir.port)
        let boom = Client.map("m", "data.x", #"{"/":[1,{"var":"data.zero"}]}"#)
        try Self.deploy(client, "boom", Self.schedule(Self.never), tasks: boom)
        try Self.deploy(
            client, "strict", Self.schedule(Self.everySecond), config: #"{"validation_logic":{"var":"data.wanted"}}"#)
        let id = try #require(
            try client.call("POST", "\(Client.admin)/channels/boom/trigger").data["id"] as? String)

        let rows = try Self.wait(client, "boom") { Self.status($0[0]) == "failed" }
        #expect(rows[0]["attempt"] as? Int == 1 && rows[0]["error_message"] is String)
        #expect(
            (try client.call("GET", "\(Client.admin)/trace-dlq").object["data"] as? [Row])?.first?["id"] as? String
                == id)
        #expect(try client.call("POST", "\(Client.admin)/cron/occurrences/\(id)/retry").status == 202)
        let again = try Self.wait(client, "boom") { $0[0]["attempt"] as? Int == 2 }
        #expect(again.count == 1 && again[0]["scheduled_for"] as? String == rows[0]["scheduled_for"] as? String)

        let refused = try Self.wait(client, "strict") { !$0.isEmpty }
        #expect(Self.status(refused[0]) == "failed" && refused[0]["trace_id"] is NSNull)
        #expect((refused[0]["error_message"] as? String)?.contains("validation rule") == true)
    }
}
