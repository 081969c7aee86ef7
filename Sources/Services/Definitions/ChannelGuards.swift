import Authentication
import JSONLogic
import JSONTree
import Vocabulary
import Workflows

/// Reads the parts of a channel's config that say who may call and what is remembered.
enum ChannelGuards {
    static func strings(_ field: String, _ reader: inout InputReader) -> [String] {
        guard let list = reader.field(field) else { return [] }
        let found = (0..<list.count).compactMap { list.isArray ? list[$0].stringValue : nil }
        if !list.isArray || found.count != list.count {
            reader.report(
                .init(reader.at(field), .typeMismatch, "This must be an array of strings.", expected: "array"))
        }
        return found
    }

    static func auth(
        _ value: JSONValue, _ parent: inout InputReader
    ) -> (ChannelConfig.Authentication?, JSONLogicRule?) {
        var reader = InputReader(value, at: "config.auth")
        defer { parent.absorb(reader) }
        let authorization = reader.logic("authorization_logic")
        switch reader.string("mode") {
        case "api_key": return (keys(&reader).map { .check($0) }, authorization)
        case "hmac": return (signature(&reader).map { .check($0) }, authorization)
        case "jwt": return (TokenReading.rules(&reader).map { .tokens($0) }, authorization)
        default:
            reader.report(
                .init(
                    reader.at("mode"), .invalid, "This is no way to know callers.", expected: "api_key, hmac, jwt",
                    got: reader.field("mode")?.stringValue))
            return (nil, authorization)
        }
    }

    private static func keys(_ reader: inout InputReader) -> (any CallerChecking)? {
        reader.checkNames(["mode", "authorization_logic", "keys", "header", "scheme"])
        let keys = strings("keys", &reader)
        if keys.isEmpty, reader.details.isEmpty {
            reader.report(.init(reader.at("keys"), .required, "At least one key is needed."))
        }
        refuseEmpty(keys, "keys", &reader)
        let header = reader.string("header", maxLength: 128) ?? "Authorization"
        let scheme = reader.string("scheme", maxLength: 64) ?? (header.lowercased() == "authorization" ? "Bearer" : "")
        return KeyCheck(keys: keys, header: header, scheme: scheme)
    }

    /// Nothing is no secret: a reference that leads to an empty text opens no channel.
    private static func refuseEmpty(_ secrets: [String], _ field: String, _ reader: inout InputReader) {
        guard secrets.contains(where: { $0.allSatisfy(\.isWhitespace) }) else { return }
        reader.report(.init(reader.at(field), .invalid, "A key or secret must not be empty."))
    }

    private static func signature(_ reader: inout InputReader) -> (any CallerChecking)? {
        reader.checkNames([
            "mode", "preset", "secret", "secrets", "header", "algorithm", "message", "encoding", "signature_prefix",
            "signature_key", "timestamp", "tolerance_secs", "authorization_logic",
        ])
        let preset = reader.string("preset") ?? "generic"
        guard var check = SignatureCheck(preset: preset) else {
            reader.report(
                .init(
                    reader.at("preset"), .invalid, "There is no such preset.",
                    expected: SignatureCheck.presets.joined(separator: ", "), got: preset))
            return nil
        }
        check.secrets = strings("secrets", &reader) + (reader.string("secret").map { [$0] } ?? [])
        if check.secrets.isEmpty, reader.details.isEmpty {
            reader.report(.init(reader.at("secret"), .required, "A secret is needed."))
        }
        refuseEmpty(check.secrets, "secret", &reader)
        if let header = reader.string("header", maxLength: 128) { check.header = header.lowercased() }
        if let message = reader.string("message", maxLength: 1024) { check.message = message }
        if let prefix = reader.string("signature_prefix", maxLength: 64) { check.prefix = prefix }
        if let key = reader.string("signature_key", maxLength: 64) { check.key = key }
        if let timestamp = reader.string("timestamp", maxLength: 128) { check.timestamp = timestamp }
        if let seconds = reader.integer("tolerance_secs", in: 1...86_400) { check.toleranceSeconds = Int64(seconds) }
        if let text = reader.string("algorithm") {
            if let known = SignatureCheck.Algorithm(rawValue: text) {
                check.algorithm = known
            } else {
                reader.report(
                    .init(
                        reader.at("algorithm"), .invalid, "This is no algorithm.", expected: "sha1, sha256, sha512",
                        got: text))
            }
        }
        if let text = reader.string("encoding") {
            if let known = SignatureEncoding(rawValue: text) {
                check.encoding = known
            } else {
                reader.report(
                    .init(
                        reader.at("encoding"), .invalid, "This is no encoding.",
                        expected: "auto, hex, base64, base64url",
                        got: text))
            }
        }
        return check
    }

    static func deduplication(_ value: JSONValue, _ parent: inout InputReader) -> ChannelConfig.Deduplication? {
        var reader = InputReader(value, at: "config.deduplication")
        defer { parent.absorb(reader) }
        reader.checkNames(["header", "window_secs"] + FailureChoice.fields)
        let header = reader.string("header", maxLength: 128) ?? "Idempotency-Key"
        let window = reader.integer("window_secs", in: 1...604_800) ?? 300
        return ChannelConfig.Deduplication(
            header: header, windowSeconds: window, failsOpen: FailureChoice.read(&reader))
    }

    static func cache(_ value: JSONValue, _ parent: inout InputReader) -> ChannelConfig.Cache? {
        var reader = InputReader(value, at: "config.cache")
        defer { parent.absorb(reader) }
        reader.checkNames(
            ["enabled", "ttl_secs", "cache_key_fields", "key_logic", "namespaces", "coalesce_misses"]
                + FailureChoice.fields)
        if reader.field("enabled") == nil {
            reader.report(.init(reader.at("enabled"), .required, "This field is required."))
        }
        let isEnabled = reader.flag("enabled") ?? false
        let ttl = reader.integer("ttl_secs", in: 1...604_800) ?? 300
        let logic = reader.logic("key_logic")
        let isSingleFlight = reader.flag("coalesce_misses") ?? true
        var fields: [JSONPath] = []
        for name in strings("cache_key_fields", &reader) {
            // `data.user.id` and `user.id` mean the same: the payload is the data.
            let path = name.hasPrefix("data.") ? String(name.dropFirst(5)) : name
            if let path = reader.makePath(path, field: "cache_key_fields", roots: []) { fields.append(path) }
        }
        let namespaces = strings("namespaces", &reader)
        for name in namespaces where !isNamespace(name) {
            reader.report(
                .init(
                    reader.at("namespaces"), .invalid, "A namespace has 1 to 64 of a-z, 0-9, `_`, `.`, `:` and `-`.",
                    got: name))
        }
        let failsOpen = FailureChoice.read(&reader)
        guard isEnabled else { return nil }
        return ChannelConfig.Cache(
            ttlSeconds: ttl, keyFields: fields, keyLogic: logic, namespaces: namespaces,
            isSingleFlight: isSingleFlight, failsOpen: failsOpen)
    }

    static func isNamespace(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (97...122).contains($0) || (48...57).contains($0) || [95, 46, 58, 45].contains($0)
            }
    }
}
