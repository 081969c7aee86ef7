extension SettingKey {
    /// Instances that share a database, and which channels each of them serves.
    static let cluster: [SettingKey] = [
        .init(
            "cluster.heartbeat_ms", .number(\.clusterHeartbeatMilliseconds, 50...60_000),
            "How often an instance says that it lives, and looks what has changed."),
        .init(
            "cluster.ttl_ms", .number(\.clusterTTLMilliseconds, 200...600_000),
            "How long after its last heartbeat it counts as alive, and leads; at least three heartbeats."),
        .init(
            "cluster.advertise_url", .text(\.clusterAdvertiseURL, choices: []),
            "Where other instances send callers: http://10.0.0.5:8080; the address it listens on where none is set."),
        .init(
            "channels.not_served", .text(\.channelsNotServed, choices: ["404", "redirect"]),
            "Calls of channels that others serve: 404, or a redirect (307) to a live instance that does."),
    ]
}
