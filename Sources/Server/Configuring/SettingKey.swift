/// One key: how it is written, what it may be, where it goes.
struct SettingKey: Sendable {
    enum Kind: Sendable {
        case text(any WritableKeyPath<Settings, String> & Sendable, choices: [String])
        case number(any WritableKeyPath<Settings, Int> & Sendable, ClosedRange<Int>)
        case flag(any WritableKeyPath<Settings, Bool> & Sendable)
        case fraction(any WritableKeyPath<Settings, Double> & Sendable)
        case list(any WritableKeyPath<Settings, [String]> & Sendable)
    }

    let name: String
    let kind: Kind
    let isSecret: Bool
    let summary: String

    init(_ name: String, _ kind: Kind, _ summary: String, isSecret: Bool = false) {
        self.name = name
        self.kind = kind
        self.summary = summary
        self.isSecret = isSecret
    }

    /// `WEIR_SERVER__PORT` for `server.port`.
    var variable: String { "WEIR_" + name.uppercased().split(separator: ".").joined(separator: "__") }

    static let all = general + storagePool + serving + cluster + sharing

    private static let general: [SettingKey] = [
        .init(
            "environment", .text(\.environment, choices: []),
            "Names beginning with prod make a missing admin key an error."),
        .init(
            "server.host", .text(\.serverHost, choices: []),
            "The address to listen on; anything but loopback needs an admin key."),
        .init("server.port", .number(\.serverPort, 0...65_535), "The port; 0 for any free one."),
        .init("server.threads", .number(\.serverThreads, 0...256), "Event loops; 0 for one for each processor."),
        .init(
            "server.shutdown_drain_secs", .number(\.shutdownDrainSeconds, 0...600),
            "How long to go on serving, not ready, after SIGTERM."),
        .init(
            "server.shutdown_force_timeout_secs", .number(\.shutdownForceSeconds, 0...600),
            "How long requests in flight may take after that."),
        .init(
            "server.max_admin_body_size", .number(\.maxAdminBodySize, 1024...(1 << 30)),
            "Bytes of an admin request's body."),
        .init(
            "server.compression.enabled", .flag(\.compressionEnabled), "Compress replies for clients that accept gzip."),
        .init(
            "storage.url", .text(\.storageURL, choices: []),
            "Where everything is kept: sqlite: and a path, postgres://user@host/database with what libpq takes, or mysql://user@host/database.",
            isSecret: true),
        .init(
            "storage.trace_partition_hours", .number(\.tracePartitionHours, 0...8760),
            "Hours of traces in one partition of a PostgreSQL database; 0 for a third of the retention."),
        .init(
            "storage.trace_hash_partitions", .number(\.traceHashPartitions, 1...64),
            "Each new partition is split in so many by channel; 1 for not."),
        .init(
            "ingest.max_payload_size", .number(\.maxPayloadSize, 1024...(1 << 30)), "Bytes of a data request's body."),
        .init("ingest.max_json_depth", .number(\.maxJSONDepth, 4...512), "Arrays and objects inside one another."),
        .init("storage.backup_dir", .text(\.backupFolder, choices: []), "Where backups are put."),
        .init(
            "connectors.ca_file", .text(\.outboundAuthorities, choices: []),
            "Certificates (PEM) that connectors trust besides the system's."),
        .init(
            "storage.connector_encryption_key", .text(\.connectorEncryptionKey, choices: []),
            "64 hex digits that seal the connectors' secrets; made and kept beside the database where none is set.",
            isSecret: true),
        .init(
            "engine.circuit_breaker.enabled", .flag(\.breakerEnabled),
            "Stop calling what does not answer, by channel and connector."),
        .init(
            "engine.circuit_breaker.failure_threshold", .number(\.breakerThreshold, 1...10_000),
            "Failures in a row that open a breaker."),
        .init(
            "engine.circuit_breaker.recovery_timeout_secs", .number(\.breakerRecoverySeconds, 1...86_400),
            "How long it stays open before one call is let through."),
        .init(
            "engine.max_loop_iterations", .number(\.maxLoopIterations, 1...1_000_000),
            "The ceiling of a workflow's loop.max."),
        .init(
            "engine.max_channel_call_depth", .number(\.maxChannelCallDepth, 1...64),
            "Channels that may call one another in a row."),
        .init(
            "engine.default_channel_call_timeout_ms", .number(\.channelCallTimeoutMilliseconds, 1...3_600_000),
            "How long a channel_call may take."),
        .init(
            "engine.rollout_sticky_header", .text(\.rolloutStickyHeader, choices: []),
            "Requests with the same value take the same version."),
        .init("queue.workers", .number(\.queueWorkers, 1...1024), "Async runs at a time."),
        .init("queue.buffer_size", .number(\.queueBufferSize, 1...10_000_000), "Async runs that may wait."),
        .init(
            "queue.processing_timeout_ms", .number(\.processingTimeoutMilliseconds, 1...86_400_000),
            "How long a run may take."),
        .init(
            "queue.max_result_size_bytes", .number(\.maxResultSizeBytes, 1024...(1 << 30)), "Bytes of a run's result."),
        .init(
            "queue.max_queue_memory_bytes", .number(\.maxQueueMemoryBytes, 1024...(1 << 40)),
            "Bytes of input that may wait."),
        .init("queue.dlq_retry_enabled", .flag(\.dlqRetryEnabled), "Try failed async runs again."),
        .init("queue.dlq_max_retries", .number(\.dlqMaxRetries, 0...16), "How often, before they are dead letters."),
        .init(
            "queue.dlq_poll_interval_secs", .number(\.dlqPollIntervalSeconds, 1...3600),
            "How often to look for retries that are due."),
        .init(
            "queue.trace_retention_hours", .number(\.traceRetentionHours, 0...1_000_000),
            "How long traces are kept; 0 for ever."),
        .init(
            "queue.trace_retention_count", .number(\.traceRetentionCount, 0...1_000_000_000),
            "How many traces are kept; 0 for all."),
        .init(
            "queue.trace_cleanup_interval_secs", .number(\.traceCleanupIntervalSeconds, 1...86_400),
            "How often old traces are deleted."),
        .init(
            "queue.shutdown_timeout_secs", .number(\.queueShutdownSeconds, 0...600),
            "How long workers may finish what they are at."),
        .init(
            "tracing.mask_fields", .list(\.maskFields),
            "Names of members that traces show as ******, besides the usual credentials."),
        .init(
            "tracing.enabled", .flag(\.spansEnabled),
            "Send spans of runs, tasks and calls to an OpenTelemetry collector."),
        .init(
            "tracing.otlp_endpoint", .text(\.otlpEndpoint, choices: []),
            "The collector's URL for OTLP over HTTP; /v1/traces is added."),
        .init(
            "tracing.otlp_headers", .list(\.otlpHeaders), "Headers for the collector, such as api-key=secret.",
            isSecret: true),
        .init(
            "tracing.otlp_timeout_ms", .number(\.otlpTimeoutMilliseconds, 10...600_000),
            "How long the collector may take for a batch."),
        .init(
            "tracing.otlp_queue_size", .number(\.otlpQueueSize, 1...1_000_000),
            "Spans that may wait for the collector; more are dropped and counted."),
        .init("tracing.otlp_batch_size", .number(\.otlpBatchSize, 1...100_000), "Spans of one request, about."),
        .init(
            "tracing.otlp_interval_ms", .number(\.otlpIntervalMilliseconds, 50...600_000),
            "The longest a span waits for its batch."),
        .init("tracing.service_name", .text(\.serviceName, choices: []), "What spans call this service."),
        .init(
            "tracing.sample_rate", .fraction(\.spanSampleRate),
            "Share of the traces that begin here, 0 to 1; a caller's trace is sampled as the caller says."),
        .init("rate_limit.enabled", .flag(\.rateLimitEnabled), "Limit each client over all channels."),
        .init(
            "rate_limit.default_rps", .number(\.rateLimitDefaultRPS, 1...10_000_000), "Requests a second of one client."
        ),
        .init("rate_limit.default_burst", .number(\.rateLimitDefaultBurst, 1...10_000_000), "Requests at once."),
        .init(
            "rate_limit.endpoints.admin_rps", .number(\.rateLimitAdminRPS, 0...10_000_000),
            "For the admin API; 0 for none."),
        .init(
            "rate_limit.endpoints.data_rps", .number(\.rateLimitDataRPS, 0...10_000_000), "For channels; 0 for none."),
        .init(
            "rate_limit.trusted_proxies", .list(\.trustedProxies),
            "Peers whose X-Forwarded-For is believed: addresses and ranges such as 10.0.0.0/8."),
        .init(
            "logging.level",
            .text(\.logLevel, choices: ["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            "What is logged."),
        .init(
            "logging.format", .text(\.logFormat, choices: ["auto", "json", "pretty"]),
            "auto: pretty on a terminal, json elsewhere."),
        .init("logging.access_log", .flag(\.accessLogEnabled), "Log a line for each request, without its query."),
        .init("metrics.enabled", .flag(\.metricsEnabled), "Serve /metrics."),
        .init(
            "channels.include", .list(\.channelsInclude), "Names of channels this instance serves; * matches anything."),
        .init("channels.exclude", .list(\.channelsExclude), "Names of channels it does not serve."),
        .init("admin_auth.api_keys", .list(\.adminKeys), "Admin keys, plain or sha256:<hex>.", isSecret: true),
        .init(
            "admin_auth.read_only_api_keys", .list(\.adminReadOnlyKeys), "Admin keys that may only read.",
            isSecret: true),
        .init("admin_auth.header", .text(\.adminHeader, choices: []), "The header that carries the key."),
        .init(
            "audit.retention_days", .number(\.auditRetentionDays, 0...36_500),
            "How long audit entries are kept; 0 for ever."),
        .init(
            "cron.enabled", .flag(\.cronEnabled),
            "Run schedules; where not, channels that have one are not served."),
        .init(
            "cron.poll_interval_ms", .number(\.cronPollIntervalMilliseconds, 100...60_000),
            "The longest sleep between two looks at the clock."),
        .init(
            "cron.misfire_grace_secs", .number(\.cronMisfireGraceSeconds, 1...3600),
            "How late a scheduled run may begin before it counts as missed."),
        .init(
            "cron.max_catch_up", .number(\.cronMaxCatchUp, 1...1000),
            "The most missed runs that any schedule catches up."),
        .init(
            "cron.retention_days", .number(\.cronRetentionDays, 0...36_500),
            "How long occurrences are kept; 0 for ever."),
        .init(
            "cron.retention_count", .number(\.cronRetentionCount, 0...1_000_000_000),
            "How many occurrences are kept; 0 for all."),
        .init(
            "jwt.allow_private_jwks_urls", .flag(\.allowPrivateJWKSURLs),
            "Fetch issuers' keys from private addresses too."),
        .init("mcp.enabled", .flag(\.mcpEnabled), "Serve /mcp to AI clients; they need an admin key."),
    ]
}
