import JSONTree
import Vocabulary
import Workflows

/// How a connector gets its access tokens: the client credentials grant (RFC 6749, section 4.4).
package struct OAuth2Grant: Sendable, Equatable {
    package struct Parameter: Sendable, Equatable {
        package var name: String
        package var value: String
    }

    package var tokenURL: String
    package var clientID: String
    package var clientSecret: String
    /// In the form instead of the `Authorization` header.
    package var sendsSecretInBody: Bool
    package var parameters: [Parameter]
    package var marginSeconds: Int

    private static let fields = [
        "type", "grant", "token_url", "client_id", "client_secret", "client_auth", "scopes", "audience", "resource",
        "extra_params", "refresh_margin_secs",
    ]
    /// What only we say.
    private static let own: Set<String> = ["grant_type", "client_id", "client_secret", "scope", "audience", "resource"]

    /// Reads `config.auth` of the type `oauth2`.
    static func read(_ reader: inout InputReader) -> OAuth2Grant {
        reader.checkNames(fields)
        func required(_ name: String) -> String {
            if reader.field(name) == nil { reader.report(.init(reader.at(name), .required, "This field is required.")) }
            return reader.string(name, maxLength: 8192) ?? ""
        }
        if let grant = reader.string("grant"), grant != "client_credentials" {
            reader.report(
                .init(
                    reader.at("grant"), .invalid, "This release has one grant.", expected: "client_credentials",
                    got: grant))
        }
        let url = required("token_url")
        let isReference = SecretForm.isHidden(url)
        if !url.isEmpty, !isReference,
            !["http://", "https://"].contains(where: { url.hasPrefix($0) && url.count > $0.count })
        {
            reader.report(
                .init(reader.at("token_url"), .invalid, "The URL must begin with http:// or https:// and name a host."))
        }
        let place = reader.string("client_auth") ?? "basic"
        if !["basic", "body"].contains(place) {
            reader.report(
                .init(
                    reader.at("client_auth"), .invalid, "This is none of the words allowed here.",
                    expected: "basic, body", got: place))
        }
        var parameters = [Parameter(name: "grant_type", value: "client_credentials")]
        let scopes = scopes(&reader)
        if !scopes.isEmpty { parameters.append(.init(name: "scope", value: scopes.joined(separator: " "))) }
        for name in ["audience", "resource"] {
            if let value = reader.string(name, maxLength: 2048) { parameters.append(.init(name: name, value: value)) }
        }
        parameters += extra(&reader)
        return OAuth2Grant(
            tokenURL: url, clientID: required("client_id"), clientSecret: required("client_secret"),
            sendsSecretInBody: place == "body", parameters: parameters,
            marginSeconds: reader.integer("refresh_margin_secs", in: 0...3600) ?? 60)
    }

    private static func scopes(_ reader: inout InputReader) -> [String] {
        guard let list = reader.field("scopes") else { return [] }
        let found = (0..<list.count).compactMap { list.isArray ? list[$0].stringValue : nil }
        if !list.isArray || found.count != list.count {
            reader.report(
                .init(reader.at("scopes"), .typeMismatch, "This must be an array of strings.", expected: "array"))
        }
        return found
    }

    private static func extra(_ reader: inout InputReader) -> [Parameter] {
        guard let object = reader.field("extra_params") else { return [] }
        guard object.isObject else {
            reader.report(
                .init(reader.at("extra_params"), .typeMismatch, "This must be an object.", expected: "object"))
            return []
        }
        var found: [Parameter] = []
        for index in 0..<object.count {
            let name = object.key(at: index).stringValue ?? ""
            let path = reader.at("extra_params.\(name)")
            if own.contains(name) {
                reader.report(.init(path, .invalid, "This parameter has a field of its own."))
            } else if let value = object.value(at: index).stringValue {
                found.append(.init(name: name, value: value))
            } else {
                reader.report(.init(path, .typeMismatch, "This must be a string.", expected: "string"))
            }
        }
        return found
    }
}
