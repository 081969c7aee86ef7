/// Where a MySQL or MariaDB server is, who we are there, and how the way to it is kept private.
///
/// `mysql://user:password@host:port/database?ssl-mode=verify-identity&ssl-ca=/path`, or `?socket=/path` instead of a host.
/// Special characters are percent-encoded. `mariadb://` is the same.
package struct MySQLAddress: Sendable, Equatable {
    package enum Privacy: String, Sendable, CaseIterable {
        case disabled
        /// TLS where the server offers it, whoever it is: the default, as that of MySQL's own programs.
        case preferred
        /// TLS or nothing, whoever the server is.
        case required
        /// The certificate must come from `ssl-ca` (else from the system's authorities) and name the host. The library
        /// knows no check of the authority alone: both names mean this.
        case verifyAuthority = "verify-ca"
        case verifyIdentity = "verify-identity"

        var verifies: Bool { self == .verifyAuthority || self == .verifyIdentity }
    }

    package static let schemes = ["mysql", "mariadb"]

    package var host = "127.0.0.1"
    package var port: UInt16 = 3306
    /// A Unix socket, which is private by itself; nil for TCP.
    package var socket: String?
    package var user = ""
    var password = ""
    /// Empty for none.
    package var database = ""
    package var privacy = Privacy.preferred
    /// PEM files; empty for none.
    var authorities = ""
    var certificate = ""
    var key = ""

    /// - Throws: a sentence that quotes nothing of the URL: what cannot be read may be of the password.
    package init(_ url: String) throws(MySQLFailure) {
        guard let scheme = Self.schemes.first(where: { url.hasPrefix($0 + "://") }) else {
            throw .refused("The URL must begin with `mysql://`.")
        }
        var rest = url.dropFirst(scheme.count + 3)
        if let question = rest.firstIndex(of: "?") {
            try read(parameters: rest[question...].dropFirst())
            rest = rest[..<question]
        }
        // A slash inside a password would be taken for the one before the database: the @ comes first.
        var authority = rest
        if let slash = rest.lastIndex(of: "/"), rest[slash...].firstIndex(of: "@") == nil {
            database = try Self.decoded(rest[slash...].dropFirst())
            authority = rest[..<slash]
        }
        if let at = authority.lastIndex(of: "@") {
            let names = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = try Self.decoded(names[0])
            if names.count > 1 { password = try Self.decoded(names[1]) }
            authority = authority[at...].dropFirst()
        }
        try read(host: authority)
    }

    private mutating func read(host text: Substring) throws(MySQLFailure) {
        var name = text
        var number: Substring?
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            name = text[..<end].dropFirst()
            let after = text[end...].dropFirst()
            if !after.isEmpty {
                guard after.hasPrefix(":") else { throw Self.unreadable }
                number = after.dropFirst()
            }
        } else if let colon = text.firstIndex(of: ":") {
            name = text[..<colon]
            number = text[colon...].dropFirst()
        }
        if !name.isEmpty { host = try Self.decoded(name) }
        if let number {
            guard let port = UInt16(number), port > 0 else { throw Self.unreadable }
            self.port = port
        }
        guard !host.contains(where: { $0 == "/" || $0 == "@" || $0.isWhitespace }) else { throw Self.unreadable }
    }

    private mutating func read(parameters text: Substring) throws(MySQLFailure) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? try Self.decoded(parts[1]) : ""
            switch parts[0] {
            case "socket": socket = value.isEmpty ? nil : value
            case "ssl-ca": authorities = value
            case "ssl-cert": certificate = value
            case "ssl-key": key = value
            case "ssl-mode":
                guard let known = Privacy(rawValue: value.lowercased().replacing("_", with: "-")) else {
                    throw .refused(
                        "ssl-mode is one of \(Privacy.allCases.map(\.rawValue).joined(separator: ", ")).")
                }
                privacy = known
            default: throw .refused("The URL knows ssl-mode, ssl-ca, ssl-cert, ssl-key and socket after the `?`.")
            }
        }
    }

    private static let unreadable = MySQLFailure.refused(
        "The URL cannot be read. Special characters of a password are percent-encoded.")

    private static func decoded(_ text: Substring) throws(MySQLFailure) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let next = rest.popFirst() {
            guard next == UInt8(ascii: "%") else {
                bytes.append(next)
                continue
            }
            guard let value = UInt8(Substring(rest.prefix(2)), radix: 16), rest.count >= 2, value != 0 else {
                throw unreadable
            }
            rest = rest.dropFirst(2)
            bytes.append(value)
        }
        guard let found = String(validating: bytes, as: UTF8.self) else { throw unreadable }
        return found
    }
}
