import Authentication
import JSONTree
import Vocabulary
import Workflows

/// Reads what a channel asks of tokens: `config.auth` with the mode `jwt`.
enum TokenReading {
    private static let fields = [
        "mode", "authorization_logic", "algorithms", "jwt_keys", "jwks_url", "issuer", "audience", "leeway_secs",
        "require_exp", "required", "source", "max_token_bytes", "claims_to_metadata",
    ]

    static func rules(_ reader: inout InputReader) -> TokenRules? {
        reader.checkNames(fields)
        var rules = TokenRules(algorithms: algorithms(&reader))
        rules.keySetURL = address(&reader)
        let hasKeys = reader.field("jwt_keys") != nil
        rules.keys = keys("jwt_keys", allowing: rules.algorithms, &reader)
        if !hasKeys, rules.keySetURL == nil, reader.field("jwks_url") == nil {
            reader.report(.init(reader.at("jwt_keys"), .required, "Set jwt_keys or jwks_url."))
        }
        rules.claims = claims(&reader)
        rules.isRequired = reader.flag("required") ?? true
        if let source = reader.field("source") { rules.source = self.source(source, &reader) }
        rules.maxTokenBytes = reader.integer("max_token_bytes", in: 64...65_536) ?? 8192
        if reader.field("claims_to_metadata") != nil {
            rules.visibleClaims = ChannelGuards.strings("claims_to_metadata", &reader)
        }
        return rules
    }

    /// The list, without what is no algorithm. `none` is none.
    static func algorithms(_ reader: inout InputReader) -> [TokenAlgorithm] {
        guard reader.field("algorithms") != nil else {
            reader.report(
                .init(
                    reader.at("algorithms"), .required, "Name the algorithms that tokens may be signed with.",
                    expected: TokenAlgorithm.names))
            return []
        }
        let names = ChannelGuards.strings("algorithms", &reader)
        if names.isEmpty, reader.field("algorithms")?.isArray == true {
            reader.report(.init(reader.at("algorithms"), .invalid, "At least one algorithm is needed."))
        }
        return names.enumerated().compactMap { place, name in
            let known = TokenAlgorithm(rawValue: name)
            if known == nil { reader.report(unknown(reader.at("algorithms[\(place)]"), name)) }
            return known
        }
    }

    private static func unknown(_ path: String, _ name: String?) -> Problem.Detail {
        .init(path, .invalid, "This is no algorithm for tokens.", expected: TokenAlgorithm.names, got: name)
    }

    static func claims(_ reader: inout InputReader) -> ClaimRules {
        var rules = ClaimRules()
        rules.issuers = oneOrMore("issuer", &reader)
        rules.audiences = oneOrMore("audience", &reader)
        rules.leewaySeconds = reader.integer("leeway_secs", in: 0...300) ?? 30
        rules.requiresExpiry = reader.flag("require_exp") ?? true
        return rules
    }

    private static func oneOrMore(_ field: String, _ reader: inout InputReader) -> [String] {
        if let one = reader.field(field)?.stringValue { return [one] }
        return ChannelGuards.strings(field, &reader)
    }

    /// `[{"algorithm", "key", "kid"?, "key_encoding"?}]`. Keys that are known only later, as references are, are passed
    /// over here and read again where the channel is served.
    static func keys(
        _ field: String, allowing algorithms: [TokenAlgorithm], _ reader: inout InputReader
    ) -> [TokenKey] {
        guard let list = reader.field(field) else { return [] }
        guard list.isArray, list.count > 0, list.count <= 32 else {
            reader.report(
                .init(reader.at(field), .invalid, "This must be an array of 1 to 32 keys.", expected: "array"))
            return []
        }
        var found: [TokenKey] = []
        for place in 0..<list.count {
            var inner = InputReader(list[place], at: reader.at("\(field)[\(place)]"))
            if let key = key(allowing: algorithms, &inner) { found.append(key) }
            reader.absorb(inner)
        }
        return found
    }

    private static func key(allowing algorithms: [TokenAlgorithm], _ reader: inout InputReader) -> TokenKey? {
        guard reader.value.isObject else {
            reader.report(.init(reader.path, .typeMismatch, "A key must be an object.", expected: "object"))
            return nil
        }
        reader.checkNames(["algorithm", "key", "kid", "key_encoding"])
        let id = reader.string("kid", maxLength: 256)
        let name = reader.string("algorithm")
        guard let algorithm = name.flatMap(TokenAlgorithm.init(rawValue:)) else {
            reader.report(unknown(reader.at("algorithm"), name))
            return nil
        }
        if !algorithms.isEmpty, !algorithms.contains(algorithm) {
            reader.report(
                .init(reader.at("algorithm"), .invalid, "The algorithms above do not allow this one.", got: name))
        }
        let word = reader.string("key_encoding") ?? "utf8"
        guard let encoding = TokenKey.Encoding(rawValue: word) else {
            reader.report(
                .init(
                    reader.at("key_encoding"), .invalid, "This is no encoding.",
                    expected: TokenKey.Encoding.allCases.map(\.rawValue).joined(separator: ", "), got: word))
            return nil
        }
        guard let text = reader.string("key") else {
            if reader.field("key") == nil {
                reader.report(.init(reader.at("key"), .required, "This field is required."))
            }
            return nil
        }
        guard !SecretForm.isHidden(text) else { return nil }
        do throws(TokenKey.Fault) {
            return try TokenKey(text, algorithm: algorithm, id: id, encoding: encoding)
        } catch {
            reader.report(.init(reader.at("key"), .invalid, error.message))
            return nil
        }
    }

    /// Keys from a plain connection could be anybody's: `https`, or this machine for trying things out.
    private static func address(_ reader: inout InputReader) -> String? {
        guard let url = reader.string("jwks_url", maxLength: 2048) else { return nil }
        let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"].contains { host in
            url.hasPrefix(host) && [nil, ":", "/"].contains(url.dropFirst(host.count).first)
        }
        guard local || url.hasPrefix("https://") && url.count > 8 else {
            reader.report(.init(reader.at("jwks_url"), .invalid, "The address must begin with https://.", got: url))
            return nil
        }
        return url
    }

    private static func source(_ value: JSONValue, _ parent: inout InputReader) -> TokenRules.Source {
        var reader = InputReader(value, at: parent.at("source"))
        defer { parent.absorb(reader) }
        reader.checkNames(["header", "scheme", "cookie"])
        let header = reader.string("header", maxLength: 128)
        let scheme = reader.string("scheme", maxLength: 64)
        if let cookie = reader.string("cookie", maxLength: 128) {
            if header != nil || scheme != nil {
                reader.report(
                    .init(reader.at("cookie"), .invalid, "A token is in a header or in a cookie, not in both."))
            }
            return .cookie(name: cookie)
        }
        let name = (header ?? "authorization").lowercased()
        return .header(name: name, scheme: scheme ?? (name == "authorization" ? "Bearer" : ""))
    }
}
