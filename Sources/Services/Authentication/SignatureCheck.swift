import Crypto

/// How a signature is written.
package enum SignatureEncoding: String, Sendable, CaseIterable {
    case auto, hex, base64, base64url

    func decode(_ text: String) -> [UInt8]? {
        switch self {
        case .hex: return Self.hexBytes(text)
        case .base64: return Self.base64Bytes(text)
        case .base64url:
            return Self.base64Bytes(String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }))
        case .auto: return Self.hexBytes(text) ?? Self.base64url.decode(text)
        }
    }

    private static func hexBytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0, !digits.isEmpty else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard digits[place] != UInt8(ascii: "+"), digits[place] != UInt8(ascii: "-"),
                let byte = UInt8(String(decoding: digits[place...place + 1], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func base64Bytes(_ text: String) -> [UInt8]? {
        var bits: UInt32 = 0
        var count = 0
        var bytes: [UInt8] = []
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            let digit: UInt32
            switch byte {
            case 65...90: digit = UInt32(byte - 65)
            case 97...122: digit = UInt32(byte - 71)
            case 48...57: digit = UInt32(byte + 4)
            case 43: digit = 62
            case 47: digit = 63
            default: return nil
            }
            bits = bits << 6 | digit
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}

/// HMAC signatures over the body, as webhooks send them.
package struct SignatureCheck: CallerChecking {
    package enum Algorithm: String, Sendable, CaseIterable { case sha1, sha256, sha512 }

    package var secrets: [String] = []
    package var algorithm = Algorithm.sha256
    package var header = "x-signature"
    /// `{body}`, `{header:name}` and `{header:name:key}` stand for what they name.
    package var message = "{body}"
    package var encoding = SignatureEncoding.auto
    /// Before the signature, such as `sha256=`.
    package var prefix = ""
    /// In a header of `key=value` pairs, which one is the signature; empty for the whole header.
    package var key = ""
    /// A template for the moment of signing in seconds since 1970; empty for none.
    package var timestamp = ""
    /// How far that may be from now.
    package var toleranceSeconds: Int64 = 300

    package init() {}

    package static let presets = ["github", "shopify", "slack", "stripe", "generic"]

    /// What the named services send, by their own documents.
    package init?(preset: String) {
        switch preset {
        case "github":
            header = "x-hub-signature-256"
            prefix = "sha256="
            encoding = .hex
        case "shopify":
            header = "x-shopify-hmac-sha256"
            encoding = .base64
        case "slack":
            header = "x-slack-signature"
            prefix = "v0="
            encoding = .hex
            message = "v0:{header:x-slack-request-timestamp}:{body}"
            timestamp = "{header:x-slack-request-timestamp}"
        case "stripe":
            header = "stripe-signature"
            key = "v1"
            encoding = .hex
            message = "{header:stripe-signature:t}.{body}"
            timestamp = "{header:stripe-signature:t}"
        case "generic": break
        default: return nil
        }
    }

    package func judge(_ evidence: CallerEvidence) -> CallerVerdict {
        guard let given = evidence.header(header) else { return .refused(.missing) }
        guard isFresh(evidence), let message = fill(message, evidence) else { return .refused(.credentials) }
        let candidates = (key.isEmpty ? [given] : Self.values(of: key, in: given)).compactMap { text -> [UInt8]? in
            guard text.hasPrefix(prefix) else { return nil }
            return encoding.decode(String(text.dropFirst(prefix.count)))
        }
        // Every pair is compared, so that the time tells nothing about which one fits.
        var isSigned = false
        for secret in secrets {
            let expected = code(message, secret)
            for candidate in candidates { isSigned = ConstantTime.isSame(expected, candidate) || isSigned }
        }
        return isSigned ? .accepted(CallerIdentity(mode: "hmac")) : .refused(.credentials)
    }

    private func isFresh(_ evidence: CallerEvidence) -> Bool {
        guard !timestamp.isEmpty else { return true }
        guard let text = fill(timestamp, evidence), let signed = Int64(String(decoding: text, as: UTF8.self)) else {
            return false
        }
        return (signed &- evidence.unixSeconds).magnitude <= UInt64(toleranceSeconds)
    }

    private func code(_ message: [UInt8], _ secret: String) -> [UInt8] {
        let key = SymmetricKey(data: Array(secret.utf8))
        switch algorithm {
        case .sha1: return Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: key))
        case .sha256: return Array(HMAC<SHA256>.authenticationCode(for: message, using: key))
        case .sha512: return Array(HMAC<SHA512>.authenticationCode(for: message, using: key))
        }
    }

    /// The template with its names filled in; nil where one is missing.
    private func fill(_ template: String, _ evidence: CallerEvidence) -> [UInt8]? {
        var filled: [UInt8] = []
        var rest = Substring(template)
        while let open = rest.firstIndex(of: "{") {
            filled += rest[..<open].utf8
            guard let close = rest[open...].firstIndex(of: "}") else { return nil }
            let name = rest[rest.index(after: open)..<close]
            rest = rest[rest.index(after: close)...]
            if name == "body" {
                filled += evidence.body
                continue
            }
            let parts = name.split(separator: ":")
            guard parts.first == "header", parts.count >= 2, let value = evidence.header(parts[1].lowercased()) else {
                return nil
            }
            guard parts.count > 2 else {
                filled += value.utf8
                continue
            }
            guard let part = Self.values(of: String(parts[2]), in: value).first else { return nil }
            filled += part.utf8
        }
        return filled + rest.utf8
    }

    /// `t=1,v1=a,v1=b`: the values of one key.
    private static func values(of key: String, in text: String) -> [String] {
        text.split(separator: ",").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].drop(while: { $0 == " " }) == key else { return nil }
            return String(parts[1])
        }
    }
}
