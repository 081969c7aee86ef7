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
        var rules = TokenRules(algorithms: TokenInput.algorithms(&reader))
        rules.keySetURL = address(&reader)
        let hasKeys = reader.field("jwt_keys") != nil
        rules.keys = TokenInput.keys("jwt_keys", allowing: rules.algorithms, &reader)
        if !hasKeys, rules.keySetURL == nil, reader.field("jwks_url") == nil {
            reader.report(.init(reader.at("jwt_keys"), .required, "Set jwt_keys or jwks_url."))
        }
        rules.claims = TokenInput.claims(&reader)
        rules.isRequired = reader.flag("required") ?? true
        if let source = reader.field("source") { rules.source = self.source(source, &reader) }
        rules.maxTokenBytes = reader.integer("max_token_bytes", in: 64...65_536) ?? 8192
        if reader.field("claims_to_metadata") != nil {
            rules.visibleClaims = ChannelGuards.strings("claims_to_metadata", &reader)
        }
        return rules
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
