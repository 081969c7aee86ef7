/// Where a cluster's node sends a command: `MOVED 3999 127.0.0.1:6381` for good, `ASK 3999 127.0.0.1:6381` for this once
/// (redis.io/docs/reference/cluster-spec, "MOVED Redirection").
struct Redirection: Sendable, Equatable {
    var isAsking: Bool
    var slot: Int
    var address: RedisAddress

    /// - Parameter sender: who said it; an empty host means the same host.
    /// - Returns: nil where it is no redirection.
    init?(_ error: RedisError, from sender: RedisAddress) {
        let words = error.message.split(separator: " ")
        guard words.count >= 3, error.code == "MOVED" || error.code == "ASK", let slot = Int(words[1]),
            (0..<KeySlot.count).contains(slot), let colon = words[2].lastIndex(of: ":"),
            let port = Int(words[2][words[2].index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        isAsking = error.code == "ASK"
        self.slot = slot
        var host = words[2][..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        address = RedisAddress(host: host.isEmpty || host == "?" ? sender.host : String(host), port: port)
    }
}
