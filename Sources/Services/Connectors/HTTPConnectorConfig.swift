import JSONTree
import Vocabulary
import Workflows

/// An `http` connector's settings, with secrets as they are used.
package struct HTTPConnectorConfig: Sendable {
    package enum Authentication: Sendable {
        case bearer(token: String)
        case basic(username: String, password: String)
        case header(name: String, value: String)
        case oauth2(OAuth2Grant)
    }

    package var url: String
    package var headers: [(name: String, value: String)]
    package var queryParameters: [(name: String, value: String)]
    package var authentication: Authentication?
    package var retry: CallRetry
    package var maxReplyBytes: Int
    package var allowsPrivateAddresses: Bool
    /// Empty for all.
    package var allowedMethods: [String]

    private static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]

    /// Reads `config`; what is wrong goes into the reader.
    static func read(_ reader: inout InputReader) -> HTTPConnectorConfig? {
        reader.checkNames([
            "type", "url", "method", "headers", "query_params", "auth", "retry", "retry_non_idempotent",
            "max_response_size", "allow_private_urls", "operations",
        ])
        _ = reader.string("method")
        let url = reader.string("url", maxLength: 2048)
        // A reference is looked at when it is used.
        let beginnings = ["http://", "https://", "env://", "file://"]
        if let url, !beginnings.contains(where: { url.hasPrefix($0) && url.count > $0.count }) {
            reader.report(
                .init(reader.at("url"), .invalid, "The URL must begin with http:// or https:// and name a host."))
        }
        if reader.field("url") == nil { reader.report(.init(reader.at("url"), .required, "This field is required.")) }
        let authentication = authentication(&reader)
        let retry = retry(&reader)
        var operations: [String] = []
        if let part = reader.field("operations") {
            var inner = InputReader(part, at: reader.at("operations"))
            inner.checkNames(["methods"])
            operations = strings(&inner, "methods")
            for method in operations where !methods.contains(method) {
                inner.report(
                    .init(
                        inner.at("methods"), .invalid, "This is no method.", expected: methods.joined(separator: ", "),
                        got: method))
            }
            reader.absorb(inner)
        }
        let headers = pairs(&reader, "headers")
        let parameters = pairs(&reader, "query_params")
        let maxBytes = reader.integer("max_response_size", in: 1...(1 << 30)) ?? 10_485_760
        let allowsPrivate = reader.flag("allow_private_urls") ?? false
        guard reader.details.isEmpty, let url else { return nil }
        return HTTPConnectorConfig(
            url: url, headers: headers, queryParameters: parameters.sorted { $0.name < $1.name },
            authentication: authentication, retry: retry, maxReplyBytes: maxBytes,
            allowsPrivateAddresses: allowsPrivate, allowedMethods: operations)
    }

    private static func retry(_ reader: inout InputReader) -> CallRetry {
        let unsafe = reader.flag("retry_non_idempotent") ?? false
        guard let part = reader.field("retry") else {
            return CallRetry(maxRetries: 3, delay: .seconds(1), repeatsUnsafeMethods: unsafe)
        }
        var inner = InputReader(part, at: reader.at("retry"))
        inner.checkNames(["max_retries", "retry_delay_ms"])
        let most = inner.integer("max_retries", in: 0...16) ?? 3
        let delay = inner.integer("retry_delay_ms", in: 1...60_000) ?? 1000
        reader.absorb(inner)
        return CallRetry(maxRetries: most, delay: .milliseconds(delay), repeatsUnsafeMethods: unsafe)
    }

    private static func authentication(_ reader: inout InputReader) -> Authentication? {
        guard let part = reader.field("auth") else { return nil }
        var inner = InputReader(part, at: reader.at("auth"))
        defer { reader.absorb(inner) }
        func required(_ name: String) -> String {
            if inner.field(name) == nil { inner.report(.init(inner.at(name), .required, "This field is required.")) }
            return inner.string(name) ?? ""
        }
        switch inner.string("type") {
        case "bearer":
            inner.checkNames(["type", "token"])
            return .bearer(token: required("token"))
        case "basic":
            inner.checkNames(["type", "username", "password"])
            return .basic(username: required("username"), password: required("password"))
        case "apikey":
            inner.checkNames(["type", "header", "key"])
            return .header(name: required("header"), value: required("key"))
        case "oauth2": return .oauth2(OAuth2Grant.read(&inner))
        default:
            inner.report(
                .init(
                    inner.at("type"), .invalid, "This is no kind of authentication.",
                    expected: "bearer, basic, apikey, oauth2"))
            return nil
        }
    }

    private static func pairs(_ reader: inout InputReader, _ field: String) -> [(name: String, value: String)] {
        guard let object = reader.field(field) else { return [] }
        guard object.isObject else {
            reader.report(.init(reader.at(field), .typeMismatch, "This must be an object.", expected: "object"))
            return []
        }
        var found: [(name: String, value: String)] = []
        for index in 0..<object.count {
            let name = object.key(at: index).stringValue ?? ""
            guard let value = object.value(at: index).stringValue else {
                reader.report(
                    .init(reader.at("\(field).\(name)"), .typeMismatch, "This must be a string.", expected: "string"))
                continue
            }
            found.append((name, value))
        }
        return found
    }

    private static func strings(_ reader: inout InputReader, _ field: String) -> [String] {
        guard let list = reader.field(field) else { return [] }
        let found = (0..<list.count).compactMap { list.isArray ? list[$0].stringValue : nil }
        if !list.isArray || found.count != list.count {
            reader.report(
                .init(reader.at(field), .typeMismatch, "This must be an array of strings.", expected: "array"))
        }
        return found
    }
}
