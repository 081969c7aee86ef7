/// Where a Redis is, as a URL says it.
///
///     redis://[user:password@]host[:6379][/db]          one server; rediss:// with TLS
///     redis+sentinel://[user:password@]s1[:26379],s2/master-name[?db=0]
///     redis+cluster://[user:password@]n1[:6379],n2[:6379]
///
/// `rediss+sentinel://` and `rediss+cluster://` are with TLS. In the query: `db`, `ca` (a PEM file of certificates to
/// trust besides the system's), `sentinel_user` and `sentinel_password`. What is special in a URL is percent-encoded.
package struct RedisURL: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case single
        case sentinel(master: String)
        case cluster
    }

    /// Why a text is no such URL: a sentence that quotes nothing of it.
    package struct Malformed: Error, Sendable, Equatable {
        package var reason: String
    }

    package var kind: Kind
    package var usesTLS: Bool
    /// At least one.
    package var hosts: [RedisAddress]
    package var user: String?
    package var password: String?
    package var database = 0
    package var sentinelUser: String?
    package var sentinelPassword: String?
    /// A PEM file; empty for none.
    package var authorities = ""

    package static let schemes = [
        "redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
    ]

    package init(_ text: String) throws(Malformed) {
        guard let mark = text.firstRange(of: "://") else { throw Malformed(reason: "it has no scheme") }
        let scheme = text[..<mark.lowerBound].lowercased()
        guard Self.schemes.contains(scheme) else {
            throw Malformed(reason: "its scheme is none of \(Self.schemes.joined(separator: ", "))")
        }
        guard !text.utf8.contains(where: { $0 <= 32 || $0 >= 127 }) else {
            throw Malformed(reason: "it has spaces or characters that must be percent-encoded")
        }
        usesTLS = scheme.hasPrefix("rediss")
        let rest = text[mark.upperBound...].prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        var path = rest.dropFirst(authority.count).prefix { $0 != "?" }
        if path.hasPrefix("/") { path = path.dropFirst() }
        let query = rest.dropFirst(authority.count).drop { $0 != "?" }.dropFirst()
        let isSentinel = scheme.hasSuffix("+sentinel")
        var names = authority
        if let at = authority.lastIndex(of: "@") {
            names = authority[authority.index(after: at)...]
            let parts = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            // `redis://:password@host`: the default user. Without a colon it is the user's name alone.
            user = parts[0].isEmpty ? nil : try Self.decoded(parts[0])
            password = parts.count > 1 ? try Self.decoded(parts[1]) : nil
            guard password != nil else { throw Malformed(reason: "it has a user without a password") }
        }
        hosts = try names.split(separator: ",", omittingEmptySubsequences: false).map { name throws(Malformed) in
            try Self.address(name, port: isSentinel ? 26379 : 6379)
        }
        guard hosts.count <= 64 else { throw Malformed(reason: "it names more than 64 hosts") }
        if isSentinel {
            guard !path.isEmpty, !path.contains("/") else {
                throw Malformed(reason: "the name of the master is missing after the hosts")
            }
            kind = .sentinel(master: try Self.decoded(path))
        } else if scheme.hasSuffix("+cluster") {
            guard path.isEmpty || path == "0" else { throw Malformed(reason: "a cluster has the database 0 only") }
            kind = .cluster
        } else {
            guard hosts.count == 1 else {
                throw Malformed(reason: "it names several hosts; use redis+sentinel or redis+cluster")
            }
            kind = .single
            if !path.isEmpty { database = try Self.database(path) }
        }
        try read(query: query)
        guard kind != .cluster || database == 0 else {
            throw Malformed(reason: "a cluster has the database 0 only")
        }
    }

    private mutating func read(query: Substring) throws(Malformed) {
        for item in query.split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? try Self.decoded(parts[1]) : ""
            switch parts[0] {
            case "db": database = try Self.database(value[...])
            case "ca": authorities = value
            case "sentinel_user": sentinelUser = value
            case "sentinel_password": sentinelPassword = value
            default: throw Malformed(reason: "its query has something besides db, ca, sentinel_user, sentinel_password")
            }
        }
    }

    private static func database(_ text: Substring) throws(Malformed) -> Int {
        guard let number = Int(text), (0...1_000_000).contains(number) else {
            throw Malformed(reason: "its database is no number")
        }
        return number
    }

    private static func address(_ text: Substring, port: Int) throws(Malformed) -> RedisAddress {
        var host = text
        var number: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw Malformed(reason: "a host is malformed") }
            host = text[text.index(after: text.startIndex)..<end]
            let after = text[text.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw Malformed(reason: "a host is malformed") }
            if !after.isEmpty { number = after.dropFirst() }
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            number = text[text.index(after: colon)...]
        }
        guard !host.isEmpty else { throw Malformed(reason: "a host has no name") }
        guard let port = number.map({ Int($0) }) ?? port, (1...65_535).contains(port) else {
            throw Malformed(reason: "a port is none")
        }
        return RedisAddress(host: host.lowercased(), port: port)
    }

    private static func decoded(_ text: Substring) throws(Malformed) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt8(String(digits) ?? "", radix: 16)
            else { throw Malformed(reason: "a percent sign in it is no part of an encoding") }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let result = String(validating: bytes, as: UTF8.self), !result.utf8.contains(0) else {
            throw Malformed(reason: "it encodes something that is no text")
        }
        return result
    }
}

/// A host and a port.
package struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    /// A name, or an address of IPv4 or IPv6 without brackets.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
