import Foundation
import Testing

/// Definitions of every kind, moved between servers and out of files.
@Suite struct ImportScenarios {
    private static let connectors = "\(Client.admin)/connectors"

    private func connector(_ url: String, token: String = "s3cret") -> String {
        #"{"name":"up","connector_type":"http","config":{"url":"\#(url)","auth":{"type":"bearer","token":"\#(token)"}}}"#
    }

    private func actions(_ reply: Client.Reply) -> [String] {
        ((reply.data["results"] as? [[String: Any]]) ?? []).compactMap { $0["action"] as? String }
    }

    @Test func `connectors are imported as a conflict is to be met`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        func load(_ body: String, _ query: String = "") throws -> Client.Reply {
            try client.call("POST", "\(Self.connectors)/import\(query)", "[\(body)]")
        }
        let dry = try load(connector("http://a"), "?dry_run=true")
        let none = try client.call("GET", Self.connectors).object["total"] as? Int
        let made = try load(connector("http://a"))
        let same = try load(connector("http://a"))
        let conflict = try load(connector("http://b"))
        let skipped = try load(connector("http://b"), "?on_conflict=skip")
        let replaced = try load(connector("http://b"), "?on_conflict=new_version")
        let secret = try load(connector("http://b", token: "another"), "?on_conflict=new_version")
        let unknown = try load(connector("http://b"), "?on_conflict=maybe")
        let mixed = try load(
            connector("ftp://b") + "," + #"{"name":"c","connector_type":"cache","config":{"backend":"memory"}}"#)

        #expect(actions(dry) == ["created"] && none == 0)
        #expect(actions(made) == ["created"] && actions(same) == ["unchanged"], "\(made) \(same)")
        #expect(actions(conflict) == ["failed"] && actions(skipped) == ["skipped"])
        #expect(actions(replaced) == ["updated"] && actions(secret) == ["updated"])
        #expect(unknown.status == 400 && unknown.code == "VALIDATION_ERROR")
        #expect(actions(mixed) == ["failed", "created"] && mixed.data["failed"] as? Int == 1)
        #expect(
            ((mixed.data["errors"] as? [[String: Any]])?.first?["error"] as? String)?.contains("config.url") == true)
    }

    @Test func `what one server exports another imports, but for the secrets`() throws {
        let target = try RunningWeir()
        let source = try RunningWeir()
        let client = Client(source.port)
        _ = try client.call("POST", Self.connectors, connector("http://a"))
        _ = try client.call(
            "POST", Self.connectors,
            #"{"name":"ref","connector_type":"http","config":{"url":"http://a","auth":{"type":"bearer","token":"env://TOKEN"}}}"#
        )
        let export = try client.call("GET", "\(Self.connectors)/export")
        let list = export.object["data"] as? [Any] ?? []
        // The array as it stands in the reply: another writer might order the fields in another way.
        let body = String(String(decoding: export.body, as: UTF8.self).dropFirst(#"{"data":"#.count).dropLast())

        let back = try client.call("POST", "\(Self.connectors)/import", body)
        let elsewhere = try Client(target.port).call("POST", "\(Self.connectors)/import", body)

        #expect(!body.contains("s3cret") && list.count == 2)
        #expect(actions(back) == ["unchanged", "unchanged"], "\(String(decoding: back.body, as: UTF8.self))")
        #expect(actions(elsewhere) == ["failed", "created"])
        #expect(
            ((elsewhere.data["errors"] as? [[String: Any]])?.first?["error"] as? String)?.contains("config.auth.token")
                == true)
    }

    @Test func `files with connectors and keys are applied once`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let folder = weir.folder.appendingPathComponent("files")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        func write(_ name: String, _ text: String) throws {
            try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        try write("up.connector.json", connector("http://a"))
        try write(
            "ask.workflow.json",
            #"{"workflow_id":"ask","name":"ask","tasks":[\#(Client.task("c", "http_call", #"{"connector":"up"}"#))]}"#)
        try write(
            "ask.channel.json",
            #"{"channel_id":"ask","name":"ask","channel_type":"sync","protocol":"rest","workflow_id":"ask","config":{"auth":{"mode":"api_key","keys":["k-1"]}}}"#
        )
        func apply(_ more: String...) throws -> (Int32, [String]) {
            let run = try weir.command(["apply", "-f", folder.path, "-o", "json"] + more)
            return (run.code, (run.object["changes"] as? [[String: Any]] ?? []).compactMap { $0["action"] as? String })
        }
        let first = try apply()
        let again = try apply()
        try write("up.connector.json", connector("http://a", token: "new"))
        try write(
            "ask.channel.json",
            #"{"channel_id":"ask","name":"ask","channel_type":"sync","protocol":"rest","workflow_id":"ask","config":{"auth":{"mode":"api_key","keys":["k-2"]}}}"#
        )
        let dry = try apply("--dry-run")
        let changed = try apply()
        let shown = try weir.command(["apply", "-f", folder.path])
        _ = try client.call(
            "POST", Self.connectors,
            #"{"id":"old","name":"old","connector_type":"cache","config":{"backend":"memory"}}"#)
        let pruned = try apply("--prune")

        #expect(first == (0, ["created", "created", "created"]), "\(shown)")
        #expect(again == (0, ["unchanged", "unchanged", "unchanged"]))
        #expect(dry == (5, ["updated", "unchanged", "updated"]), "\(dry)")
        #expect(changed == (0, ["updated", "unchanged", "updated"]))
        #expect(!shown.output.contains("k-2") && shown.output.contains("3 definitions, 0 changed"), "\(shown)")
        #expect(pruned == (0, ["unchanged", "unchanged", "unchanged", "deleted"]), "\(pruned)")
        #expect(try client.call("GET", "\(Self.connectors)/export").object["data"] as? [Any] != nil)
        #expect(
            try client.call("POST", "\(Client.data)/ask", "{}", headers: ["Authorization: Bearer k-1"]).status == 401)
        #expect(
            try client.call("POST", "\(Client.data)/ask", "{}", headers: ["Authorization: Bearer k-2"]).status == 500)
    }

    @Test func `what a server is started with is live, sealed and applied once`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-apply-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let task = Client.task("c", "http_call", #"{"connector":"up"}"#)
        try """
        [{"channel_id":"ask","name":"ask","channel_type":"sync","protocol":"rest","workflow_id":"ask",
          "config":{"auth":{"mode":"api_key","keys":["plain-key"]}}},
         {"workflow_id":"ask","name":"ask","tasks":[\(task)]}, \(connector("http://127.0.0.1:1", token: "plain-token"))]
        """.write(to: folder.appendingPathComponent("all.json"), atomically: true, encoding: .utf8)
        let weir = try RunningWeir(arguments: ["--apply", folder.path])
        func look() throws -> (Int?, Int) {
            let client = Client(weir.port)
            let version = try client.call("GET", "\(Client.admin)/channels/ask").data["version"] as? Int
            let key = ["Authorization: Bearer plain-key"]
            return (version, try client.call("POST", "\(Client.data)/ask", "{}", headers: key).status)
        }
        let first = try look()
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        try weir.start()
        let again = try look()
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let stored = String(
            decoding: try Data(contentsOf: weir.folder.appendingPathComponent("weir.db")), as: UTF8.self)

        #expect(first == (1, 500) && again == (1, 500), "\(first) \(again)")
        #expect(!stored.contains("plain-key") && !stored.contains("plain-token"))
    }
}
