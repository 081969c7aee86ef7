import Foundation
import RealServices
import Testing

/// An installation moves to another database, with the real binary.
@Suite struct StorageCopyScenarios {
    private static func copy(_ from: String, _ to: String, _ more: [String] = []) throws -> CommandRun {
        try RunningWeir.command(["storage", "copy", from, to, "--output", "json"] + more)
    }

    private static func sql(_ url: String, _ text: String) throws {
        let result = try Tool.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", text, url])
        guard result.status == 0 else { throw RunningWeir.Failure(result.output) }
    }

    @Test func `an installation that was lived in goes from SQLite to PostgreSQL and goes on there`() throws {
        let upstream = try Upstream { request in
            .reply(status: 200, body: #"{"authorization":"\#(request.headers["authorization"] ?? "")"}"#)
        }
        let weir = try RunningWeir()
        let client = Client(weir.port)
        _ = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"id":"up","name":"up","connector_type":"http","config":{"url":"\#(upstream.url)","allow_private_urls":true,"auth":{"type":"bearer","token":"secret-token"}}}"#
        )
        try client.deploy(
            "out",
            tasks: Client.parse + "," + Client.task("call", "http_call", #"{"connector":"up","output":"data.reply"}"#))
        try ScheduleScenarios.deploy(client, "tick", ScheduleScenarios.schedule("* * * * * *"))
        var traces: [String] = []
        for number in 0..<30 {
            let reply = try client.call("POST", "\(Client.data)/out/async", #"{"n":\#(number)}"#)
            traces.append(try #require(reply.object["trace_id"] as? String))
        }
        for id in traces { #expect(try TraceScenarios.wait(client, id)["status"] as? String == "completed") }
        let ticks = try ScheduleScenarios.wait(client, "tick") { rows in
            rows.contains { ScheduleScenarios.status($0) == "completed" }
        }
        let made = try KeyScenarios.make(client, "full")
        let key = KeyScenarios.bearer(made.key)
        let source = "sqlite:\(weir.folder.path)/weir.db"
        let held = try Self.copy(source, "postgres://nobody@127.0.0.1:1/none")
        weir.send(signal: SIGTERM)
        #expect(weir.waitForExit() == 0)

        let target = try RealPostgres.shared().makeDatabase()
        let keyFile = "\(weir.folder.path)/weir.db.key"
        let digits = try String(contentsOfFile: keyFile, encoding: .utf8).trimmingCharacters(in: .newlines)
        let setKey = { (digits: String) in "storage.connector_encryption_key=\(digits)" }
        let wrong = try Self.copy(source, target, ["--set", setKey(String(repeating: "0", count: 64))])
        let moved = try Self.copy(source, target)
        let again = try Self.copy(source, target)

        #expect(held.code == 1 && held.errors.contains("Another Weir has this database open"), "\(held)")
        #expect(wrong.code == 1 && wrong.errors.contains("sealed with another key"), "\(wrong)")
        #expect(moved.code == 0 && moved.object["verified"] as? Bool == true, "\(moved)")
        #expect((moved.object["advice"] as? String)?.contains(keyFile) == true, "\(moved)")
        let tables = moved.object["tables"] as? [[String: Any]] ?? []
        let rows = Dictionary(
            tables.map { ($0["table"] as? String ?? "", $0["rows"] as? Int ?? 0) }, uniquingKeysWith: { $1 })
        #expect(rows["traces"] ?? 0 >= 31 && rows["definitions"] == 5 && rows["admin_keys"] == 1, "\(rows)")
        #expect(rows["audit"] ?? 0 >= 8 && rows["occurrences"] ?? 0 >= 1 && rows["schedule_cursors"] == 1, "\(rows)")
        #expect(tables.allSatisfy { ($0["checksum"] as? String)?.count == 32 })
        #expect(again.code == 1 && again.errors.contains("not empty"), "\(again)")

        let there = try RunningWeir([setKey(digits)], storageURL: target)
        let other = Client(there.port)
        let reply = try other.call("POST", "\(Client.data)/out", "{}")
        #expect((reply.data["reply"] as? [String: Any])?["authorization"] as? String == "Bearer secret-token")
        for id in traces {
            #expect(try TraceScenarios.wait(other, id, headers: key)["status"] as? String == "completed")
        }
        #expect(try other.call("GET", "\(Client.admin)/workflows").status == 401)
        // The schedule goes on: no instant twice.
        let deadline = Date.now.addingTimeInterval(30)
        var later: [String] = []
        while later.count <= ticks.count, Date.now < deadline {
            let path = "\(Client.admin)/cron/occurrences?channel_id=tick&limit=1000"
            let found = try other.call("GET", path, headers: key).object["data"] as? [[String: Any]] ?? []
            later = found.compactMap { $0["scheduled_for"] as? String }
        }
        #expect(later.count > ticks.count && Set(later).count == later.count)
    }

    @Test func `a target that is half full is opened by nobody, and copied into anew`() throws {
        let weir = try RunningWeir()
        try Client(weir.port).deploy("w", tasks: Client.parse)
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let source = "sqlite:\(weir.folder.path)/weir.db"
        let target = try RealPostgres.shared().makeDatabase()
        let key = ["--set", "storage.connector_encryption_key=\(String(repeating: "5a", count: 32))"]
        let first = try Self.copy(source, target)
        #expect(first.code == 0, "\(first)")
        // As an interrupted copy leaves it.
        try Self.sql(target, "INSERT INTO numbers VALUES ('copy_unfinished', 1)")
        try Self.sql(target, "DELETE FROM audit")

        let refused = try RunningWeir.command(["serve", "--port", "0", "--storage-url", target] + key)
        let second = try Self.copy(source, target)

        #expect(refused.code == 1 && refused.errors.contains("was not finished"), "\(refused)")
        #expect(second.code == 0 && second.errors.contains("it begins anew"), "\(second)")
        #expect(
            (first.object["tables"] as? [[String: Any]])?.map { $0["checksum"] as? String }
                == (second.object["tables"] as? [[String: Any]])?.map { $0["checksum"] as? String })
    }

    @Test func `migrations are shown, applied and verified`() throws {
        let database = try RealPostgres.shared().makeDatabase()
        let settings = [
            "--storage-url", database, "--set",
            "storage.connector_encryption_key=\(String(repeating: "5a", count: 32))",
        ]
        func migrate(_ command: String) throws -> CommandRun {
            try RunningWeir.command(["migrate", command, "--output", "json"] + settings)
        }
        func states(_ run: CommandRun) -> Set<String> {
            Set((run.object["migrations"] as? [[String: Any]] ?? []).compactMap { $0["state"] as? String })
        }

        let empty = try migrate("status")
        let pending = try migrate("verify")
        let up = try migrate("up")
        let again = try migrate("up")
        let sound = try migrate("verify")
        try Self.sql(database, "DROP INDEX traces_dead")
        let broken = try migrate("verify")
        try Self.sql(database, "INSERT INTO schema_versions VALUES (99)")
        let newer = try migrate("status")
        let refused = try RunningWeir.command(["serve", "--port", "0"] + settings)

        #expect(empty.code == 0 && states(empty) == ["pending"], "\(empty)")
        #expect(pending.code == 1 && pending.object["ok"] as? Bool == false, "\(pending)")
        #expect(up.code == 0 && (up.object["applied"] as? [Int])?.first == 1 && states(up) == ["applied"], "\(up)")
        #expect((again.object["applied"] as? [Int])?.isEmpty == true, "\(again)")
        #expect(sound.code == 0 && sound.object["ok"] as? Bool == true, "\(sound)")
        let missing = broken.object["missing"] as? [String] ?? []
        #expect(broken.code == 1 && missing.count == 1 && missing[0].contains("traces_dead"), "\(broken)")
        #expect(states(newer).contains("unknown"), "\(newer)")
        #expect(refused.code == 1 && refused.errors.contains("Use a newer Weir"), "\(refused)")
    }

    @Test func `looking at an SQLite file makes none, and a server may run meanwhile`() throws {
        let weir = try RunningWeir()
        let url = "sqlite:\(weir.folder.path)/weir.db"
        let other = "\(weir.folder.path)/other.db"

        let running = try RunningWeir.command(["migrate", "verify", "--output", "json", "--storage-url", url])
        let none = try RunningWeir.command(["migrate", "status", "--storage-url", "sqlite:\(other)"])

        #expect(running.code == 0 && running.object["engine"] as? String == "SQLite", "\(running)")
        #expect(none.code == 0 && none.output.contains("pending"), "\(none)")
        #expect(!FileManager.default.fileExists(atPath: other))
    }
}
