import Foundation
import Seeds
import Testing

/// Schedules that are broken, missed, killed, or not wanted.
@Suite struct ScheduleBadDays {
    typealias Row = [String: Any]

    @Test func `what was missed while the server was down is skipped, run once, or caught up`() throws {
        let weir = try RunningWeir(["cron.misfire_grace_secs=1"])
        let client = Client(weir.port)
        // Two instants that pass while it is down, in the minute that has them; they come again an hour later.
        let first = (Date().timeIntervalSince1970 + 6).rounded(.up)
        let (minute, second) = (Int(first) / 60 % 60, Int(first) % 60)
        let (nextMinute, nextSecond) = (Int(first + 1) / 60 % 60, Int(first + 1) % 60)
        let text =
            minute == nextMinute ? "\(second),\(nextSecond) \(minute) * * * *" : "59,0 \(minute),\(nextMinute) * * * *"
        for policy in ["skip", "latest", "catch_up"] {
            try ScheduleScenarios.deploy(
                client, policy, ScheduleScenarios.schedule(text, #","misfire_policy":"\#(policy)""#))
        }
        try #require(Date().timeIntervalSince1970 < first, "the machine is too slow for this test")
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        // Being down for a while is what is tested.
        while Date().timeIntervalSince1970 < first + 3 { usleep(20_000) }
        try weir.start()

        let after = Client(weir.port)
        func settled(_ policy: String) throws -> [[String]] {
            let rows = try ScheduleScenarios.wait(after, policy) { rows in
                !rows.isEmpty
                    && rows.allSatisfy { !["pending", "claimed", "running"].contains(ScheduleScenarios.status($0)) }
            }
            return rows.map { row in
                [
                    ScheduleScenarios.status(row), String(Int(ScheduleScenarios.instant(row) - first)),
                    "\(row["count"] as? Int ?? 0)",
                ]
            }
        }
        // 59 and 0 of two minutes make instants before and after the two: only these are compared.
        let wanted = minute == nextMinute
        if wanted {
            #expect(try settled("skip") == [["skipped_misfire", "1", "2"]])
            #expect(try settled("latest") == [["skipped_misfire", "0", "1"], ["completed", "1", "1"]])
            #expect(try settled("catch_up") == [["completed", "0", "1"], ["completed", "1", "1"]])
        } else {
            #expect(try settled("skip").allSatisfy { $0[0] == "skipped_misfire" })
            #expect(try settled("latest").count { $0[0] == "completed" } == 1)
            #expect(try settled("catch_up").allSatisfy { $0[0] == "completed" })
        }
        // What is written stays written.
        let before = try ScheduleScenarios.occurrences(after, "catch_up").compactMap { $0["id"] as? String }
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        try weir.start()
        let kept = try ScheduleScenarios.occurrences(Client(weir.port), "catch_up").compactMap { $0["id"] as? String }
        #expect(kept == before && !kept.isEmpty)
    }

    @Test func `kill -9 loses no instant and runs none twice`() throws {
        let weir = try RunningWeir(["cron.max_catch_up=1000"])
        let names = (0..<12).map { "c\($0)" }
        for (place, name) in names.enumerated() {
            let policy = place % 3 == 0 ? "queue" : "allow"
            try ScheduleScenarios.deploy(
                Client(weir.port), name,
                ScheduleScenarios.schedule(
                    ScheduleScenarios.everySecond,
                    #","misfire_policy":"catch_up","max_catch_up":1000,"concurrency":{"policy":"\#(policy)"}"#))
        }
        var random = SeededRandom(seed: 5)
        for _ in 0..<10 {
            // Near a whole second, when occurrences are written and runs begin, and a little beyond.
            let now = Date().timeIntervalSince1970
            let moment = now.rounded(.up) + Double.random(in: 0...0.12, using: &random)
            while Date().timeIntervalSince1970 < moment { usleep(500) }
            weir.send(signal: SIGKILL)
            _ = weir.waitForExit()
            try weir.start()
        }

        let client = Client(weir.port)
        let end = Date().timeIntervalSince1970.rounded(.down)
        var ids: Set<String> = []
        for name in names {
            let rows = try ScheduleScenarios.wait(client, name, seconds: 60) { rows in
                let due = rows.filter { ScheduleScenarios.instant($0) <= end }
                return due.last.map { ScheduleScenarios.instant($0) == end } ?? false
                    && due.allSatisfy { ScheduleScenarios.status($0) == "completed" }
            }.filter { ScheduleScenarios.instant($0) <= end }
            let instants = rows.map { ScheduleScenarios.instant($0) }
            #expect(instants == Array(stride(from: try #require(instants.first), through: end, by: 1)), "\(name)")
            for row in rows {
                let id = try #require(row["trace_id"] as? String)
                #expect(id == row["id"] as? String)
                ids.insert(id)
            }
            #expect(rows.count >= 9)
        }
        // As many runs as occurrences: none has a second trace under another name.
        var traces = 0
        var offset = 0
        while true {
            let path = "\(Client.admin)/traces?mode=cron&limit=1000&offset=\(offset)&sort_order=asc"
            let page = try client.call("GET", path).object["data"] as? [Row] ?? []
            traces += page.count { ids.contains($0["id"] as? String ?? "") }
            offset += page.count
            if page.count < 1000 { break }
        }
        #expect(traces == ids.count)
    }

    @Test func `a broken schedule is refused where it is broken, and nothing is saved`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        func paths(_ channel: String) throws -> [String] {
            let reply = try client.call("POST", "\(Client.admin)/channels", channel)
            #expect(reply.status == 400, "\(channel)")
            let details = (reply.object["error"] as? Row)?["details"] as? [Row] ?? []
            return details.compactMap { $0["path"] as? String }
        }
        func channel(_ transport: String, _ more: String = "", type: String = "async") -> String {
            #"{"name":"c","channel_type":"\#(type)","protocol":"cron","transport_config":\#(transport)\#(more)}"#
        }
        let good = #"{"schedule":"* * * * *"}"#
        let bad: [(String, String)] = [
            (#"{}"#, "transport_config.schedule"), (#"{"schedule":"* * * *"}"#, "transport_config.schedule"),
            (#"{"schedule":"* * * * * * 2026"}"#, "transport_config.schedule"),
            (#"{"schedule":"61 * * * *"}"#, "transport_config.schedule"),
            (#"{"schedule":5}"#, "transport_config.schedule"),
            (#"{"schedule":"0 0 30 2 *"}"#, "transport_config.schedule"),
            (#"{"schedule":"* * * * *","timezone":"Mars/Olympus"}"#, "transport_config.timezone"),
            (#"{"schedule":"* * * * *","timezone":"EST"}"#, "transport_config.timezone"),
            (#"{"schedule":"* * * * *","timezone":"../../etc/passwd"}"#, "transport_config.timezone"),
            (#"{"schedule":"* * * * *","timezone":"Europe"}"#, "transport_config.timezone"),
            (#"{"schedule":"* * * * *","misfire_polcy":"skip"}"#, "transport_config.misfire_polcy"),
            (#"{"schedule":"* * * * *","misfire_policy":"all"}"#, "transport_config.misfire_policy"),
            (#"{"schedule":"* * * * *","max_catch_up":5}"#, "transport_config.max_catch_up"),
            (
                #"{"schedule":"* * * * *","misfire_policy":"catch_up","max_catch_up":0}"#,
                "transport_config.max_catch_up"
            ), (#"{"schedule":"* * * * *","payload":[1]}"#, "transport_config.payload"),
            (#"{"schedule":"* * * * *","payload":{"a":["env://KEY"]}}"#, "transport_config.payload.a[0]"),
            (#"{"schedule":"* * * * *","concurrency":{"policy":"never"}}"#, "transport_config.concurrency.policy"),
            (#"{"schedule":"* * * * *","concurrency":{"slots":2}}"#, "transport_config.concurrency.slots"),
            (
                #"{"schedule":"* * * * *","concurrency":{"policy":"forbid","slots":65}}"#,
                "transport_config.concurrency.slots"
            ),
            (
                #"{"schedule":"* * * * *","concurrency":{"policy":"forbid","key":"a b"}}"#,
                "transport_config.concurrency.key"
            ),
            (
                #"{"schedule":"* * * * *","concurrency":{"policy":"forbid","max_queued":2}}"#,
                "transport_config.concurrency.max_queued"
            ), (#"{"schedule":"* * * * *","concurrency":3}"#, "transport_config.concurrency"),
        ]
        for (transport, path) in bad { #expect(try paths(channel(transport)) == [path], "\(transport)") }
        #expect(try paths(#"{"name":"c","channel_type":"async","protocol":"cron"}"#) == ["transport_config"])
        #expect(try paths(channel(good, type: "sync")) == ["channel_type"])
        for (more, path) in [
            (#","methods":["GET"]"#, "methods"), (#","topic":"t""#, "topic"),
            (#","config":{"auth":{"mode":"api_key","keys":["sesame-open-sesame-open-sesame-open"]}}"#, "config.auth"),
            (#","config":{"rate_limit":{"requests_per_second":1}}"#, "config.rate_limit"),
            (#","config":{"cors":{"allowed_origins":["https://a.example"]}}"#, "config.cors"),
            (#","config":{"cache":{"enabled":true,"ttl_secs":1}}"#, "config.cache"),
        ] { #expect(try paths(channel(good, more)) == [path], "\(more)") }
        let principal = #","config":{"principal_rate_limit":{"requests_per_second":1,"key_logic":"x"}}"#
        #expect(try Set(paths(channel(good, principal))) == ["config.principal_rate_limit"])
        let list = try client.call("GET", "\(Client.admin)/channels").object
        #expect(list["total"] as? Int == 0)
        for (query, path) in [
            ("schedule=%40daily", "schedule"), ("schedule=0+0+*+*+*&timezone=CET", "timezone"), ("", "schedule"),
            ("schedule=*+*+*+*+*&zone=UTC", "zone"),
        ] {
            let reply = try client.call("GET", "\(Client.admin)/cron/next?\(query)")
            let details = (reply.object["error"] as? Row)?["details"] as? [Row]
            #expect(reply.status == 400 && details?.first?["path"] as? String == path, "\(query)")
        }
        #expect(try client.call("GET", "\(Client.admin)/cron/occurrences?status=lost").status == 400)
        #expect(try client.call("GET", "\(Client.admin)/cron/occurrences?since=today").status == 400)
    }

    @Test func `without the time zone database it says so, and UTC goes on`() throws {
        let weir = try RunningWeir(environment: ["TZDIR": "/nonexistent"])
        let client = Client(weir.port)
        let berlin =
            #"{"name":"c","channel_type":"async","protocol":"cron","transport_config":{"schedule":"0 0 * * *","timezone":"Europe/Berlin"}}"#
        let reply = try client.call("POST", "\(Client.admin)/channels", berlin)
        #expect(reply.status == 400 && String(decoding: reply.body, as: UTF8.self).contains("tzdata"))

        try ScheduleScenarios.deploy(
            client, "utc", ScheduleScenarios.schedule(ScheduleScenarios.everySecond, #","timezone":"UTC""#))
        _ = try ScheduleScenarios.wait(client, "utc") { $0.contains { ScheduleScenarios.status($0) == "completed" } }
    }

    @Test func `an instance that runs no schedules does not let one go live`() throws {
        let weir = try RunningWeir(["cron.enabled=false"])
        let client = Client(weir.port)

        #expect(throws: RunningWeir.Failure.self) {
            try ScheduleScenarios.deploy(client, "c", ScheduleScenarios.schedule("* * * * *"))
        }
        let reply = try client.call("PATCH", "\(Client.admin)/channels/c/status", #"{"status":"active"}"#)
        let details = (reply.object["error"] as? Row)?["details"] as? [Row]
        #expect(reply.status == 400 && details?.first?["path"] as? String == "protocol")
    }

    @Test func `schedules are seen and started from the command line`() throws {
        let weir = try RunningWeir()
        try ScheduleScenarios.deploy(Client(weir.port), "night", ScheduleScenarios.schedule("0 0 3 * * *"))

        let list = try weir.command(["schedules"])
        #expect(list.code == 0 && list.output.contains("night") && list.output.contains("T03:00:00"), "\(list)")
        let next = try weir.command(["schedules", "next", "0 12 * * MON", "--count", "2"])
        #expect(next.code == 0 && next.output.split(separator: "\n").count == 2, "\(next)")
        let started = try weir.command(["schedules", "trigger", "night", "--output", "json"])
        #expect(started.code == 0 && started.object["trigger"] as? String == "manual", "\(started)")
        _ = try ScheduleScenarios.wait(Client(weir.port), "night") { ScheduleScenarios.status($0[0]) == "completed" }
        let occurrences = try weir.command(["schedules", "occurrences", "--status", "completed"])
        #expect(occurrences.output.contains("night"), "\(occurrences)")
        #expect(try weir.command(["schedules", "trigger", "nobody"]).code == 4)
    }
}
