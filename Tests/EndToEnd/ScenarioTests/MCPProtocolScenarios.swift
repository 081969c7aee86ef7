import Foundation
import Testing

/// The Model Context Protocol itself: versions, messages, transports, and what is refused how.
@Suite struct MCPProtocolScenarios {
    @Test func `client and server agree on a version`() throws {
        let weir = try RunningWeir()
        let client = MCPClient(weir.port)

        for (asked, agreed) in [
            ("2025-06-18", "2025-06-18"), ("2025-03-26", "2025-03-26"), ("2024-11-05", "2024-11-05"),
            ("2025-11-25", "2025-11-25"), ("2099-01-01", "2025-11-25"),
        ] {
            let greeting = try client.result(
                "initialize",
                ["protocolVersion": asked, "capabilities": [:], "clientInfo": ["name": "t", "version": "1"]])
            #expect(greeting["protocolVersion"] as? String == agreed)
            #expect((greeting["serverInfo"] as? [String: Any])?["name"] as? String == "weir")
            let tools = (greeting["capabilities"] as? [String: Any])?["tools"] as? [String: Any]
            #expect(tools?["listChanged"] as? Bool == false)
        }
        let noted = try client.post(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        #expect(noted.status == 202 && noted.body.isEmpty)
        #expect(try client.result("ping").isEmpty)
        let other = try client.post(
            #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, more: ["MCP-Protocol-Version: 1999-01-01"])
        #expect(other.status == 400)
    }

    @Test func `nonsense gets the right code and breaks nothing`() throws {
        let weir = try RunningWeir()
        let client = MCPClient(weir.port)
        for (text, code, status) in [
            ("{", -32700, 400), ("", -32700, 400), ("nonsense", -32700, 400), ("\u{1}", -32700, 400),
            ("1", -32600, 400), ("null", -32600, 400), ("\"x\"", -32600, 400), ("{}", -32600, 400),
            (#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600, 400),
            (#"{"jsonrpc":"2.0","id":1}"#, -32600, 400), (#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600, 400),
            (#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, 400),
            (#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600, 400), ("[]", -32600, 400),
            (#"{"jsonrpc":"2.0","id":1,"method":"nope"}"#, -32601, 200),
            (#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#, -32601, 200),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#, -32602, 200),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}"#, -32602, 200),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":7}}"#, -32602, 200),
            (#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, -32602, 200),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32602, 200),
            (#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nope"}}"#, -32602, 200),
            (
                #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"engine_status","arguments":[]}}"#,
                -32602, 200
            ),
            (String(repeating: "[", count: 100_000), -32700, 400),
        ] {
            let reply = try client.post(text)
            let error = reply.object["error"] as? [String: Any]
            #expect(error?["code"] as? Int == code && reply.status == status, "\(text.prefix(80)): \(reply)")
        }
        #expect(try client.post(#"{"jsonrpc":"2.0","id":1,"result":{}}"#).status == 202)
        #expect(try client.post(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#).status == 202)
        let text = try client.post(#"{"jsonrpc":"2.0","id":"a\"b","method":"ping"}"#)
        #expect(text.object["id"] as? String == "a\"b")
        #expect(try client.result("ping").isEmpty)
    }

    @Test func `an old client may send several messages at once, a new one may not`() throws {
        let weir = try RunningWeir()
        let client = MCPClient(weir.port)
        let batch =
            #"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":2,"method":"nope"},7]"#

        let old = try client.post(batch, more: ["MCP-Protocol-Version: 2025-03-26"])
        let new = try client.post(batch, more: ["MCP-Protocol-Version: 2025-06-18"])
        let quiet = try client.post(#"[{"jsonrpc":"2.0","method":"notifications/initialized"}]"#)

        let answers = old.json as? [[String: Any]] ?? []
        #expect(answers.count == 3 && answers[0]["result"] != nil)
        #expect((answers[1]["error"] as? [String: Any])?["code"] as? Int == -32601)
        #expect((answers[2]["error"] as? [String: Any])?["code"] as? Int == -32600)
        #expect(new.status == 400 && (new.object["error"] as? [String: Any])?["code"] as? Int == -32600)
        #expect(quiet.status == 202)
    }

    @Test func `the door itself is guarded`() throws {
        let weir = try RunningWeir([
            "cors.allowed_origins=https://inspector.example", "server.max_admin_body_size=4096",
            "admin_auth.api_keys=k",
        ])
        let client = Client(weir.port)
        let ping = #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
        func status(_ headers: [String], _ body: String = ping) throws -> Int {
            try client.call("POST", "/mcp", body, headers: headers + ["Authorization: Bearer k"]).status
        }

        #expect(try status([]) == 200)
        #expect(try status(["Origin: https://inspector.example"]) == 200)
        #expect(try status(["Origin: http://localhost:6274"]) == 200)
        for origin in ["https://evil.example", "null", "https://inspector.example.evil.example"] {
            #expect(try status(["Origin: \(origin)"]) == 403, "\(origin)")
        }
        for method in ["GET", "DELETE", "PUT"] {
            let reply = try client.call(method, "/mcp", headers: ["Authorization: Bearer k"])
            #expect(reply.status == 405 && reply.header("allow") == "POST", "\(method)")
        }
        #expect(try status([], String(repeating: " ", count: 5000)) == 413)
        let form = Array(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k\r\nContent-Type: text/plain\r\nContent-Length: \(ping.utf8.count)\r\n\r\n\(ping)"
                .utf8)
        #expect(Client(weir.port).exchange(form)?.status == 415)
        let closed = try RunningWeir(["mcp.enabled=false"])
        #expect(try Client(closed.port).call("POST", "/mcp", ping).status == 404)
    }

    @Test func `pages of tools end where they should, whatever the number`() throws {
        let weir = try RunningWeir()
        let client = MCPClient(weir.port)
        let names = (0..<60).map { "tool-\($0)" }
        let admin = Client(weir.port)
        _ = try client.call("save_draft", ["kind": "workflow", "definition": MCPScenarios.workflow])
        _ = try client.call("activate", ["kind": "workflow", "id": "greet"])
        let channels = names.map { name in
            #"{"channel_id":"\#(name)","name":"\#(name)","channel_type":"sync","protocol":"rest","workflow_id":"greet","config":{"mcp":{"enabled":true}}}"#
        }
        _ = try admin.call("POST", "\(Client.admin)/channels/import", "[" + channels.joined(separator: ",") + "]")
        for name in names {
            _ = try admin.call("PATCH", "\(Client.admin)/channels/\(name)/status", #"{"status":"active"}"#)
        }

        let first = try client.result("tools/list")
        let all = try client.tools().compactMap { $0["name"] as? String }

        #expect((first["tools"] as? [Any])?.count == 50 && first["nextCursor"] as? String != nil)
        #expect(all.count == 74 && Set(all).count == 74 && all == all.sorted())
    }

    @Test(arguments: [
        ("{\"enabled\":\"yes\"}", "config.mcp.enabled"), ("{}", "config.mcp.enabled"), ("[]", "config.mcp"),
        ("{\"enabled\":true,\"input_schema\":{\"type\":\"array\"}}", "config.mcp.input_schema"),
        ("{\"enabled\":true,\"descripton\":\"x\"}", "config.mcp.descripton"),
    ])
    func `a channel that describes its tool badly is refused`(config: String, path: String) throws {
        let weir = try RunningWeir()
        let reply = try Client(weir.port).call(
            "POST", "\(Client.admin)/channels/validate",
            #"{"name":"x","channel_type":"sync","protocol":"rest","config":{"mcp":\#(config)}}"#)

        let errors = reply.data["errors"] as? [[String: Any]]
        #expect(errors?.first?["path"] as? String == path, "\(errors ?? [])")
    }

    @Test func `the same over standard input and output`() throws {
        let weir = try RunningWeir(["admin_auth.api_keys=k"])
        let messages = [
            #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#,
            #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "",
            #"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#, "no json",
            #"{"jsonrpc":"2.0","id":"three","method":"tools/call","params":{"name":"engine_status"}}"#,
        ].map { $0 + "\n" }.joined()
        let server = "http://127.0.0.1:\(weir.port)"

        let run = try RunningWeir.command(["mcp", "--server", server, "--key", "k"], input: messages)
        let wrong = try RunningWeir.command(["mcp", "--server", server, "--key", "no"], input: messages)
        let alone = try RunningWeir.command(["mcp", "--server", "http://127.0.0.1:1"], input: messages)

        let answers = run.output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        func answer(_ id: AnyHashable?) -> [String: Any]? { answers.first { $0["id"] as? AnyHashable == id } }
        #expect(run.code == 0 && answers.count == 4, "\(run)")
        #expect((answer(1)?["result"] as? [String: Any])?["protocolVersion"] as? String == "2025-06-18")
        #expect(((answer(2)?["result"] as? [String: Any])?["tools"] as? [Any])?.count == 14)
        let called = MCPClient.toolResult(answer("three")?["result"] as? [String: Any] ?? [:])
        #expect(!called.isError)
        #expect((answer(NSNull())?["error"] as? [String: Any])?["code"] as? Int == -32700)
        for (failed, code) in [(wrong, -32003), (alone, -32002)] {
            #expect(failed.code == 0 && failed.output.split(separator: "\n").count == 4, "\(failed)")
            #expect(failed.output.contains("\"code\":\(code)"), "\(failed)")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a client that waits for each answer gets it while its input is open`() throws {
        let weir = try RunningWeir()
        let command = try weir.start(command: ["mcp"], takesInput: true)

        for id in 1...20 {
            let method = id % 2 == 0 ? "tools/list" : "ping"
            try command.write("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"method\":\"\(method)\"}")
            #expect(command.readLine().hasPrefix("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\""))
        }

        #expect(try command.finish() == 0)
    }
}
