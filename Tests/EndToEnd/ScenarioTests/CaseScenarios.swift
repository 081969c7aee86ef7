import Foundation
import Testing

/// `weir test`: cases on the real binary.
@Suite struct CaseScenarios {
    static var root: URL {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        return folder
    }

    /// A folder with files, gone when the test is.
    final class Folder {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("weir-cases-\(UUID().uuidString)")
        var path: String { url.path }

        init(_ files: [String: String]) throws {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            for (name, text) in files { try write(name, text) }
        }

        deinit { try? FileManager.default.removeItem(at: url) }

        func write(_ name: String, _ text: String) throws {
            try text.write(to: url.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }

        func read(_ name: String) throws -> String {
            try String(contentsOf: url.appendingPathComponent(name), encoding: .utf8)
        }
    }

    private static func workflow(_ tasks: String, id: String = "w") -> String {
        #"{"workflow_id":"\#(id)","name":"\#(id)","tasks":[\#(tasks)]}"#
    }

    private static let channel =
        #"{"channel_id":"w","name":"w","channel_type":"sync","protocol":"rest","workflow_id":"w"}"#

    private static let call = Client.task(
        "call", "http_call",
        #"{"connector":"up","path":{"cat":["things/",{"var":"data.in.id"}]},"output":"data.reply"}"#)

    private static func connector(_ url: String = "env://CASE_URL") -> String {
        #"{"id":"up","name":"up","connector_type":"http","config":{"type":"http","url":"\#(url)","auth":{"type":"bearer","token":"env://CASE_TOKEN"},"retry":{"max_retries":1,"retry_delay_ms":1},"allow_private_urls":true}}"#
    }

    private static func calling() throws -> Folder {
        try Folder([
            "w.json": workflow("\(Client.parse),\(call)"), "c.json": channel, "up.json": connector(),
            "seven.case.json": #"{"case":1,"channel":"w","request":{"body":{"id":7}}}"#,
        ])
    }

    @Test func `every example has cases, and they pass without a network`() throws {
        let examples = Self.root.appendingPathComponent("Examples")
        let folders = try FileManager.default.contentsOfDirectory(atPath: examples.path).sorted()
        #expect(folders.count >= 2)
        for folder in folders {
            let run = try RunningWeir.command(["test", examples.appendingPathComponent(folder).path])
            #expect(run.code == 0, "\(folder): \(run)")
            #expect(!run.output.contains("recorded, but not asked for"), "\(folder): \(run)")
        }
    }

    @Test func `a case that is not met shows the difference of each task, and fails`() throws {
        let folder = try Folder([
            "w.json": Self.workflow(
                "\(Client.parse),\(Client.map("double", "data.twice", #"{"*":[{"var":"data.in.n"},2]}"#))"),
            "c.json": Self.channel,
            "good.case.json":
                #"{"case":1,"channel":"w","request":{"body":{"n":2}},"expect":{"status":200,"tasks":{"double":{"output":{"data.twice":4}}}}}"#,
            "bad.case.json":
                #"{"case":1,"name":"three <times>","channel":"w","request":{"body":{"n":2}},"expect":{"status":200,"tasks":{"double":{"output":{"data.twice":6}},"gone":"executed"}}}"#,
        ])
        let junit = folder.path + "/junit.xml"

        let table = try RunningWeir.command(["test", folder.path, "--junit", junit])
        let json = try RunningWeir.command(["test", folder.path, "-o", "json"])
        let one = try RunningWeir.command(["test", folder.path, "--filter", "good"])
        let none = try RunningWeir.command(["test", folder.path, "--filter", "nothing-has-this"])

        #expect(table.code == 1 && table.output.contains("2 cases, 1 failed."), "\(table)")
        #expect(table.output.contains("task double") && table.output.contains("-     \"data.twice\": 6"), "\(table)")
        #expect(table.output.contains("+     \"data.twice\": 4") && table.output.contains("task gone"), "\(table)")
        let cases = try #require(json.object["cases"] as? [[String: Any]])
        #expect(json.code == 1 && json.object["failed"] as? Int == 1 && cases.count == 2)
        let mismatches = cases[0]["mismatches"] as? [[String: Any]]
        #expect(mismatches?.map { $0["part"] as? String } == ["task double", "task gone"])
        #expect(one.code == 0 && one.output.contains("1 cases, 0 failed."))
        #expect(none.code == 1 && none.errors.contains("nothing-has-this"))
        let xml = try folder.read("junit.xml")
        #expect(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("name=\"three &lt;times&gt;\""))
        #expect(xml.contains("<failure message=\"differs in task double, task gone\""), "\(xml)")
    }

    @Test func `what went out once comes back when nobody is there any more`() throws {
        let folder = try Self.calling()
        var upstream: Upstream? = try Upstream { request in
            #expect(request.headers["authorization"] == "Bearer very-secret-token")
            return request.path == "/api/things/7"
                ? .reply(
                    status: 200, headers: ["set-cookie: session=very-secret-cookie"],
                    body: #"{"name":"seven","token":"issued-secret","seen":"very-secret-token"}"#)
                : .reply(status: 404)
        }
        let environment = [
            "CASE_URL": "\(upstream?.url ?? "")/api", "CASE_TOKEN": "very-secret-token",
        ]

        let before = try RunningWeir.command(["test", folder.path])
        let recorded = try RunningWeir.command(
            ["test", folder.path, "--record", "--update"], environment: environment)
        let calls = upstream?.requests.count
        upstream = nil
        let after = try RunningWeir.command(["test", folder.path])
        let recording = try folder.read("seven.recording.json")
        let accepted = try folder.read("seven.case.json")

        #expect(before.code == 1 && before.output.contains("not recorded: up: GET things/7"), "\(before)")
        #expect(recorded.code == 0 && calls == 1, "\(recorded)")
        #expect(after.code == 0 && after.output.contains("1 cases, 0 failed."), "\(after)")
        #expect(recording.contains("things/7") && accepted.contains("\"name\": \"seven\""), "\(accepted)")
        for secret in ["very-secret-token", "very-secret-cookie", "issued-secret"] {
            #expect(!recording.contains(secret) && !accepted.contains(secret), "\(secret)")
        }
    }

    @Test func `a call that is not in the recording fails its task, one that is not made is told`() throws {
        let folder = try Self.calling()
        let upstream = try Upstream { _ in .reply(status: 200, body: "{}") }
        let environment = ["CASE_URL": upstream.url, "CASE_TOKEN": "very-secret-token"]
        _ = try RunningWeir.command(["test", folder.path, "--record", "--update"], environment: environment)
        try folder.write("stray.recording.json", #"{"recording":1}"#)
        // The same expectation, another question.
        try folder.write(
            "seven.case.json", try folder.read("seven.case.json").replacing("\"id\": 7", with: "\"id\": 8"))

        let run = try RunningWeir.command(["test", folder.path])

        #expect(run.code == 1 && run.output.contains("not recorded: up: GET things/8"), "\(run)")
        #expect(run.output.contains("NOT_RECORDED"), "\(run)")
        #expect(run.output.contains("recorded, but not asked for: up: GET things/7"))
        #expect(run.output.contains("stray.recording.json belongs to no case"))
        #expect(upstream.requests.count == 1, "nothing goes out without --record")
    }

    @Test func `databases are recorded, caches are filled, and neither is needed later`() throws {
        let folder = try Folder([
            "w.json": Self.workflow(
                [
                    Client.task(
                        "make", "db_write",
                        #"{"connector":"db","query":"CREATE TABLE IF NOT EXISTS t (n INTEGER)","output":"data.made"}"#),
                    Client.task(
                        "put", "db_write",
                        #"{"connector":"db","query":"INSERT INTO t VALUES (?)","params":[41],"output":"data.put"}"#),
                    Client.task(
                        "get", "db_read",
                        #"{"connector":"db","query":"SELECT n, n + 1 AS m FROM t","output":"data.rows"}"#),
                    Client.task("rate", "cache_read", #"{"connector":"rates","key":"eur","output":"data.rate"}"#),
                ].joined(separator: ",")),
            "db.json":
                #"{"id":"db","name":"db","connector_type":"db","config":{"connection_string":"env://CASE_DB"}}"#,
            "rates.json": #"{"id":"rates","name":"rates","connector_type":"cache","config":{"backend":"memory"}}"#,
            "rows.case.json": #"{"case":1,"workflow":"w","cache":{"rates":{"eur":{"usd":1.1}}}}"#,
        ])
        let file = folder.path + "/data.db"

        let recorded = try RunningWeir.command(
            ["test", folder.path, "--record", "--update"], environment: ["CASE_DB": "sqlite:\(file)"])
        try FileManager.default.removeItem(atPath: file)
        let after = try RunningWeir.command(["test", folder.path])
        let accepted = try folder.read("rows.case.json")

        #expect(recorded.code == 0, "\(recorded)")
        #expect(after.code == 0, "\(after)")
        #expect(accepted.contains("\"m\": 42") && accepted.contains("\"usd\": 1.1"), "\(accepted)")
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test func `clock and chance stand still, so that a case says the same tomorrow`() throws {
        let folder = try Folder([
            "w.json": Self.workflow(
                [
                    Client.task("id", "crypto", #"{"op":"uuid","output":"data.id"}"#),
                    Client.task("date", "date", #"{"output":"data.date"}"#),
                    Client.map("now", "data.now", #"{"now":[]}"#),
                ].joined(separator: ",")),
            "c.json": Self.channel,
            "fixed.case.json": #"{"case":1,"channel":"w","clock":"2020-02-29T10:00:00Z"}"#,
        ])

        let updated = try RunningWeir.command(["test", folder.path, "--update"])
        let again = try RunningWeir.command(["test", folder.path])
        let accepted = try folder.read("fixed.case.json")

        #expect(updated.code == 0 && updated.output.contains("new"), "\(updated)")
        #expect(again.code == 0, "\(again)")
        #expect(accepted.contains("2020-02-29T10:00:00Z") && accepted.contains("data.now"), "\(accepted)")
    }

    @Test func `accepting keeps the shape of what was expected, and what stands for anything`() throws {
        let folder = try Folder([
            "w.json": Self.workflow(
                "\(Client.map("m", "data.x", "2")),\(Client.task("id", "crypto", #"{"op":"uuid","output":"data.id"}"#))"
            ),
            "c.json": Self.channel,
            "x.case.json":
                #"{"case":1,"channel":"w","expect":{"reply":{"data":{"x":1,"id":{"$match":"uuid"}}},"tasks":{"m":"skipped"}}}"#,
        ])

        let run = try RunningWeir.command(["test", folder.path, "--update"])
        let text = try folder.read("x.case.json").filter { !$0.isWhitespace }

        #expect(run.code == 0, "\(run)")
        #expect(
            text.hasSuffix(
                #""expect":{"reply":{"data":{"x":2,"id":{"$match":"uuid"}}},"tasks":{"m":"executed"}}}"#), "\(text)")
    }

    @Test(arguments: [
        (#"{"case":2,"channel":"w"}"#, "the version of the format"), (#"{"case":1}"#, "Give one of"),
        (#"{"case":1,"channel":"w","workflow":"w"}"#, "Give one of"),
        (#"{"case":1,"channel":"w","expects":{}}"#, "expects"),
        (#"{"case":1,"channel":"w","expect":{"task":{}}}"#, "expect.task"), (#"[1"#, "is not JSON"),
        (#"{"case":1,"channel":"w","clock":"noon"}"#, "clock"),
        (#"{"case":1,"channel":"w","expect":{"reply":{"a":{"$match":"uid"}}}}"#, "expect.reply.a"),
    ])
    func `a case with a slip is not run, and the slip is named`(text: String, hint: String) throws {
        let folder = try Folder([
            "w.json": Self.workflow(Client.map("m", "data.x", "1")), "c.json": Self.channel, "slip.case.json": text,
        ])

        let run = try RunningWeir.command(["test", folder.path])

        #expect(run.code == 1 && run.errors.contains("slip.case.json") && run.errors.contains(hint), "\(run)")
    }

    @Test func `a definition with a slip runs no case`() throws {
        let folder = try Folder([
            "w.json": Self.workflow(Client.task("m", "mapp", "{}")), "c.json": Self.channel,
            "x.case.json": #"{"case":1,"channel":"w"}"#,
        ])

        let run = try RunningWeir.command(["test", folder.path])
        let empty = try RunningWeir.command(["test", folder.path + "/nowhere"])

        #expect(run.code == 1 && run.errors.contains("w.json") && run.errors.contains("tasks[0].function.name"))
        #expect(empty.code == 1 && empty.errors.contains("There is no folder"))
    }

    @Test func `connectors in files go live with the rest, and cases do not disturb`() throws {
        let upstream = try Upstream { _ in .reply(status: 200, body: #"{"name":"seven"}"#) }
        let folder = try Self.calling()
        try folder.write("up.json", Self.connector(upstream.url).replacing("env://CASE_TOKEN", with: "env://PATH"))
        let weir = try RunningWeir()
        let started = try RunningWeir(arguments: ["--apply", folder.path])

        let dry = try weir.command(["apply", "-f", folder.path, "--dry-run"])
        let first = try weir.command(["apply", "-f", folder.path])
        let again = try weir.command(["apply", "-f", folder.path, "-o", "json"])
        let reply = try Client(weir.port).call("POST", "\(Client.data)/w", #"{"id":7}"#)
        let other = try Client(started.port).call("POST", "\(Client.data)/w", #"{"id":7}"#)

        #expect(dry.code == 5 && first.code == 0, "\(dry) \(first)")
        let actions = (again.object["changes"] as? [[String: Any]])?.map { $0["action"] as? String }
        #expect(actions == ["unchanged", "unchanged", "unchanged"], "\(again)")
        #expect((reply.data["reply"] as? [String: Any])?["name"] as? String == "seven")
        #expect((other.data["reply"] as? [String: Any])?["name"] as? String == "seven")
    }

    @Test func `the document on testing works as it is printed`() throws {
        let text = try String(
            contentsOf: Self.root.appendingPathComponent("docs/testing-workflows.md"), encoding: .utf8)
        let folder = try Folder([:])
        for match in text.matches(of: /(?s)`shipping\/([a-z.-]+)`:\n\n```json\n(.*?)```/) {
            try folder.write(String(match.1), String(match.2))
        }
        let commands = try #require(text.firstMatch(of: /(?s)```\n(weir test .*?)```/)).1.split(separator: "\n")

        for command in commands {
            let line = "\(RunningWeir.binary.path) \(command.dropFirst(5).replacing("shipping", with: folder.path))"
            let run = try RunningWeir.command(["-c", line], program: URL(fileURLWithPath: "/bin/sh"))
            #expect(run.code == 0 && run.output.contains("0 failed"), "\(line): \(run)")
        }
        #expect(commands.count == 3)
    }
}
