import Outbound

/// Where a URL leads.
struct Target: Equatable {
    let scheme: String
    let host: String
    let port: Int
    private let path: String

    init(_ url: String) throws(OutboundFailure) {
        guard let mark = url.firstRange(of: "://") else { throw .malformed("it has no scheme") }
        scheme = url[..<mark.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { throw .malformed("its scheme is neither http nor https") }
        guard !url.utf8.contains(where: { $0 <= 32 || $0 == 127 }) else {
            throw .malformed("it has a space or a control character")
        }
        let rest = url[mark.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        path = String(rest.dropFirst(authority.count))
        guard !authority.contains("@") else { throw .malformed("it has a user name; use the connector's auth") }
        var name = authority
        var port: Int?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .malformed("its host is malformed") }
            name = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            if after.hasPrefix(":") { port = Int(after.dropFirst()) ?? -1 }
        } else if let colon = authority.lastIndex(of: ":") {
            name = authority[..<colon]
            port = Int(authority[authority.index(after: colon)...]) ?? -1
        }
        guard !name.isEmpty else { throw .malformed("it names no host") }
        guard name.utf8.allSatisfy({ $0 < 128 && $0 != UInt8(ascii: "%") && $0 != UInt8(ascii: "\\") }) else {
            throw .malformed("its host has characters that no host name has")
        }
        host = name.lowercased()
        self.port = port ?? (scheme == "https" ? 443 : 80)
        guard (1...65_535).contains(self.port) else { throw .malformed("its port is none") }
    }

    func isSameOrigin(as other: Target) -> Bool { scheme == other.scheme && host == other.host && port == other.port }

    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (scheme == "https" ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The path and query, as a request line has them.
    var requestTarget: String {
        let target = path.prefix { $0 != "#" }
        return target.isEmpty ? "/" : target.hasPrefix("/") ? String(target) : "/" + target
    }

    /// The whole of it, with the host in lower case.
    var url: String { origin + requestTarget }

    private var origin: String { "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// What a `Location` means, seen from here (RFC 3986, section 5, for the forms that servers send).
    func resolve(_ location: String) throws(OutboundFailure) -> String {
        if location.hasPrefix("http://") || location.hasPrefix("https://") { return location }
        if location.hasPrefix("//") { return "\(scheme):\(location)" }
        if location.hasPrefix("/") { return origin + location }
        guard !location.contains("://"), !location.isEmpty else { throw .malformed("the redirect leads nowhere") }
        let folder = path.prefix { $0 != "?" }
        let base = folder.lastIndex(of: "/").map { folder[...$0] } ?? "/"
        return origin + base + location
    }
}
