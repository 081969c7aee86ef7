/// Origins of web pages (RFC 6454) that are allowed: one, all subdomains of a host, any port of it, or every origin.
///
/// `https://app.example.com`, `https://*.example.com` (each name below it, not the name itself), `http://localhost:*`, `*`.
package struct OriginPattern: Sendable, Equatable {
    private enum Port: Equatable {
        case any
        case exactly(String)
    }

    private struct Parts: Equatable {
        var scheme: Substring
        var host: Substring
        /// Empty for the scheme's own.
        var port: Substring
    }

    package let isAny: Bool
    private let scheme: String
    private let host: String
    private let coversSubdomains: Bool
    private let port: Port

    private static let longest = 512

    /// - Returns: nil where `text` is no origin. A page without an origin of its own says `null`, which anybody can
    ///   make their page say: it cannot be allowed.
    package init?(_ text: String) {
        isAny = text == "*"
        guard !isAny else {
            (scheme, host, coversSubdomains, port) = ("", "", false, .any)
            return
        }
        guard let parts = Self.parts(of: text, allowsAnyPort: true) else { return nil }
        scheme = String(parts.scheme)
        coversSubdomains = parts.host.hasPrefix("*.")
        host = String(coversSubdomains ? parts.host.dropFirst(2) : parts.host)
        port = parts.port == "*" ? .any : .exactly(String(parts.port))
        guard !host.isEmpty, !host.contains("*") else { return nil }
    }

    /// - Parameter origin: what a browser sent.
    package func matches(_ origin: String) -> Bool {
        if isAny { return true }
        guard let parts = Self.parts(of: origin, allowsAnyPort: false), parts.scheme == scheme else { return false }
        guard port == .any || port == .exactly(String(parts.port)) else { return false }
        guard coversSubdomains else { return parts.host == host }
        return parts.host.utf8.count > host.utf8.count + 1 && parts.host.hasSuffix("." + host)
            && !parts.host.hasPrefix(".") && !parts.host.hasPrefix("*")
    }

    private static func parts(of text: String, allowsAnyPort: Bool) -> Parts? {
        let text = text.lowercased()
        guard text.utf8.count <= longest, let mark = text.firstRange(of: "://"), mark.lowerBound > text.startIndex
        else {
            return nil
        }
        let scheme = text[..<mark.lowerBound]
        guard scheme.utf8.allSatisfy({ isLetter($0) || isDigit($0) || $0 == 43 || $0 == 45 || $0 == 46 }) else {
            return nil
        }
        let rest = text[mark.upperBound...]
        var host = rest
        var port = rest[rest.endIndex...]
        // The colons of an IPv6 address are inside its brackets.
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            host = rest[..<colon]
            port = rest[rest.index(after: colon)...]
            guard (1...5).contains(port.utf8.count), port.utf8.allSatisfy(isDigit) || allowsAnyPort && port == "*"
            else {
                return nil
            }
        }
        let isAddress = host.hasPrefix("[") && host.hasSuffix("]")
        guard !host.isEmpty,
            host.utf8.allSatisfy({ byte in
                isLetter(byte) || isDigit(byte) || byte == 45 || byte == 46 || byte == 95 || byte == 42
                    || isAddress && (byte == 91 || byte == 93 || byte == 58)
            })
        else { return nil }
        return Parts(scheme: scheme, host: host, port: port)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
}
