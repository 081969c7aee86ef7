import Foundation
import RealServices
import Testing

/// What a start checks, and how a stop is asked for.
@Suite struct StartScenarios {
    private static func key(_ digits: String) -> String {
        "storage.connector_encryption_key=\(String(repeating: digits, count: 32))"
    }

    private static func refusal(_ arguments: [String]) throws -> CommandRun {
        try RunningWeir.command(["serve", "--port", "0"] + arguments)
    }

    @Test func `a second ask ends the drain`() throws {
        let weir = try RunningWeir(["server.shutdown_drain_secs=60"])
        weir.send(signal: SIGTERM)
        #expect(RunningWeir.eventually { weir.logLines.last?["message"] as? String == "stopping" })
        // The first second is for those who tell of the same Ctrl-C.
        let began = Date.now
        while weir.isRunning, Date.now < began + 20 {
            weir.send(signal: SIGINT)
            _ = try? Client(weir.port).call("GET", "/healthz")
        }
        #expect(weir.waitForExit() == 1 && Date.now < began + 20)
        #expect(weir.logLines.contains { ($0["message"] as? String ?? "").contains("a second time") })
    }

    @Test func `an instance with another key for the secrets does not join the others`() throws {
        let url = try RealPostgres.shared().makeDatabase()
        let first = try RunningWeir([Self.key("5a")], storageURL: url)
        let client = Client(first.port)
        let connector =
            #"{"id":"h","name":"h","connector_type":"http","config":{"url":"http://h.test","auth":{"type":"bearer","token":"t"}}}"#
        #expect(try client.call("POST", "\(Client.admin)/connectors", connector).status == 201)

        let refused = try Self.refusal(["--storage-url", url, "--set", Self.key("5b")])
        #expect(refused.code == 1 && refused.description.contains("storage.connector_encryption_key"), "\(refused)")
        let view = try client.call("GET", "\(Client.admin)/cluster").object["data"] as? [String: Any]
        let live = (view?["instances"] as? [[String: Any]] ?? []).filter { $0["state"] as? String == "live" }
        #expect(live.count == 1, "it left when it could not start")

        // Alone, it starts and says what is wrong, so that somebody can mend it.
        first.send(signal: SIGTERM)
        _ = first.waitForExit()
        let alone = try RunningWeir([Self.key("5b")], storageURL: url)
        let status =
            try Client(alone.port).call("GET", "\(Client.admin)/engine/status").object["data"] as? [String: Any]
        let issues = status?["load_issues"] as? [[String: Any]] ?? []
        #expect(issues.first?["connector_id"] as? String == "h", "\(issues)")
        #expect(alone.logLines.contains { $0["message"] as? String == "a connector does not load" })
    }

    @Test func `a start whose port is taken leaves the cluster at once`() throws {
        let url = try RealPostgres.shared().makeDatabase()
        let first = try RunningWeir([Self.key("5a")], storageURL: url)

        let refused = try RunningWeir.command(
            ["serve", "--port", "\(first.port)", "--storage-url", url, "--set", Self.key("5a")])
        let view = try Client(first.port).call("GET", "\(Client.admin)/cluster").object["data"] as? [String: Any]

        #expect(refused.code == 1 && refused.description.contains("is taken by another program"))
        #expect((view?["instances"] as? [Any])?.count == 1, "\(view ?? [:])")
    }

    @Test func `what is applied at the start is found in folders of folders, and none is an error`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-apply-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let inside = folder.appendingPathComponent("a/b")
        try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
        let empty = try Self.refusal(["--storage-url", "memory:", "--apply", folder.path])
        let workflow = #"{"workflow_id":"w","name":"w","tasks":[\#(Client.parse)]}"#
        try Data(workflow.utf8).write(to: inside.appendingPathComponent("w.json"))

        let weir = try RunningWeir(arguments: ["--apply", folder.path])

        #expect(empty.code != 0 && empty.description.contains("no .json file"), "\(empty)")
        #expect(try Client(weir.port).call("GET", "\(Client.admin)/workflows/w").status == 200)
    }

    /// Threads that open connections are still there when the process ends.
    @Test func `a start that its database turns away ends with a sentence, each time`() throws {
        let server = try RealPostgres(isSecured: true)
        defer { server.stop(.leaving) }
        let url = "postgres://nobody:secret-4@127.0.0.1:\(server.port)/postgres?sslmode=require"
        for _ in 0..<15 {
            let refused = try Self.refusal(["--storage-url", url, "--set", Self.key("5a")])
            #expect(refused.code == 1, "\(refused)")
            #expect(refused.description.contains("cannot be used") && !refused.description.contains("secret-4"))
        }
    }

    /// What is not encoded is taken apart in the wrong place, and would be named as a host or a port.
    @Test(arguments: [
        "postgres://weir:p@ssHidden/x@127.0.0.1:1/d", "postgres://u:12@34:HIDDEN@h:5/d", "mysql://u:p@ssHidden/x@h/d",
    ])
    func `a password that is not encoded is not quoted`(url: String) throws {
        let refused = try Self.refusal(["--storage-url", url, "--set", Self.key("5a")])

        #expect(refused.code == 1 && !refused.description.lowercased().contains("hidden"), "\(refused)")
        #expect(refused.description.contains("percent-encoded") || url.hasPrefix("mysql"))
    }
}
