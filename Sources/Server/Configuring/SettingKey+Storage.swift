extension SettingKey {
    /// How connections to a database server are kept. A file needs none of it.
    static let storagePool: [SettingKey] = [
        .init(
            "storage.pool_size", .number(\.storagePoolSize, 1...1000),
            "Connections to the database server, of each instance."),
        .init(
            "storage.pool_min", .number(\.storagePoolMinimum, 0...1000),
            "Of these, how many are kept open though nobody wants them."),
        .init(
            "storage.pool_wait_ms", .number(\.storagePoolWaitMilliseconds, 10...600_000),
            "How long to wait for a connection before a request is refused with 503."),
        .init(
            "storage.statement_timeout_ms", .number(\.storageStatementMilliseconds, 100...3_600_000),
            "After that the server ends a statement; two seconds later its connection is given up."),
        .init(
            "storage.connect_timeout_secs", .number(\.storageConnectSeconds, 2...600),
            "How long connecting to each host may take."),
        .init(
            "storage.max_lifetime_secs", .number(\.storageLifetimeSeconds, 10...604_800),
            "Connections are replaced after that, so that a server that came back gets its share."),
        .init(
            "storage.idle_timeout_secs", .number(\.storageIdleSeconds, 1...86_400),
            "Connections that nobody wanted for that long are closed, down to storage.pool_min."),
        .init(
            "storage.health_check_secs", .number(\.storageCheckSeconds, 1...3600),
            "A connection that rested that long is asked whether it lives."),
    ]
}
