/// Every metric: its name, what it counts, and its kind. Labels are bounded: names of channels, never of clients.
package enum Catalogue {
    package struct Metric: Sendable, Hashable {
        package let name: String
        package let help: String
        package let kind: Kind
        /// A counter's steps in one of what it shows: 1,000,000 for seconds that are counted in microseconds.
        package var steps = 1.0

        package enum Kind: String, Sendable { case counter, gauge, histogram }
    }

    package static let buildInfo = Metric(name: "weir_build_info", help: "The running version; always 1.", kind: .gauge)
    package static let httpRequests = Metric(
        name: "weir_http_requests_total", help: "HTTP requests by plane.", kind: .counter)
    package static let httpRequestDuration = Metric(
        name: "weir_http_request_duration_seconds", help: "Time from a request's head to its reply, by plane.",
        kind: .histogram)
    package static let messages = Metric(
        name: "weir_messages_total", help: "Runs of a channel's workflow by outcome.", kind: .counter)
    package static let messageDuration = Metric(
        name: "weir_message_duration_seconds", help: "Time from a whole request to the end of its run.",
        kind: .histogram)
    package static let rateLimitRejections = Metric(
        name: "weir_rate_limit_rejections_total", help: "Requests refused by a rate limit, by scope.", kind: .counter)
    package static let backpressureRejections = Metric(
        name: "weir_backpressure_rejections_total", help: "Requests refused because a channel was at capacity.",
        kind: .counter)
    package static let engineReloads = Metric(
        name: "weir_engine_reloads_total", help: "Reloads of the definitions by outcome.", kind: .counter)
    package static let engineReloadDuration = Metric(
        name: "weir_engine_reload_duration_seconds", help: "Time to compile and swap in all definitions.",
        kind: .histogram)
    package static let activeWorkflows = Metric(
        name: "weir_active_workflows", help: "Workflows with an active version.", kind: .gauge)
    package static let traceQueueDepth = Metric(
        name: "weir_trace_queue_depth", help: "Accepted runs that are not done.", kind: .gauge)
    package static let traceQueueBytes = Metric(
        name: "weir_trace_queue_memory_bytes", help: "Bytes of their inputs.", kind: .gauge)
    package static let traceWorkersActive = Metric(
        name: "weir_trace_workers_active", help: "Workers that are running a trace.", kind: .gauge)
    package static let traceWorkers = Metric(
        name: "weir_trace_workers", help: "Workers there are.", kind: .gauge)
    package static let traceQueueRejected = Metric(
        name: "weir_trace_queue_rejected_total", help: "Async calls refused because the queue was full, by reason.",
        kind: .counter)
    package static let traceBatchSize = Metric(
        name: "weir_trace_persistence_batch_size", help: "Rows committed together.", kind: .histogram)
    package static let tracePersistenceFailures = Metric(
        name: "weir_trace_persistence_failures_total", help: "Rows that could not be committed.", kind: .counter)
    package static let traceRetries = Metric(
        name: "weir_trace_dlq_retries_total", help: "Failed async runs by what became of them.", kind: .counter)
    package static let connectorRequests = Metric(
        name: "weir_connector_requests_total", help: "Calls through a connector by outcome.", kind: .counter)
    package static let connectorDuration = Metric(
        name: "weir_connector_request_duration_seconds", help: "Time of one attempt through a connector.",
        kind: .histogram)
    package static let breakerTrips = Metric(
        name: "weir_circuit_breaker_trips_total", help: "How often a connector's breaker opened.", kind: .counter)
    package static let breakerRejections = Metric(
        name: "weir_circuit_breaker_rejections_total", help: "Calls that an open breaker refused.", kind: .counter)
    package static let clusterInstances = Metric(
        name: "weir_cluster_instances", help: "Live instances on this database.", kind: .gauge)
    package static let clusterIsLeader = Metric(
        name: "weir_cluster_is_leader", help: "1 where this instance leads, else 0.", kind: .gauge)
    package static let clusterEpoch = Metric(
        name: "weir_cluster_leader_epoch", help: "The epoch of the newest leader.", kind: .gauge)
    package static let clusterBeats = Metric(
        name: "weir_cluster_heartbeats_total", help: "Heartbeats by outcome.", kind: .counter)
    package static let clusterBeatAge = Metric(
        name: "weir_cluster_heartbeat_age_seconds", help: "Time since the last heartbeat the database took.",
        kind: .gauge)
    package static let clusterClockError = Metric(
        name: "weir_cluster_clock_error_seconds", help: "How far this machine's clock is ahead of the database's.",
        kind: .gauge)
    package static let clusterAnnouncements = Metric(
        name: "weir_cluster_announcements_total", help: "Changes made at other instances that took effect here.",
        kind: .counter)
    package static let clusterAnnouncementLag = Metric(
        name: "weir_cluster_announcement_lag_seconds", help: "Time from such a change to its effect here.",
        kind: .histogram)
    package static let adminAuthFailures = Metric(
        name: "weir_admin_auth_failures_total", help: "Admin requests without a valid key.", kind: .counter)
    package static let httpConnections = Metric(
        name: "weir_http_connections", help: "Connections of clients.", kind: .gauge)
    package static let httpConnectionsRefused = Metric(
        name: "weir_http_connections_refused_total",
        help: "Connections closed at once because there were too many, in all or of one client.", kind: .counter)
    package static let tlsHandshakeFailures = Metric(
        name: "weir_tls_handshake_failures_total", help: "Connections that came to no TLS session.", kind: .counter)
    package static let tlsCertificateExpiry = Metric(
        name: "weir_tls_certificate_expiry_timestamp_seconds",
        help: "When the server's certificate ends, in seconds since 1970.", kind: .gauge)
    package static let tlsReloads = Metric(
        name: "weir_tls_reloads_total", help: "Changed certificates that were read, by outcome.", kind: .counter)
    package static let accessLogDropped = Metric(
        name: "weir_access_log_dropped_total", help: "Access log lines that nobody took in time.", kind: .counter)
    package static let spans = Metric(
        name: "weir_otlp_spans_total", help: "Spans for the collector by what became of them.", kind: .counter)
    package static let callerRejections = Metric(
        name: "weir_auth_rejections_total",
        help: "Callers a channel refused, by what was wrong; callers themselves are told one thing for all.",
        kind: .counter)
    package static let keySetFetches = Metric(
        name: "weir_jwks_fetches_total", help: "Fetches of issuers' keys by outcome.", kind: .counter)
    package static let tokenRequests = Metric(
        name: "weir_oauth_token_requests_total", help: "Access tokens asked for by connectors, by outcome.",
        kind: .counter)
    package static let errors = Metric(
        name: "weir_errors_total", help: "Problems told to callers, by code.", kind: .counter)

    package static let cronOccurrences = Metric(
        name: "weir_cron_occurrences_total", help: "Instants of schedules by what became of them.", kind: .counter)
    package static let cronLag = Metric(
        name: "weir_cron_schedule_lag_seconds", help: "Time from an instant to the moment its run was accepted.",
        kind: .histogram)
    package static let cronPending = Metric(
        name: "weir_cron_pending_occurrences", help: "Occurrences that wait for their turn.", kind: .gauge)
    package static let cronContention = Metric(
        name: "weir_cron_singleton_contention_total",
        help: "Occurrences that were skipped or had to wait because others were running.", kind: .counter)
    package static let cronReconcile = Metric(
        name: "weir_cron_reconcile_duration_seconds", help: "Time to decide and write down what is due.",
        kind: .histogram)

    package static let storageConnections = Metric(
        name: "weir_storage_connections", help: "Connections to the database server by state: open, idle.",
        kind: .gauge)
    package static let storageWaiting = Metric(
        name: "weir_storage_waiting", help: "Callers that wait for a connection to the database server.", kind: .gauge)
    package static let storageConnectionEvents = Metric(
        name: "weir_storage_connection_events_total",
        help: "Connections to the database server that were opened, were lost, or failed to open.", kind: .counter)
    package static let storageAcquisitions = Metric(
        name: "weir_storage_acquisitions_total",
        help: "Callers that wanted a connection by outcome: granted, refused because none was free in time.",
        kind: .counter)
    package static let storageWait = Metric(
        name: "weir_storage_wait_seconds_total", help: "Time that callers waited for a connection.", kind: .counter,
        steps: 1_000_000)
    package static let storageRetries = Metric(
        name: "weir_storage_retries_total",
        help: "Work that the database server undid, or that was lost and is safe to repeat, and that was tried again.",
        kind: .counter)
    package static let sharedStateUp = Metric(
        name: "weir_shared_state_up",
        help: "Whether what instances share answers; 0 means that guards go by one instance's count or refuse.",
        kind: .gauge)
    package static let sharedStateDuration = Metric(
        name: "weir_shared_state_request_duration_seconds", help: "Time of one question to what instances share.",
        kind: .histogram)
    package static let sharedStateFailures = Metric(
        name: "weir_shared_state_failures_total", help: "Questions to it that failed, by reason.", kind: .counter)
    package static let sharedStateFallbacks = Metric(
        name: "weir_shared_state_fallbacks_total",
        help: "Decisions a guard made without it, as on_failure says, by guard.", kind: .counter)
    package static let sharedStateGivenUp = Metric(
        name: "weir_shared_state_given_up_total",
        help: "Replies and returns that could not be told to it in time.", kind: .counter)

    package static let all = [
        buildInfo, httpRequests, httpRequestDuration, messages, messageDuration, rateLimitRejections,
        backpressureRejections, engineReloads, engineReloadDuration, activeWorkflows, traceQueueDepth, traceQueueBytes,
        traceWorkersActive, traceWorkers, traceQueueRejected, traceBatchSize, tracePersistenceFailures, traceRetries,
        connectorRequests, connectorDuration, breakerTrips, breakerRejections, adminAuthFailures, callerRejections,
        keySetFetches, tokenRequests, httpConnections,
        httpConnectionsRefused, tlsHandshakeFailures, tlsCertificateExpiry, tlsReloads, accessLogDropped, spans,
        errors, cronOccurrences, cronLag, cronPending, cronContention, cronReconcile, storageConnections,
        storageWaiting,
        storageConnectionEvents, storageAcquisitions, storageWait, storageRetries,
        sharedStateUp, sharedStateDuration, sharedStateFailures, sharedStateFallbacks, sharedStateGivenUp,
    ]
}
