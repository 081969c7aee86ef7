import Foundation
import Testing

/// What an AI client can do with a server, and what it cannot.
@Suite struct MCPScenarios {
    static var workflow: [String: Any] {
        [
            "workflow_id": "greet", "name": "Greet",
            "tasks": [
                [
                    "id": "p", "name": "p",
                    "function": ["name": "parse_json", "input": ["source": "payload", "target": "in"]],
                ],
                [
                    "id": "m", "name": "m",
                    "function": [
                        "name": "map",
                        "input": ["mappings": [["path": "data.hello", "logic": ["var": "data.in.name"]]]],
                    ],
                ],
            ],
        ]
    }

    private static func channel(_ config: [String: Any] = [:]) -> [String: Any] {
        [
            "channel_id": "greet", "name": "greet", "channel_type": "sync", "protocol": "rest", "workflow_id": "greet",
            "description": "Says hello.",
            "config": config.merging([
                "mcp": [
                    "enabled": true,
                    "input_schema": [
                        "type": "object", "properties": ["name": ["type": "string"]], "required": ["name"],
                    ],
                ]
            ]) { $1 },
        ]
    }

    @Test func `an AI client drafts and tests, and a full key makes it live and a tool`() throws {
        let weir = try RunningWeir()
        let admin = Client(weir.port)
        let full = try KeyScenarios.make(admin, "full").key
        let drafterKey = try KeyScenarios.make(admin, "draft", with: full)
        let drafter = MCPClient(weir.port, key: drafterKey.key)
        let owner = MCPClient(weir.port, key: full)

        let functions = try drafter.call("list_functions", ["name": "parse_json"])
        var wrong = Self.workflow
        wrong["tasks"] = [["id": "p", "name": "p", "function": ["name": "parse_jsn", "input": [:]]]]
        let found = try drafter.call("validate_definition", ["kind": "workflow", "definition": wrong])
        let refused = try drafter.call("save_draft", ["kind": "workflow", "definition": wrong])
        let saved = try drafter.call("save_draft", ["kind": "workflow", "definition": Self.workflow])
        let again = try drafter.call("save_draft", ["kind": "workflow", "definition": Self.workflow])
        let tried = try drafter.call("test_workflow", ["id": "greet", "data": ["name": "Ada"]])
        _ = try drafter.call(
            "save_draft", ["kind": "channel", "definition": Self.channel(["tracing": ["mode": "sync"]])])
        let ready = try drafter.call("activate", ["kind": "workflow", "id": "greet", "dry_run": true])
        let denied = try drafter.call("activate", ["kind": "workflow", "id": "greet"])
        let before = try drafter.tools().compactMap { $0["name"] as? String }
        let missing = try drafter.ask("tools/call", ["name": "call_greet", "arguments": ["name": "Ada"]])
        let live = try ["workflow", "channel"].map { try owner.call("activate", ["kind": $0, "id": "greet"]) }
        let tool = try drafter.tools().first { $0["name"] as? String == "call_greet" } ?? [:]
        let greeted = try drafter.call("call_greet", ["name": "Ada"])

        #expect(functions.text.contains("parse_json") && !functions.text.contains("\"map\""))
        #expect(!found.isError && found.data["valid"] as? Bool == false && found.text.contains("parse_json"))
        #expect(refused.isError && refused.text.contains("parse_jsn"))
        #expect(saved.data["status"] as? String == "draft" && saved.data["version"] as? Int == 1, "\(saved)")
        #expect(again.data["version"] as? Int == 1)
        #expect((tried.data["output"] as? [String: Any])?["hello"] as? String == "Ada", "\(tried)")
        #expect(!ready.isError && ready.data["valid"] as? Bool == true)
        #expect(denied.isError && denied.code == "FORBIDDEN" && denied.text.contains("full key"))
        #expect(!before.contains("call_greet") && (missing["error"] as? [String: Any])?["code"] as? Int == -32602)
        #expect(live.allSatisfy { !$0.isError && $0.data["status"] as? String == "active" }, "\(live)")
        #expect(tool["description"] as? String == "Says hello.")
        #expect(((tool["inputSchema"] as? [String: Any])?["required"] as? [String]) == ["name"])
        #expect(!greeted.isError && greeted.data["hello"] as? String == "Ada", "\(greeted)")
        let traces = try drafter.call("list_traces", ["channel": "greet", "status": "completed"])
        let id = (traces.structure["data"] as? [[String: Any]])?.first?["id"] as? String ?? ""
        #expect(try drafter.call("get_trace", ["id": id]).data["channel"] as? String == "greet")
        // Everything is in the audit log under the client's own key.
        let audit =
            try admin.call(
                "GET", "\(Client.admin)/audit-logs?action=import", headers: KeyScenarios.bearer(full)
            ).object["data"] as? [[String: Any]]
        let principals = Set(audit?.compactMap { $0["principal"] as? String } ?? [])
        #expect(principals == [drafterKey.id], "\(audit ?? [])")
    }

    @Test func `every tool of the table answers, and says what is missing`() throws {
        let weir = try RunningWeir()
        let client = MCPClient(weir.port)
        let tools = try client.tools()
        #expect(tools.count == 14)

        for tool in tools {
            let name = tool["name"] as? String ?? ""
            let schema = tool["inputSchema"] as? [String: Any] ?? [:]
            let required = schema["required"] as? [String] ?? []
            #expect(schema["type"] as? String == "object" && (tool["description"] as? String)?.isEmpty == false)
            let bare = try client.call(name)
            #expect(bare.isError == !required.isEmpty, "\(name): \(bare.text)")
            for field in required { #expect(bare.text.contains("\"\(field)\""), "\(name): \(bare.text)") }
            let odd = try client.call(name, ["no_such_argument": 1])
            #expect(odd.isError && odd.code == "VALIDATION_ERROR")
            guard required == ["kind", "id"] || required == ["id"] else { continue }
            let none = try client.call(
                name, required.count == 2 ? ["kind": "workflow", "id": "a/../b?c"] : ["id": "a/../b"])
            #expect(none.isError && none.code == "NOT_FOUND", "\(name): \(none.text)")
        }
        #expect(try client.call("save_draft", ["kind": "connector", "definition": [:]]).code == "VALIDATION_ERROR")
        #expect(try !client.call("engine_status").isError)
    }

    @Test func `a channel as a tool passes the same gates as on the data plane`() throws {
        let weir = try RunningWeir()
        let admin = Client(weir.port)
        let work = Client.parse + "," + Client.map("m", "data.got", #"{"var":"data.in"}"#)
        func deploy(_ name: String, _ config: String, more: String = "") throws {
            try admin.deploy(
                name, tasks: work,
                channel: #"\#(more),"config":{"mcp":{"enabled":true,"description":"d"}\#(config)}"#)
        }
        try deploy("limited", #","rate_limit":{"requests_per_second":1,"burst":1}"#)
        try deploy("checked", #","validation_logic":{"==":[{"var":"data.ok"},true]}"#)
        try deploy("keyed", #","auth":{"mode":"api_key","keys":["channel-key"],"header":"X-Channel-Key"}"#)
        try deploy("whole", #","request":{"body_mode":"payload"}"#)
        try deploy("hidden", #","tracing":{"mode":"off"}"#)
        try deploy("routed", "", more: #","methods":["PUT"],"route_pattern":"/things/{id}""#)
        _ = try MCPClient(weir.port).call("save_draft", ["kind": "channel", "definition": Self.odd])
        _ = try MCPClient(weir.port).call("activate", ["kind": "channel", "id": "odd"])
        try admin.deploy("plain", tasks: work)
        try admin.deploy("off", tasks: work, channel: #","config":{"mcp":{"enabled":false}}"#)
        let client = MCPClient(weir.port)
        let keyed = MCPClient(weir.port, more: ["X-Channel-Key: channel-key"])

        let names = try client.tools().compactMap { $0["name"] as? String }.filter { $0.hasPrefix("call_") }
        let statuses = try (0..<2).map { _ in try client.call("call_limited").code }
        let odd = try #require(names.first { $0.hasPrefix("call_odd_name_x_") })

        #expect(
            names == names.sorted() && Set(names).isSuperset(of: ["call_limited", "call_whole"]) && names.count == 7)
        #expect(statuses == [nil, "RATE_LIMITED"])
        #expect(try client.call("call_checked", ["ok": false]).code == "VALIDATION_ERROR")
        #expect(try !client.call("call_checked", ["ok": true]).isError)
        #expect(try client.call("call_keyed").code == "UNAUTHORIZED" && !keyed.call("call_keyed").isError)
        // What looks like an envelope is the payload all the same.
        let got = try client.call("call_hidden", ["data": ["a": 1], "metadata": 2]).data["got"] as? [String: Any]
        #expect(got?["metadata"] as? Int == 2)
        let whole = try client.call("call_whole", ["a": 1])
        #expect((whole.data["got"] as? [String: Any])?["a"] as? Int == 1)
        #expect(try client.call("call_routed").code == "VALIDATION_ERROR")
        #expect(try !client.call("call_routed", ["id": 7]).isError)
        #expect(try !client.call(odd).isError)
        let counted = String(decoding: try admin.call("GET", "/metrics").body, as: UTF8.self)
        #expect(counted.contains("weir_messages_total{channel=\"checked\",status=\"ok\"} 1\n"))
        #expect(counted.contains("weir_rate_limit_rejections_total{scope=\"channel:limited\"} 1\n"))
    }

    /// A name that no tool can have.
    private static var odd: [String: Any] {
        [
            "channel_id": "odd", "name": "odd name/x", "channel_type": "sync", "protocol": "rest",
            "workflow_id": "whole", "config": ["mcp": ["enabled": true]],
        ]
    }

    @Test func `a permit is taken and given back`() throws {
        let weir = try RunningWeir()
        let admin = Client(weir.port)
        try admin.deploy(
            "slow", tasks: Client.task("s", "sleep", #"{"ms":1500}"#),
            channel: #","config":{"mcp":{"enabled":true},"backpressure":{"max_concurrent":1}}"#)
        let first = Client(weir.port)
        #expect(first.write(Client.request("POST", "\(Client.data)/slow", "{}")))
        let client = MCPClient(weir.port)

        // Held by the data plane; as long as it is, the tool is refused.
        var seen: [String?] = []
        let deadline = Date().addingTimeInterval(10)
        while seen.last != .some("SERVICE_UNAVAILABLE"), Date() < deadline {
            seen.append(try client.call("call_slow").code)
        }

        #expect(seen.last == .some("SERVICE_UNAVAILABLE"), "\(seen)")
        #expect(first.read()?.status == 200)
        #expect(try !client.call("call_slow").isError && !client.call("call_slow").isError)
    }

    @Test func `an async channel as a tool answers with its trace`() throws {
        let weir = try RunningWeir()
        let admin = Client(weir.port)
        let client = MCPClient(weir.port)
        let work: [String: Any] = Self.workflow
        var channel = Self.channel()
        channel["channel_type"] = "async"
        for (kind, definition) in [("workflow", work), ("channel", channel)] {
            _ = try client.call("save_draft", ["kind": kind, "definition": definition])
            _ = try client.call("activate", ["kind": kind, "id": "greet"])
        }

        let accepted = try client.call("call_greet", ["name": "Ada"])
        let id = try #require(accepted.structure["trace_id"] as? String)

        #expect(try TraceScenarios.wait(admin, id)["status"] as? String == "completed")
    }

    @Test func `whoever may only read lists, looks and calls nothing`() throws {
        let weir = try RunningWeir(["admin_auth.api_keys=full", "admin_auth.read_only_api_keys=look"])
        let owner = MCPClient(weir.port, key: "full")
        for (kind, definition) in [("workflow", Self.workflow), ("channel", Self.channel())] {
            _ = try owner.call("save_draft", ["kind": kind, "definition": definition])
            _ = try owner.call("activate", ["kind": kind, "id": "greet"])
        }
        let reader = MCPClient(weir.port, key: "look")

        #expect(try reader.tools().contains { $0["name"] as? String == "call_greet" })
        #expect(try !reader.call("get_definition", ["kind": "workflow", "id": "greet"]).isError)
        for (tool, arguments) in [
            ("save_draft", ["kind": "workflow", "definition": Self.workflow]), ("call_greet", ["name": "x"]),
            ("test_workflow", ["id": "greet"]), ("archive", ["kind": "workflow", "id": "greet"]),
        ] as [(String, [String: Any])] {
            #expect(try reader.call(tool, arguments).code == "FORBIDDEN", "\(tool)")
        }
        for key in [nil, "wrong"] {
            let reply = try MCPClient(weir.port, key: key).post(#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
            #expect(reply.status == 401 && reply.header("www-authenticate") == "Bearer")
        }
    }

    @Test func `the key comes as a bearer token or in the header of the settings, and no channel sees it`() throws {
        let weir = try RunningWeir(["admin_auth.api_keys=sesame", "admin_auth.header=X-Admin-Key"])
        let owner = MCPClient(weir.port, more: ["X-Admin-Key: sesame", "X-Mine: 1"])
        var workflow = Self.workflow
        workflow["tasks"] = [
            [
                "id": "m", "name": "m",
                "function": [
                    "name": "map",
                    "input": ["mappings": [["path": "data.seen", "logic": ["var": "metadata.headers"]]]],
                ],
            ]
        ]
        for (kind, definition) in [("workflow", workflow), ("channel", Self.channel())] {
            _ = try owner.call("save_draft", ["kind": kind, "definition": definition])
            _ = try owner.call("activate", ["kind": kind, "id": "greet"])
        }

        let seen = try owner.call("call_greet")
        let bearer = try MCPClient(weir.port, key: "sesame").call("call_greet")

        #expect(!seen.isError && !bearer.isError && seen.text.contains("x-mine"), "\(seen)")
        #expect(!seen.text.contains("sesame") && !bearer.text.contains("sesame"))
        #expect((seen.data["seen"] as? [String: Any])?["x-admin-key"] == nil)
        #expect((bearer.data["seen"] as? [String: Any])?["authorization"] == nil)
    }
}
