extension SettingKey {
    /// What instances share while they run.
    static let sharing: [SettingKey] = [
        .init(
            "shared_state.url", .text(\.sharedStateURL, choices: []),
            "Where instances share rate limits, permits, idempotency keys and cached replies: memory for one instance, "
                + "or redis://, rediss://, redis+sentinel://host,host/master or redis+cluster://host,host.",
            isSecret: true),
        .init(
            "shared_state.prefix", .text(\.sharedStatePrefix, choices: []),
            "Begins every key there: instances with the same prefix share."),
        .init(
            "shared_state.timeout_ms", .number(\.sharedStateTimeoutMilliseconds, 1...10_000),
            "The longest that a request waits for it."),
        .init(
            "shared_state.on_failure", .text(\.sharedStateOnFailure, choices: ["fail_open", "fail_closed"]),
            "What guards do while it does not answer: go by this instance's share of a limit, or refuse; a channel may "
                + "choose for itself."),
    ]
}

extension Settings {
    /// Whether instances share at all.
    package var sharesState: Bool { sharedStateURL != "memory" }

    func checkSharing() throws(SettingsError) {
        let schemes = ["redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"]
        guard !sharesState || schemes.contains(where: { sharedStateURL.hasPrefix($0 + "://") }) else {
            throw SettingsError(
                "shared_state.url must be `memory`, or begin with \(schemes.map { $0 + "://" }.joined(separator: ", "))."
            )
        }
        let isName = sharedStatePrefix.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || [45, 46, 58, 95].contains(byte)
        }
        guard isName, (1...64).contains(sharedStatePrefix.utf8.count) else {
            throw SettingsError("shared_state.prefix must have 1 to 64 letters, digits, `-`, `.`, `:` and `_`.")
        }
    }
}
