import Configuring
import Testing

@Suite struct SettingsReaderTests {
    private func read(
        _ file: String? = nil, environment: [String: String] = [:], flags: [(String, String)] = []
    ) throws -> Settings {
        try SettingsReader.read(
            file: file.map { ("weir.toml", $0) }, environment: environment,
            flags: flags.map { (key: $0.0, value: $0.1) })
    }

    private func message(
        _ file: String? = nil, environment: [String: String] = [:], flags: [(String, String)] = []
    ) -> String {
        do {
            _ = try read(file, environment: environment, flags: flags)
            return ""
        } catch { return "\(error)" }
    }

    @Test func `nothing at all is enough`() throws {
        #expect(try read() == Settings())
    }

    /// The sections and keys of the document this was asked for in.
    @Test func `the seed's file is read as it stands`() throws {
        let settings = try read(
            """
            [rate_limit]
            enabled = true
            default_rps = 100
            default_burst = 50
            [rate_limit.endpoints]
            admin_rps = 50
            data_rps = 200
            [queue]
            workers = 4
            buffer_size = 1000
            processing_timeout_ms = 60000
            max_result_size_bytes = 1048576
            max_queue_memory_bytes = 104857600
            dlq_retry_enabled = true
            dlq_max_retries = 5
            dlq_poll_interval_secs = 30
            trace_retention_hours = 72
            trace_cleanup_interval_secs = 3600
            [channels]
            include = ["orders.*", "payments.*"]
            """)

        var expected = Settings()
        expected.rateLimitEnabled = true
        expected.rateLimitAdminRPS = 50
        expected.rateLimitDataRPS = 200
        expected.channelsInclude = ["orders.*", "payments.*"]
        #expect(settings == expected)
    }

    @Test func `flags win over the environment, the environment over the file`() throws {
        let file = "[server]\nport = 1\n[queue]\nworkers = 1\nbuffer_size = 1"
        let environment = ["WEIR_SERVER__PORT": "2", "WEIR_QUEUE__WORKERS": "2", "OTHER": "x", "WEIR_API_KEY": "k"]

        let settings = try read(file, environment: environment, flags: [("server.port", "3")])

        #expect(settings.serverPort == 3 && settings.queueWorkers == 2 && settings.queueBufferSize == 1)
    }

    @Test(arguments: [
        ("[server]\nprot = 1", "server.port"), ("[servr]\nport = 1", "server.port"),
        ("[server]\nport = \"x\"", "`server.port` is `x`"),
        ("[server]\nport = 70000", "0 to 65535"), ("[queue]\nworkers = 0", "queue.workers"),
        ("[rate_limit]\nenabled = \"maybe\"", "true or false"), ("[logging]\nlevel = \"loud\"", "trace, debug"),
        ("[server", "weir.toml is not valid TOML"), ("[storage]\nurl = \"mongo:x\"", "storage.url"),
        ("[server]\nport = 1.5", "server.port"),
    ])
    func `what is wrong is named, with a suggestion`(file: String, part: String) {
        #expect(message(file).contains(part), "\(message(file))")
    }

    @Test func `a variable that sets nothing stops the start`() {
        #expect(message(environment: ["WEIR_SERVER__PROT": "1"]).contains("WEIR_SERVER__PORT"))
        #expect(message(environment: ["WEIR_STORAGE_URL": "sqlite:x"]).contains("WEIR_STORAGE__URL"))
    }

    @Test(arguments: ["0.0.0.0", "192.168.1.1", "::", "example.org"])
    func `what others can reach needs an admin key`(host: String) throws {
        #expect(message(flags: [("server.host", host)]).contains("admin_auth.api_keys"))
        #expect(try read(flags: [("server.host", host), ("admin_auth.api_keys", "k")]).serverHost == host)
    }

    @Test func `production needs an admin key`() {
        #expect(message(environment: ["WEIR_ENVIRONMENT": "Production"]).contains("admin_auth.api_keys"))
    }

    @Test(arguments: [
        ("server.tls.enabled", "true", "server.tls.cert_path"), ("server.tls.min_version", "1.1", "1.2, 1.3"),
        ("cors.max_age_secs", "86401", "0 to 86400"), ("server.max_headers", "0", "server.max_headers"),
    ])
    func `what the listener cannot be is said`(key: String, value: String, part: String) {
        #expect(message(flags: [(key, value)]).contains(part), "\(message(flags: [(key, value)]))")
    }

    @Test func `every origin is allowed neither with credentials nor in production`() throws {
        let any = ("cors.allowed_origins", "*")

        #expect(try read(flags: [any]).corsOrigins == ["*"])
        #expect(message(flags: [any, ("cors.allow_credentials", "true")]).contains("every site"))
        #expect(
            message(flags: [any, ("environment", "production"), ("admin_auth.api_keys", "k")]).contains(
                "cors.allowed_origins"))
    }

    @Test func `secrets are not shown`() throws {
        let settings = try read(flags: [("admin_auth.api_keys", "hidden-one,hidden-two")])

        let lines = SettingsReader.lines(settings)

        #expect(!lines.joined().contains("hidden"))
        #expect(lines.contains("admin_auth.api_keys = \"******\"") && lines.contains("server.port = 8080"))
        #expect(
            !message(flags: [("admin_auth.api_keys", "hidden"), ("storage.url", "mysql://u:hidden@h")]).contains(
                "hidden"))
    }

    @Test(arguments: [
        ("postgres://weir:s3cret@h:5432/d?sslmode=require", "postgres://weir:******@h:5432/d?sslmode=require"),
        ("mysql://weir:a@b:c/e@h/d", "mysql://weir:******@h/d"),
        (
            "postgres://h/d?user=u&password=s3cret&sslpassword=t0p",
            "postgres://h/d?user=u&password=******&sslpassword=******"
        ),
        ("redis+sentinel://:s3cret@a,b/master", "redis+sentinel://:******@a,b/master"),
        ("postgres://weir@h/d", "postgres://weir@h/d"), ("sqlite:weir.db", "sqlite:weir.db"), ("memory", "memory"),
    ])
    func `a URL is shown without its password`(url: String, shown: String) {
        var settings = Settings()
        settings.storageURL = url
        settings.sharedStateURL = url

        let lines = SettingsReader.lines(settings)

        #expect(lines.contains("storage.url = \"\(shown)\"") && lines.contains("shared_state.url = \"\(shown)\""))
    }

    @Test func `a pool keeps no more connections than it may have`() throws {
        let settings = try read("[storage]\npool_size = 4\npool_min = 4\nidle_timeout_secs = 30")

        #expect(settings.storagePoolSize == 4 && settings.storagePoolMinimum == 4 && settings.storageIdleSeconds == 30)
        #expect(message("[storage]\npool_size = 4\npool_min = 5").contains("storage.pool_min is 5"))
        for wrong in ["pool_size = 0", "pool_wait_ms = 1", "connect_timeout_secs = 1", "max_lifetime_secs = 1"] {
            #expect(message("[storage]\n\(wrong)").contains("a whole number from"), "\(wrong)")
        }
    }
}
