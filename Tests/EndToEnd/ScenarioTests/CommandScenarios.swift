import Foundation
import Testing

/// The command line, as people and scripts use it: what it prints, and its exit codes.
@Suite struct CommandScenarios {
    private static let tasks =
        "\(Client.parse),\(Client.map("m", "data.level", #"{"if":[{">":[{"var":"data.in.amount"},500]},"high","low"]}"#))"

    private func definitions(_ weir: RunningWeir, level: Int = 500, channel: Bool = true) throws -> String {
        let folder = weir.folder.appendingPathComponent("definitions-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let tasks = Self.tasks.replacing("500", with: "\(level)")
        try #"{"workflow_id":"levels","name":"Levels","tasks":[\#(tasks)]}"#.write(
            to: folder.appendingPathComponent("z-first.json"), atomically: true, encoding: .utf8)
        if channel {
            try
                #"[{"channel_id":"levels","name":"levels","channel_type":"sync","protocol":"rest","workflow_id":"levels"}]"#
                .write(to: folder.appendingPathComponent("a-second.json"), atomically: true, encoding: .utf8)
        }
        return folder.path
    }

    @Test func `files go live, once`() throws {
        let weir = try RunningWeir()
        let files = try definitions(weir)

        let first = try weir.command(["apply", "-f", files])
        let again = try weir.command(["apply", "-f", files, "-o", "json"])
        let call = try weir.command(["call", "levels", #"{"data":{"amount":501}}"#])

        #expect(first.code == 0, "\(first)")
        #expect(first.output.contains("created, version 1"))
        #expect(again.code == 0)
        #expect(
            (again.object["changes"] as? [[String: Any]])?.map { $0["action"] as? String } == [
                "unchanged", "unchanged",
            ])
        #expect((call.object["data"] as? [String: Any])?["level"] as? String == "high", "\(call)")
    }

    @Test func `a dry run shows the difference and changes nothing`() throws {
        let weir = try RunningWeir()
        _ = try weir.command(["apply", "-f", definitions(weir)])
        let changed = try definitions(weir, level: 700)

        let dry = try weir.command(["apply", "-f", changed, "--dry-run"])
        let version = try weir.command(["get", "workflow", "levels"]).object["version"] as? Int
        let real = try weir.command(["apply", "-f", changed])
        let call = try weir.command(["call", "levels", #"{"data":{"amount":501}}"#])

        #expect(dry.code == 5, "\(dry)")
        #expect(dry.output.contains("would be updated"))
        #expect(dry.output.contains("-") && dry.output.contains("+") && dry.output.contains("700"))
        #expect(version == 1)
        #expect(real.code == 0 && real.output.contains("updated, version 2"), "\(real)")
        #expect((call.object["data"] as? [String: Any])?["level"] as? String == "low")
    }

    @Test func `what was archived comes back`() throws {
        let weir = try RunningWeir()
        let files = try definitions(weir, channel: false)
        _ = try weir.command(["apply", "-f", files])
        let client = Client(weir.port)
        _ = try client.call("PATCH", "\(Client.admin)/workflows/levels/status", #"{"status":"archived"}"#)

        let applied = try weir.command(["apply", "-f", files])

        #expect(applied.code == 0 && applied.output.contains("restored"), "\(applied)")
        #expect(try client.call("GET", "\(Client.admin)/workflows/levels").data["status"] as? String == "active")
    }

    @Test func `prune deletes what is in no file, only when asked to`() throws {
        let weir = try RunningWeir()
        _ = try weir.command(["apply", "-f", definitions(weir)])
        let fewer = try definitions(weir, channel: false)

        let kept = try weir.command(["apply", "-f", fewer])
        let dry = try weir.command(["apply", "-f", fewer, "--prune", "--dry-run"])
        let stillThere = try weir.command(["get", "channel", "levels"])
        let pruned = try weir.command(["apply", "-f", fewer, "--prune"])

        #expect(kept.code == 0 && !kept.output.contains("deleted"))
        #expect(dry.code == 5 && dry.output.contains("would be deleted"))
        #expect(stillThere.code == 0)
        #expect(pruned.code == 0 && pruned.output.contains("deleted"), "\(pruned)")
        #expect(try weir.command(["get", "channel", "levels"]).code == 4)
    }

    @Test func `a slip in one file applies none`() throws {
        let weir = try RunningWeir()
        let files = try definitions(weir)
        try #"{"workflow_id":"typo","name":"Typo","tasks":[\#(Client.task("m", "mapp", "{}"))]}"#.write(
            toFile: files + "/zz.json", atomically: true, encoding: .utf8)

        let applied = try weir.command(["apply", "-f", files])

        #expect(applied.code == 1)
        #expect(applied.errors.contains("zz.json") && applied.errors.contains("tasks[0].function.name"), "\(applied)")
        #expect(try weir.command(["get", "workflow", "levels"]).code == 4)
    }

    @Test func `lists are tables for people and JSON for programs`() throws {
        let weir = try RunningWeir()
        _ = try weir.command(["apply", "-f", definitions(weir)])

        let table = try weir.command(["get", "workflows"])
        let json = try weir.command(["get", "workflows", "-o", "json"])

        #expect(table.output.hasPrefix("ID") && table.output.contains("levels"))
        #expect((json.json as? [[String: Any]])?.first?["workflow_id"] as? String == "levels")
        for kind in ["channels", "functions", "engine", "audit-logs"] {
            #expect(try weir.command(["get", kind]).code == 0, "\(kind)")
        }
    }

    @Test func `an asynchronous call can be waited for, and its failure is an exit code`() throws {
        let weir = try RunningWeir(["queue.dlq_retry_enabled=false"])
        let client = Client(weir.port)
        try client.deploy("good", tasks: Self.tasks)
        try client.deploy("bad", tasks: Client.map("m", "data.x", #"{"throw":"never"}"#))

        let good = try weir.command(["call", "good", #"{"data":{"amount":1}}"#, "--async", "--wait"])
        let bad = try weir.command(["call", "bad", "{}", "--async", "--wait"])

        #expect(good.code == 0 && good.object["status"] as? String == "completed", "\(good)")
        #expect(bad.code == 1 && bad.object["status"] as? String == "failed", "\(bad)")
    }

    @Test func `traces are listed, shown and followed`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("watched", tasks: Self.tasks, channel: #","config":{"tracing":{"mode":"sync"}}"#)
        _ = try client.call("POST", "\(Client.data)/watched", #"{"data":{"amount":1}}"#)

        let follower = try weir.start(command: ["traces", "--follow", "--channel", "watched"])
        let first = follower.readLine()
        _ = try client.call("POST", "\(Client.data)/watched", #"{"data":{"amount":2}}"#)
        let second = follower.readLine()
        follower.stop()
        let listed = try weir.command(["traces", "-o", "json"])
        let id = (listed.json as? [[String: Any]])?.first?["id"] as? String ?? ""
        let shown = try weir.command(["traces", id])

        #expect(first.contains("watched") && second.contains("watched") && first != second)
        #expect(shown.code == 0 && shown.output.contains("TASK") && shown.output.contains("parse_json"), "\(shown)")
        #expect(second.hasPrefix(id))
    }

    @Test func `dead letters are shown, run again and purged`() throws {
        let weir = try RunningWeir(["queue.dlq_max_retries=0"])
        let client = Client(weir.port)
        try client.deploy("dying", tasks: Client.map("m", "data.x", #"{"throw":"never"}"#))
        _ = try weir.command(["call", "dying", "{}", "--async", "--wait"])

        let listed = try weir.command(["dead-letters", "list", "-o", "json"])
        let id = (listed.json as? [[String: Any]])?.first?["id"] as? String ?? ""
        let shown = try weir.command(["dead-letters", "show", id])
        let requeued = try weir.command(["dead-letters", "requeue", id])

        #expect(!id.isEmpty, "\(listed)")
        #expect(shown.code == 0 && shown.object["input"] != nil)
        #expect(requeued.output == "1 requeued.\n", "\(requeued)")
        var purged = try weir.command(["dead-letters", "purge", "--older-than-hours", "0"])
        for _ in 0..<200 where purged.output != "1 purged.\n" {
            purged = try weir.command(["dead-letters", "purge", "--older-than-hours", "0"])
        }
        #expect(purged.output == "1 purged.\n")
    }

    @Test func `exit codes tell what went wrong`() throws {
        let weir = try RunningWeir(["admin_auth.api_keys=open-sesame"])

        #expect(try weir.command(["get", "engine"]).code == 3)
        #expect(try weir.command(["get", "engine", "--key", "open-sesame"]).code == 0)
        #expect(try weir.command(["get", "engine"], environment: ["WEIR_API_KEY": "open-sesame"]).code == 0)
        #expect(try weir.command(["get", "workflow", "none", "--key", "open-sesame"]).code == 4)
        #expect(try weir.command(["get", "engine", "--server", "http://127.0.0.1:1"]).code == 2)
        #expect(try weir.command(["get", "nothing-of-that-kind"]).code == 64)
        #expect(try weir.command(["call", "none", "not json"]).code == 4)
        let refused = try weir.command(["get", "engine", "-o", "json"])
        #expect(refused.errors.contains(#""code":"UNAUTHORIZED""#), "\(refused)")
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions name the commands`(shell: String) throws {
        let made = try RunningWeir.command(["completions", shell])

        #expect(made.code == 0 && made.output.contains("dead-letters"))
    }

    @Test func `settings that are wrong stop the start with the key's name`() throws {
        let unknown = try RunningWeir.command(["config", "check", "--set", "server.prot=1"])
        let bad = try RunningWeir.command(["config", "check", "--set", "server.port=high"])
        let good = try RunningWeir.command(["config", "print"], environment: ["WEIR_SERVER__PORT": "9999"])

        #expect(unknown.code == 1 && unknown.errors.contains("server.prot") && unknown.errors.contains("server.port"))
        #expect(bad.code == 1 && bad.errors.contains("`server.port` is `high`"))
        #expect(good.code == 0 && good.output.contains("server.port = 9999"))
    }

    @Test func `every setting is in the list of settings`() throws {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        let page = try String(contentsOf: folder.appendingPathComponent("docs/settings.md"), encoding: .utf8)

        let keys = try RunningWeir.command(["config", "keys"])

        #expect(keys.output == page, "`make docs` writes it anew")
    }

    @Test func `rules are evaluated from arguments and from lines`() throws {
        let one = try RunningWeir.command(["logic", #"{"+":[1,{"var":"a"}]}"#, #"{"a":2}"#])
        let lines = try RunningWeir.command(
            ["logic", "--jsonl"],
            input: #"{"rule":{"var":"a"},"data":{"a":1}}"# + "\n" + #"{"rule":{"nope":1},"data":{}}"# + "\n")

        #expect(one.output == "{\"result\":3}\n")
        #expect(lines.output.split(separator: "\n").first == #"{"result":1}"#)
        #expect(lines.output.split(separator: "\n").last?.contains("error") == true)
    }
}
