import Vocabulary

/// Who may use the admin API while there is no key: whoever is on this machine, but no page of another site that a
/// browser on this machine shows. Such a page sends its `Origin`, or, with a name that it has led here (DNS rebinding),
/// a `Host` that is not ours. Who comes through a proxy on this machine is not on it for that: where the proxy is trusted,
/// the address it names counts; where it is not, nobody is let in for whom it names another.
enum OpenAdmin {
    /// - Parameter trusts: whether the settings let pages of an origin in all the same.
    static func check(_ request: AdminRequest, _ trusts: (String) -> Bool) throws(Problem) {
        let forwarded = request.headers.contains { name, value in
            switch name {
            case "x-forwarded-for", "x-real-ip":
                !value.split(separator: ",").allSatisfy { isLoopback(hostName(trimmed($0))) }
            case "forwarded": true
            default: false
            }
        }
        guard isLoopback(request.client), !forwarded else {
            throw Problem(
                .forbidden,
                "Without an admin key the admin API answers to this machine only, and who asks is elsewhere. Make a key on this machine with `weir keys create`."
            )
        }
        let host = request.header("host").map { Self.hostName($0) }
        let origin = request.header("origin").flatMap { trusts($0) ? nil : Self.hostName(ofOrigin: $0) }
        for name in [host, origin] {
            guard let name, !isLoopback(name) else { continue }
            throw Problem(
                .forbidden,
                "Without an admin key the admin API answers to this machine only, and `\(name.prefix(64))` is not it. Make a key with `weir keys create`."
            )
        }
    }

    /// Whether a page with this `Origin` was served by the machine that shows it.
    static func isLocal(origin: String) -> Bool { isLoopback(hostName(ofOrigin: origin)) }

    private static func hostName(ofOrigin origin: String) -> String {
        origin.firstRange(of: "://").map { hostName(String(origin[$0.upperBound...])) } ?? origin
    }

    private static func trimmed(_ text: Substring) -> String { String(text.drop { $0 == " " }.prefix { $0 != " " }) }

    /// Without its port.
    private static func hostName(_ authority: String) -> String {
        if authority == "::1" { return authority }
        if authority.hasPrefix("[") { return String(authority.dropFirst().prefix { $0 != "]" }) }
        return String(authority.prefix { $0 != ":" })
    }

    /// The names and addresses that lead to the machine one is on (RFC 6761, section 6.3; RFC 1122, section 3.2.1.3).
    static func isLoopback(_ host: String) -> Bool {
        if host == "127.0.0.1" { return true }  // nearly always, and asked with each look at /health
        var host = host.lowercased()
        if host.hasPrefix("::ffff:") { host.removeFirst(7) }
        if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
