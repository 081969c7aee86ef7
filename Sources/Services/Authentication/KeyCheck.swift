import Crypto

/// API keys in a header.
package struct KeyCheck: CallerChecking {
    private let hashes: [[UInt8]]
    /// `key-` and 16 hex digits of the SHA-256 of the key's SHA-256: names a key in traces and rules, and tells nothing of it.
    private let names: [String]
    private let header: String
    private let scheme: String

    /// - Parameters:
    ///   - keys: plain, or `sha256:` and 64 hex digits.
    ///   - scheme: what stands before the key, such as `Bearer`; empty for nothing.
    package init(keys: [String], header: String, scheme: String) {
        hashes = keys.map(Self.hash)
        names = hashes.map(Self.name)
        self.header = header.lowercased()
        self.scheme = scheme
    }

    private static func hash(_ key: String) -> [UInt8] {
        if key.hasPrefix("sha256:"), let bytes = SignatureEncoding.hex.decode(String(key.dropFirst(7))) { return bytes }
        return Array(SHA256.hash(data: Array(key.utf8)))
    }

    private static func name(_ hash: [UInt8]) -> String {
        "key-"
            + SHA256.hash(data: hash).prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    package func judge(_ evidence: CallerEvidence) -> CallerVerdict {
        guard var given = evidence.header(header) else { return .refused(.missing) }
        if !scheme.isEmpty {
            guard let bare = CredentialScheme.strip(scheme, from: given) else { return .refused(.malformed) }
            given = bare
        }
        let hash = Array(SHA256.hash(data: Array(given.utf8)))
        // All are compared, so that the time tells nothing about which one fits.
        var found: Int?
        for place in hashes.indices where ConstantTime.isSame(hashes[place], hash) { found = place }
        guard let found else { return .refused(.credentials) }
        var identity = CallerIdentity(mode: "api_key")
        identity.keyID = names[found]
        return .accepted(identity)
    }
}

/// `Bearer abc`: what follows the scheme, whose case does not matter (RFC 9110, section 11.1).
enum CredentialScheme {
    static func strip(_ scheme: String, from text: String) -> String? {
        guard text.utf8.count > scheme.utf8.count, text.lowercased().hasPrefix(scheme.lowercased() + " ") else {
            return nil
        }
        return String(text.dropFirst(scheme.count + 1).drop { $0 == " " })
    }
}
