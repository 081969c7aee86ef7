import Foundation
import RealServices
import Testing

/// `weir doctor` on healthy and on broken setups: what it says, and that it leaves everything as it is.
@Suite struct DoctorScenarios {
    private struct Report {
        var run: CommandRun
        var checks: [[String: Any]]

        init(_ run: CommandRun) {
            self.run = run
            checks = run.object["checks"] as? [[String: Any]] ?? []
        }

        func status(_ check: String) -> String? { find(check)?["status"] as? String }
        func text(_ check: String) -> String {
            "\(find(check)?["found"] as? String ?? "") \(find(check)?["advice"] as? String ?? "")"
        }
        private func find(_ check: String) -> [String: Any]? { checks.first { $0["check"] as? String == check } }
        var failed: [String] {
            checks.filter { $0["status"] as? String == "fail" }.compactMap { $0["check"] as? String }
        }
    }

    /// Enough files, whatever the machine's limit: what is looked at here is something else.
    private func doctor(
        _ arguments: [String], files: Int = 4096, environment: [String: String] = [:]
    ) throws -> Report {
        let line = ([RunningWeir.binary.path, "doctor", "-o", "json"] + arguments).map { "'\($0)'" }
        return Report(
            try RunningWeir.command(
                ["-c", "ulimit -n \(files); exec \(line.joined(separator: " "))"], environment: environment,
                program: URL(fileURLWithPath: "/bin/sh")))
    }

    private func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-doctor-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    private func files(_ folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func `all is well before the first start, and nothing is made`() throws {
        try withFolder { folder in
            let report = try doctor(["--storage-url", "sqlite:\(folder.path)/weir.db", "--port", "0"])

            #expect(report.run.code == 0 && report.run.object["ok"] as? Bool == true, "\(report.run)")
            #expect(report.status("storage.open") == "ok" && report.text("storage.open").contains("not there yet"))
            #expect(report.status("storage.fsync") != "fail" && report.text("storage.fsync").contains("µs"))
            #expect(report.status("clock.time") == "ok" && report.status("configuration") == "ok")
            #expect(try files(folder).isEmpty)
        }
    }

    @Test func `a server of a database on a server is seen, and what instances share is asked`() throws {
        let url = try RealPostgres.shared().makeDatabase()
        let redis = try RealRedis.shared().url
        let settings = [
            "storage.connector_encryption_key=\(String(repeating: "5a", count: 32))", "shared_state.url=\(redis)",
        ]
        let weir = try RunningWeir(settings, storageURL: url)
        let arguments = ["--storage-url", url, "--port", "\(weir.port)"]

        let good = try doctor(arguments + settings.flatMap { ["--set", $0] })
        let away = try doctor(
            arguments + ["--set", settings[0], "--set", "shared_state.url=redis://user:hidden-7@127.0.0.1:1/0"])
        _ = try RealPostgres.ask("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1", at: url)
        let changed = try doctor(arguments + settings.flatMap { ["--set", $0] })

        let reader = "reader_\(UUID().uuidString.prefix(8).lowercased())"
        _ = try RealPostgres.ask(
            "CREATE ROLE \(reader) LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(reader)", at: url)
        let reading = url.replacingOccurrences(of: "postgres@", with: "\(reader)@")
        let mayNot = try doctor(["--storage-url", reading, "--port", "0", "--set", settings[0]])

        #expect(good.failed.isEmpty, "\(good.run)")
        #expect(mayNot.failed == ["storage.schema"] && mayNot.text("storage.schema").contains("write"), "\(mayNot.run)")
        #expect(good.status("shared_state") == "ok" && good.text("network.port").contains("serves at"))
        #expect(away.failed == ["shared_state"] && !away.run.description.contains("hidden-7"), "\(away.run)")
        #expect(changed.failed == ["storage.schema"], "\(changed.run)")
    }

    @Test func `a running server is seen, read and left alone`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("kept", tasks: Client.parse, channel: #","config":{"tracing":{"mode":"sync"}}"#)
        _ = try client.call("POST", "\(Client.data)/kept", "{}")
        let url = ["--storage-url", "sqlite:\(weir.folder.path)/weir.db"]
        let before = try files(weir.folder)

        let report = try doctor(url + ["--port", "\(weir.port)"])
        let elsewhere = try doctor(["--storage-url", "sqlite:\(weir.folder.path)/other.db", "--port", "\(weir.port)"])

        #expect(report.failed.isEmpty, "\(report.run)")
        #expect(report.text("storage.server").contains("runs with this database"), "\(report.run)")
        #expect(report.text("network.port").contains("Weir 0.1.0 serves"))
        #expect(report.text("channels").contains("1 active") && report.status("storage.integrity") == "ok")
        #expect(elsewhere.failed == ["network.port"], "\(elsewhere.run)")
        #expect(try files(weir.folder) == before)
        #expect(try client.call("POST", "\(Client.data)/kept", "{}").status == 200)
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let stopped = try files(weir.folder)
        let after = try doctor(url + ["--port", "\(weir.port)"])
        #expect(after.failed.isEmpty && after.status("storage.server") == nil, "\(after.run)")
        #expect(after.text("network.port").contains("free"))
        #expect(try files(weir.folder) == stopped, "nothing is made beside a database that nobody has open")
    }

    @Test func `settings that are wrong are named, and the machine is looked at all the same`() throws {
        try withFolder { folder in
            let file = folder.appendingPathComponent("weir.toml")
            for (text, wanted) in [
                ("[server]\nprot = 1\n", "server.port"), ("[server\n", "not valid TOML"),
                ("[queue]\nworkers = \"many\"\n", "queue.workers"),
            ] {
                try text.write(to: file, atomically: true, encoding: .utf8)
                let report = try doctor(["-c", file.path])
                #expect(report.run.code == 1 && report.failed.contains("configuration"), "\(report.run)")
                #expect(report.text("configuration").contains(wanted), "\(report.run)")
                #expect(report.status("limits.files") != nil && report.status("clock.time") == "ok")
            }
            #expect(try doctor(["-c", "\(folder.path)/none.toml"]).failed == ["configuration"])
            let bare = try doctor([
                "--storage-url", "sqlite:\(folder.path)/weir.db", "--port", "0", "--set",
                "rate_limit.trusted_proxies=nonsense",
            ])
            #expect(bare.failed == ["configuration.serving"], "\(bare.run)")
        }
    }

    @Test func `a folder nobody can write to, and a file that is no database, fail`() throws {
        try withFolder { folder in
            let file = folder.appendingPathComponent("file")
            try "no folder".write(to: file, atomically: true, encoding: .utf8)
            try Data(repeating: 7, count: 8192).write(to: folder.appendingPathComponent("junk.db"))

            // Also root can make no file here.
            let unwritable = try doctor(["--storage-url", "sqlite:/proc/weir.db", "--port", "0"])
            let missing = try doctor(["--storage-url", "sqlite:\(file.path)/weir.db", "--port", "0"])
            let junk = try doctor(["--storage-url", "sqlite:\(folder.path)/junk.db", "--port", "0"])

            #expect(unwritable.run.code == 1 && unwritable.failed.contains("storage.fsync"), "\(unwritable.run)")
            #expect(missing.failed.contains("storage.fsync"))
            #expect(junk.failed == ["storage.open"], "\(junk.run)")
        }
    }

    @Test func `damage and a newer schema are found`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        for number in 0..<40 {
            try client.deploy(
                "filler\(number)", tasks: Client.map("m", "data.x", "\"\(String(repeating: "x", count: 900))\""))
        }
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let path = weir.folder.appendingPathComponent("weir.db")
        let whole = try Data(contentsOf: path)
        let arguments = ["--storage-url", "sqlite:\(path.path)", "--port", "0"]

        var newer = whole
        newer.replaceSubrange(60..<64, with: [0, 0, 0, 99])
        try newer.write(to: path)
        let tooNew = try doctor(arguments)
        var damaged = whole
        // The middle of the file: pages of the definitions.
        damaged.replaceSubrange(whole.count / 2..<whole.count / 2 + 20_000, with: Data(repeating: 0xA5, count: 20_000))
        try damaged.write(to: path)
        let broken = try doctor(arguments)

        #expect(tooNew.failed == ["storage.schema"], "\(tooNew.run)")
        #expect(
            broken.run.code == 1
                && (broken.failed.contains("storage.integrity") || broken.failed.contains("storage.open")),
            "\(broken.run)")
    }

    @Test func `too few open files fail, with the number to set`() throws {
        try withFolder { folder in
            let arguments = ["--storage-url", "sqlite:\(folder.path)/weir.db", "--port", "0"]
            let few = try doctor(arguments, files: 128)
            let some = try doctor(arguments, files: 1024)

            #expect(few.failed == ["limits.files"] && few.run.code == 1, "\(few.run)")
            #expect(few.text("limits.files").contains("10256"))
            #expect(some.status("limits.files") == "warn" && some.run.code == 0, "\(some.run)")
        }
    }

    @Test func `a key file that others can read fails, and so does a damaged one`() throws {
        let weir = try RunningWeir()
        let key = weir.folder.appendingPathComponent("weir.db.key").path
        let arguments = ["--storage-url", "sqlite:\(weir.folder.path)/weir.db", "--port", "0"]
        func mode(_ mode: Int) throws -> Report {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: key)
            return try doctor(arguments)
        }

        let closed = try mode(0o600)
        let group = try mode(0o640)
        let open = try mode(0o644)
        let file = weir.folder.appendingPathComponent("weir.toml")
        try "[admin_auth]\napi_keys = [\"\(String(repeating: "k", count: 40))\"]\n".write(
            to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        let told = try doctor(arguments + ["-c", file.path])
        try "nonsense".write(toFile: key, atomically: true, encoding: .utf8)
        let damaged = try doctor(arguments)

        #expect(closed.status("access.secret_key") == "ok" && closed.failed.isEmpty, "\(closed.run)")
        #expect(group.status("access.secret_key") == "warn" && group.run.code == 0)
        #expect(open.failed == ["access.secret_key"] && open.text("access.secret_key").contains("chmod 600"))
        #expect(told.status("access.configuration") == "warn" && told.status("access.admin_keys") == "ok")
        #expect(damaged.failed.contains("access.secret_key"), "\(damaged.run)")
    }

    @Test func `secrets that are not there and connectors that do not answer are named`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let secret = weir.folder.appendingPathComponent("secret")
        try "token".write(to: secret, atomically: true, encoding: .utf8)
        for (name, token) in [("by-env", "env://WEIR_DOCTOR_TEST_TOKEN"), ("by-file", "file://\(secret.path)")] {
            let config =
                #"{"type":"http","url":"http://127.0.0.1:1","allow_private_urls":true,"auth":{"type":"bearer","token":"\#(token)"}}"#
            let made = try client.call(
                "POST", "\(Client.admin)/connectors",
                #"{"id":"\#(name)","name":"\#(name)","connector_type":"http","config":\#(config)}"#)
            #expect(made.status == 201)
        }
        let arguments = ["--storage-url", "sqlite:\(weir.folder.path)/weir.db", "--port", "\(weir.port)"]

        let unset = try doctor(arguments)
        let environment = ["WEIR_DOCTOR_TEST_TOKEN": "t"]
        let set = try doctor(arguments, environment: environment)
        let asked = try doctor(arguments + ["--connect"], environment: environment)
        try FileManager.default.removeItem(at: secret)
        let gone = try doctor(arguments, environment: environment)

        #expect(unset.failed == ["connectors.by-env"], "\(unset.run)")
        #expect(unset.text("connectors.by-env").contains("WEIR_DOCTOR_TEST_TOKEN"))
        #expect(set.failed.isEmpty && set.text("connectors").contains("2 connectors"), "\(set.run)")
        #expect(asked.failed == ["reach.by-env", "reach.by-file"], "\(asked.run)")
        #expect(gone.failed == ["connectors.by-file"], "\(gone.run)")
        #expect(!asked.run.output.contains("\"token\""))
    }

    @Test func `a port that somebody else has is told from one that Weir has`() throws {
        try withFolder { folder in
            let upstream = try Upstream { _ in .reply(status: 200, body: "{}") }
            let report = try doctor([
                "--storage-url", "sqlite:\(folder.path)/weir.db", "--port", "\(upstream.port)",
            ])

            #expect(report.failed == ["network.port"], "\(report.run)")
            #expect(report.text("network.port").contains("no Weir"))
        }
    }

    @Test func `people get a table and what to do`() throws {
        try withFolder { folder in
            let run = try RunningWeir.command(
                [
                    "doctor", "--storage-url", "sqlite:\(folder.path)/weir.db", "--set", "admin_auth.api_keys=short",
                    "--port", "0",
                ])

            #expect(run.output.contains("access.admin_keys") && run.output.contains("weir keys create"), "\(run)")
            #expect(run.output.contains("failed,"))
        }
    }
}
