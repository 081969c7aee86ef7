extension SettingKey {
    /// How connections and requests are received, and what pages of other origins may do.
    static let serving: [SettingKey] = [
        .init("server.tls.enabled", .flag(\.tlsEnabled), "Speak TLS, on the same port and nothing else there."),
        .init(
            "server.tls.cert_path", .text(\.tlsCertificatePath, choices: []),
            "The certificate and its chain, PEM; read again when it changes."),
        .init("server.tls.key_path", .text(\.tlsKeyPath, choices: []), "Its private key, PEM, without a password."),
        .init(
            "server.tls.min_version", .text(\.tlsMinimumVersion, choices: ["1.2", "1.3"]),
            "The oldest TLS that is accepted."),
        .init(
            "server.http2.enabled", .flag(\.http2Enabled),
            "Speak HTTP/2: over TLS where clients ask for it, in the clear where they begin with it."),
        .init(
            "server.http2.max_concurrent_streams", .number(\.http2MaxConcurrentStreams, 1...10_000),
            "Requests at a time on one HTTP/2 connection."),
        .init("server.max_connections", .number(\.maxConnections, 1...1_000_000), "Connections in all."),
        .init(
            "server.max_connections_per_client", .number(\.maxConnectionsPerClient, 0...1_000_000),
            "Connections of one address that is no trusted proxy; 0 for any number."),
        .init(
            "server.max_header_bytes", .number(\.maxHeaderBytes, 1024...(1 << 20)),
            "Bytes of a request's head; more is answered 431."),
        .init(
            "server.max_headers", .number(\.maxHeaders, 1...10_000),
            "Headers of a request; more is answered 431."),
        .init(
            "server.max_uri_length", .number(\.maxURILength, 64...(1 << 20)),
            "Bytes of a path and its query; more is answered 414."),
        .init(
            "server.header_timeout_secs", .number(\.headerTimeoutSeconds, 1...3600),
            "How long a request's head may take to arrive, and a TLS handshake."),
        .init(
            "server.body_timeout_secs", .number(\.bodyTimeoutSeconds, 1...3600),
            "How long its body may take to arrive."),
        .init(
            "server.idle_timeout_secs", .number(\.idleTimeoutSeconds, 1...3600),
            "How long a connection may wait for its next request."),
        .init(
            "server.write_timeout_secs", .number(\.writeTimeoutSeconds, 1...3600),
            "How long a client may take to read a reply."),
        .init(
            "server.security_headers.enabled", .flag(\.securityHeadersEnabled),
            "Send headers that keep browsers from guessing types, framing and the like."),
        .init(
            "server.security_headers.hsts_max_age_secs", .number(\.hstsMaxAgeSeconds, 0...1_000_000_000),
            "How long browsers shall insist on TLS; sent over TLS alone; 0 for no such header."),
        .init(
            "cors.allowed_origins", .list(\.corsOrigins),
            "Origins whose pages may call: https://app.example.com, https://*.example.com, http://localhost:* or *."),
        .init(
            "cors.additional_allowed_headers", .list(\.corsAllowedHeaders),
            "Headers that such pages may send besides the usual ones."),
        .init(
            "cors.additional_exposed_headers", .list(\.corsExposedHeaders),
            "Headers of replies that they may read besides the usual ones."),
        .init(
            "cors.allow_credentials", .flag(\.corsAllowsCredentials),
            "Let browsers send cookies and the like along; not with *."),
        .init(
            "cors.max_age_secs", .number(\.corsMaxAgeSeconds, 0...86_400),
            "How long a browser may keep the answer to a pre-flight."),
    ]
}
