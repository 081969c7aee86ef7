import Foundation
import Testing

@Suite struct OperationScenarios {
    private static let securityHeaders = [
        "x-content-type-options", "x-frame-options", "content-security-policy", "referrer-policy", "permissions-policy",
    ]

    /// Both are asked for in the moment of the first line on standard output.
    @Test(arguments: [SIGTERM, SIGINT]) func `a stop in the moment of readiness is heeded, and clean`(signal: Int32)
        throws
    {
        let weir = try RunningWeir()
        for _ in 0..<5 {
            weir.send(signal: signal)
            #expect(weir.waitForExit() == 0)
            #expect(weir.logLines.last?["message"] as? String == "stopped")
            try weir.start()
        }
    }

    @Test func `every reply carries a request id and the security headers, refusals included`() throws {
        let weir = try RunningWeir(["admin_auth.api_keys=k"])
        let client = Client(weir.port)
        let paths = [
            ("GET", "/health"), ("GET", "/nothing"), ("GET", "\(Client.admin)/workflows"),
            ("POST", "\(Client.data)/none"), ("POST", "/health"),
        ]

        for (method, path) in paths {
            let reply = try client.call(method, path, headers: ["X-Request-ID: mine-7"])
            #expect(reply.header("x-request-id") == "mine-7", "\(path)")
            for header in Self.securityHeaders { #expect(reply.header(header) != nil, "\(path): \(header)") }
            guard reply.status >= 400 else { continue }
            #expect((reply.object["error"] as? [String: Any])?["request_id"] as? String == "mine-7", "\(path)")
        }
        let made = try client.call("GET", "/health").header("x-request-id") ?? ""
        #expect(UUID(uuidString: made) != nil)
    }

    @Test func `metrics count what happened, and promtool finds nothing wrong with them`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy(
            "counted", tasks: Client.map("m", "data.x", "1"),
            channel: #","config":{"rate_limit":{"requests_per_second":1,"burst":1}}"#)
        _ = try client.call("POST", "\(Client.data)/counted", "{}")
        _ = try client.call("POST", "\(Client.data)/counted", "{}")
        _ = try client.call("POST", "\(Client.data)/unknown", "{}")

        let reply = try client.call("GET", "/metrics")
        let text = String(decoding: reply.body, as: UTF8.self)

        #expect(text.contains("weir_messages_total{channel=\"counted\",status=\"ok\"} 1\n"))
        #expect(text.contains("weir_rate_limit_rejections_total{scope=\"channel:counted\"} 1\n"))
        #expect(text.contains("weir_errors_total{code=\"NOT_FOUND\"} 1\n"))
        #expect(text.contains("weir_http_requests_total{plane=\"data\",status=\"4xx\"} 2\n"))
        #expect(text.contains("weir_http_request_duration_seconds_count{plane=\"data\"} 3\n"))
        #expect(text.contains("weir_engine_reload_duration_seconds_bucket"))
        _ = try client.call("DELETE", "\(Client.admin)/channels/counted")
        let later = String(decoding: try client.call("GET", "/metrics").body, as: UTF8.self)
        #expect(!later.contains("channel=\"counted\""))
        let checked = try Tool.run(["promtool", "check", "metrics"], input: text)
        #expect(checked.status == 0 && checked.output.isEmpty, "\(checked)")
    }

    @Test func `metrics can be switched off`() throws {
        let weir = try RunningWeir(["metrics.enabled=false"])

        #expect(try Client(weir.port).call("GET", "/metrics").status == 404)
    }

    @Test func `limits of the platform and of an endpoint class come before any channel`() throws {
        let all = try RunningWeir(["rate_limit.enabled=true", "rate_limit.default_rps=1", "rate_limit.default_burst=2"])
        let client = Client(all.port)
        let statuses = try (0..<4).map { _ in try client.call("POST", "\(Client.data)/none", "{}").status }
        #expect(statuses == [404, 404, 404, 404] || statuses.contains(429))
        let admin = try (0..<4).map { _ in try client.call("GET", "\(Client.admin)/workflows") }
        let refused = try #require(admin.first { $0.status == 429 })
        #expect(refused.code == "RATE_LIMITED" && Int(refused.header("retry-after") ?? "") ?? 0 >= 1)
        #expect(refused.header("ratelimit-limit") != nil && refused.header("ratelimit-remaining") == "0")
        #expect(try client.call("GET", "/healthz").status == 200)

        let classes = try RunningWeir([
            "rate_limit.enabled=true", "rate_limit.default_rps=1000", "rate_limit.default_burst=1000",
            "rate_limit.endpoints.admin_rps=1",
        ])
        let other = Client(classes.port)
        let answers = try (0..<5).map { _ in try other.call("GET", "\(Client.admin)/workflows").status }
        #expect(answers.first == 200 && answers.last == 429)
        #expect(try other.call("POST", "\(Client.data)/none", "{}").status == 404)
    }

    @Test func `behind a trusted proxy the client it names counts, and nobody else's word does`() throws {
        // Without a key, the admin API would answer to nobody for whom a proxy asks.
        let settings = [
            "rate_limit.enabled=true", "rate_limit.default_rps=1", "rate_limit.default_burst=1",
            "admin_auth.api_keys=open-sesame",
        ]
        let trusting = try RunningWeir(settings + ["rate_limit.trusted_proxies=127.0.0.1"])
        let client = Client(trusting.port)
        func ask(_ client: Client, _ forwarded: String) throws -> Int {
            try client.call(
                "GET", "\(Client.admin)/workflows",
                headers: ["X-Forwarded-For: \(forwarded)", "Authorization: Bearer open-sesame"]
            ).status
        }

        #expect(try ask(client, "10.0.0.1") == 200)
        #expect(try ask(client, "10.0.0.2") == 200)
        #expect(try ask(client, "10.0.0.1") == 429)
        #expect(try ask(client, "6.6.6.6, 10.0.0.1") == 429)
        let weir = try RunningWeir(settings)
        let direct = Client(weir.port)
        #expect(try ask(direct, "10.0.0.1") == 200)
        #expect(try ask(direct, "10.0.0.2") == 429)
    }

    @Test func `without a key nobody elsewhere uses the admin API, through whatever proxy`() throws {
        for settings in [["rate_limit.trusted_proxies=127.0.0.1"], []] {
            let weir = try RunningWeir(settings)
            let client = Client(weir.port)
            func ask(_ forwarded: String) throws -> Int {
                try client.call("GET", "\(Client.admin)/workflows", headers: ["X-Forwarded-For: \(forwarded)"]).status
            }

            #expect(try ask("192.0.2.2") == 403 && ask("127.0.0.1") == 200)
            withExtendedLifetime(weir) {}
        }
    }

    @Test func `the file, the environment and flags set the server up, the later over the earlier`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("weir.toml")
        try "[server]\nport = 1111\nthreads = 3\n[queue]\nworkers = 9\n".write(
            to: file, atomically: true, encoding: .utf8)

        let shown = try RunningWeir.command(
            ["config", "print", "-c", file.path, "--port", "3333"],
            environment: ["WEIR_SERVER__PORT": "2222", "WEIR_SERVER__THREADS": "4"])

        #expect(shown.output.contains("server.port = 3333") && shown.output.contains("server.threads = 4"))
        #expect(shown.output.contains("queue.workers = 9"))
    }

    @Test(arguments: [
        ["--host", "0.0.0.0"], ["--set", "environment=production"], ["--set", "server.nope=1"],
        ["--set", "queue.workers=0"],
        ["--storage-url", "mongo://x"], ["-c", "/nowhere/weir.toml"],
    ])
    func `a server that would be unsafe or wrong does not start, and says why`(arguments: [String]) throws {
        let run = try RunningWeir.command(["serve", "--port", "0"] + arguments)

        #expect(run.code == 1, "\(run)")
        #expect(!run.errors.isEmpty)
    }

    @Test func `one instance serves the channels it is told to`() throws {
        let weir = try RunningWeir(["channels.include=orders.*", "channels.exclude=*.old"])
        let client = Client(weir.port)
        for name in ["orders.eu", "orders.old", "payments"] {
            try client.deploy(name, tasks: Client.map("m", "data.x", "1"))
        }

        #expect(try client.call("POST", "\(Client.data)/orders.eu", "{}").status == 200)
        #expect(try client.call("POST", "\(Client.data)/orders.old", "{}").status == 404)
        #expect(try client.call("POST", "\(Client.data)/payments", "{}").status == 404)
    }

    @Test func `what happened to a request is found by its id and its trace context`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("inner", tasks: Client.task("l", "log", #"{"message":"inside"}"#))
        try client.deploy(
            "logged",
            tasks: Client.task("l", "log", #"{"message":"here"}"#) + ","
                + Client.task("c", "channel_call", #"{"channel":"inner"}"#),
            channel: #","config":{"tracing":{"mode":"sync"}}"#)
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        let headers = ["traceparent: 00-\(trace)-00f067aa0ba902b7-01", "x-request-id: req-1"]

        _ = try client.call("POST", "\(Client.data)/logged", "{}", headers: headers)
        let accepted = try client.call("POST", "\(Client.data)/logged/async", "{}", headers: headers)
        let id = try #require(accepted.object["trace_id"] as? String)
        let read = try TraceScenarios.wait(client, id)
        let own = try client.call("POST", "\(Client.data)/logged/async", "{}", headers: ["traceparent: 00-nonsense"])
        let ownID = try #require(own.object["trace_id"] as? String)
        let ownTrace = try TraceScenarios.wait(client, ownID)
        let rows = try client.call("GET", "\(Client.admin)/traces?mode=sync").object["data"] as? [[String: Any]]

        #expect((read["traceparent"] as? String)?.contains(trace) == true)
        #expect((rows?.first?["traceparent"] as? String)?.contains(trace) == true)
        #expect((ownTrace["traceparent"] as? String)?.contains(ownID.replacing("-", with: "")) == true)
        let lines = weir.logLines.compactMap { $0["metadata"] as? [String: String] }.filter { $0["text"] != nil }
        let mine = lines.filter { $0["request_id"] == "req-1" && $0["trace_id"] == trace }
        #expect(mine.count { $0["text"] == "here" } == 2 && mine.count { $0["text"] == "inside" } == 2, "\(lines)")
    }

    @Test func `no route is undescribed, and every described route is there`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let document = try client.call("GET", "/api/v1/openapi.json").object
        let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
        let schemas = ((document["components"] as? [String: Any])?["schemas"] as? [String: Any]) ?? [:]
        var names: Set<String> = []

        for (path, methods) in paths {
            for (method, operation) in methods {
                let filled = path.replacing("{id}", with: "none").replacing("{channel}", with: "none")
                let body = operation["requestBody"] == nil ? nil : "{}"
                let reply = try client.call(method.uppercased(), filled, body)
                let message = (reply.object["error"] as? [String: Any])?["message"] as? String ?? ""
                #expect(reply.status != 405 && reply.status < 500, "\(method) \(path): \(reply.status)")
                #expect(message != "There is nothing at this path.", "\(method) \(path)")
                let name = operation["operationId"] as? String ?? ""
                #expect(!name.isEmpty && names.insert(name).inserted, "\(name) stands twice")
                #expect((operation["summary"] as? String)?.isEmpty == false)
                var success =
                    (operation["responses"] as? [String: [String: Any]])?.filter { $0.key != "default" } ?? [:]
                // Who waits for all instances may be told that some are behind.
                let waits = (operation["parameters"] as? [[String: Any]])?.contains { $0["name"] as? String == "wait" }
                if waits == true { #expect(success.removeValue(forKey: "202") != nil, "\(method) \(path)") }
                #expect(
                    success.count == 1 && (success["204"] != nil || success.first?.value["content"] != nil),
                    "\(method) \(path)")
            }
        }
        // Methods that a path does not have are refused with the list of those it has, which is the described one.
        for (path, methods) in paths where path.hasPrefix(Client.admin) {
            let reply = try client.call("TRACE", path.replacing("{id}", with: "none"))
            let allowed = Set(
                (reply.header("allow") ?? "").split(separator: ",").map {
                    $0.trimmingCharacters(in: .whitespaces).lowercased()
                })
            #expect(reply.status == 405 && allowed == Set(methods.keys), "\(path): \(allowed)")
        }
        let text = String(
            decoding: try JSONSerialization.data(withJSONObject: document, options: [.withoutEscapingSlashes]),
            as: UTF8.self)
        for reference in text.matches(of: #/"#\/components\/schemas\/([A-Za-z]+)"/#) {
            #expect(schemas[String(reference.1)] != nil, "there is no schema \(reference.1)")
        }
    }

    @Test func `a backup made under load holds what was there, and brings it back`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-backups-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let weir = try RunningWeir(["storage.backup_dir=\(folder.path)"])
        let client = Client(weir.port)
        try client.deploy("kept", tasks: Client.parse)
        let ids = try (0..<50).compactMap { _ in
            try client.call("POST", "\(Client.data)/kept/async", "{}").object["trace_id"] as? String
        }

        let made = try weir.command(["backup", "-o", "json"])
        let listed = try client.call("GET", "\(Client.admin)/backups").object["data"] as? [[String: Any]]
        try client.deploy("later", tasks: Client.parse)
        let path = made.object["path"] as? String ?? ""
        let running = try RunningWeir.command(["restore", path, "--storage-url", "sqlite:\(weir.folder.path)/weir.db"])
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let damaged = folder.appendingPathComponent("damaged.db")
        try Data("SQLite format 3 and nonsense".utf8).write(to: damaged)
        let refused = try RunningWeir.command([
            "restore", damaged.path, "--storage-url", "sqlite:\(weir.folder.path)/weir.db",
        ])
        let restored = try RunningWeir.command(["restore", path, "--storage-url", "sqlite:\(weir.folder.path)/weir.db"])
        try weir.start()
        let again = Client(weir.port)

        #expect(made.code == 0 && made.object["size_bytes"] as? Int ?? 0 > 0, "\(made)")
        #expect(listed?.first?["filename"] as? String == made.object["filename"] as? String)
        #expect(running.code == 1 && running.errors.contains("open"), "\(running)")
        #expect(refused.code == 1 && restored.code == 0, "\(refused) \(restored)")
        #expect(try again.call("POST", "\(Client.data)/kept", "{}").status == 200)
        #expect(try again.call("GET", "\(Client.admin)/channels/later").status == 404)
        for id in ids { #expect(try TraceScenarios.wait(again, id)["status"] as? String == "completed") }
        let memory = try RunningWeir(arguments: ["--storage-url", "memory:"])
        #expect(try Client(memory.port).call("POST", "\(Client.admin)/backups").status == 400)
    }

    @Test func `backups asked for at once do not take one another's place`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-backups-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let weir = try RunningWeir(["storage.backup_dir=\(folder.path)"])
        var made: [String] = []
        for _ in 0..<4 {
            let clients = (0..<4).map { _ in Client(weir.port) }
            for client in clients { #expect(client.write(Client.request("POST", "\(Client.admin)/backups"))) }
            let replies = clients.map { $0.read() }
            #expect(replies.allSatisfy { $0?.status == 201 || $0?.status == 409 }, "\(replies)")
            made += replies.filter { $0?.status == 201 }.compactMap { $0?.data["filename"] as? String }
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)

        #expect(!made.isEmpty && made.count == Set(made).count && Set(made) == Set(files), "\(made) \(files)")
        for file in [
            folder.path + "/" + (files.first ?? ""), weir.folder.path + "/weir.db", weir.folder.path + "/weir.db-wal",
        ] {
            let rights = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(rights == 0o600, "\(file)")
        }
    }

    @Test func `a hang-up of the terminal ends no server`() throws {
        let weir = try RunningWeir()
        weir.send(signal: SIGHUP)

        #expect(try Client(weir.port).call("GET", "/healthz").status == 200)
        #expect(weir.isRunning)
    }

    @Test func `a start that fails says why and what to do`() throws {
        let weir = try RunningWeir()
        let junk = weir.folder.appendingPathComponent("junk.db")
        try Data("this is no database, but it is long enough to be looked at".utf8).write(to: junk)
        func start(_ arguments: String...) throws -> CommandRun {
            try RunningWeir.command(["serve"] + arguments)
        }

        let taken = try start("--port", "\(weir.port)", "--storage-url", "memory:")
        let broken = try start("--port", "0", "--storage-url", "sqlite:\(junk.path)")
        let elsewhere = try start("--port", "0", "--storage-url", "memory:", "--set", "server.host=127.0.0.1.1")

        #expect(taken.code == 1 && taken.errors.contains(":\(weir.port) is taken by another program"), "\(taken)")
        #expect(
            broken.code == 1 && broken.errors.contains("junk.db` cannot be used: file is not a database"), "\(broken)")
        #expect(elsewhere.code != 0, "\(elsewhere)")
    }

    @Test func `ids that are words of the API are refused`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let workflow = try client.call(
            "POST", "\(Client.admin)/workflows",
            "{\"workflow_id\":\"export\",\"name\":\"x\",\"tasks\":[\(Client.parse)]}")
        let connector = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"id":"circuit-breakers","name":"x","connector_type":"cache","config":{"backend":"memory"}}"#)

        #expect(workflow.status == 400 && connector.status == 400)
    }
}
