import Crypto

/// API keys in a header.
package struct KeyCheck: CallerChecking {
    private let hashes: [[UInt8]]
    private let header: String
    private let scheme: String

    /// - Parameters:
    ///   - keys: plain, or `sha256:` and 64 hex digits.
    ///   - scheme: what stands before the key, such as `Bearer`; empty for nothing.
    package init(keys: [String], header: String, scheme: String) {
        hashes = keys.map(Self.hash)
        self.header = header.lowercased()
        self.scheme = scheme
    }

    private static func hash(_ key: String) -> [UInt8] {
        if key.hasPrefix("sha256:"), let bytes = SignatureEncoding.hex.decode(String(key.dropFirst(7))) { return bytes }
        return Array(SHA256.hash(data: Array(key.utf8)))
    }

    package func accepts(_ evidence: CallerEvidence) -> Bool {
        guard var given = evidence.header(header) else { return false }
        if !scheme.isEmpty {
            guard given.lowercased().hasPrefix(scheme.lowercased() + " ") else { return false }
            given = String(given.dropFirst(scheme.count + 1).drop { $0 == " " })
        }
        let hash = Array(SHA256.hash(data: Array(given.utf8)))
        return hashes.reduce(false) { ConstantTime.isSame($1, hash) || $0 }
    }
}
