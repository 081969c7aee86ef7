import Channels
import HTTPServing
import JSONTree
import Telemetry
import Vocabulary

/// What a workflow learns about the request besides its body. Callers cannot supply any of it.
enum RequestMetadata {
    /// Header values that must not reach traces, logs or logic.
    private static let maskedHeaders: [StaticString] = ["authorization", "cookie", "proxy-authorization", "x-api-key"]

    /// Names in a caller's own `metadata` that are dropped.
    private static let reserved = [
        "http_method", "params", "query", "headers", "channel", "auth", "oauth", "cookies", "vars", "trigger",
        "identity", "progress", "_orion_errors", "_orion_call_depth", "_orion_call_chain",
    ]

    static func make(
        for request: HTTPRequest, channel: String, parameters: [(name: String, value: String)],
        supplied: JSONValue?, headers: JSONValue, in arena: JSONArena
    ) -> JSONValue {
        var members = JSONObjectBuilder(capacity: 5 + (supplied?.count ?? 0), in: arena)
        if let supplied {
            for index in 0..<supplied.count {
                let key = supplied.key(at: index)
                guard let name = key.stringValue, !reserved.contains(name) else { continue }
                members.append(key: key, supplied.value(at: index))
            }
        }
        members.append(key: "http_method", .string(request.methodName, in: arena))
        if !parameters.isEmpty {
            var params = JSONObjectBuilder(capacity: parameters.count, in: arena)
            for (name, value) in parameters { params.append(key: name, .string(value, in: arena)) }
            members.append(key: "params", params.finish())
        }
        if let query = request.query, !query.isEmpty {
            members.append(key: "query", Self.query(query, in: arena))
        }
        members.append(key: "headers", headers)
        members.append(key: "channel", .string(channel, in: arena))
        return members.finish()
    }

    /// The caller's trace context; a header that breaks the standard's rules is as good as none.
    static func traceparent(in headers: JSONValue) -> JSONValue? {
        guard let value = headers.member("traceparent"), let text = value.stringValue,
            TraceContext(traceparent: text) != nil
        else { return nil }
        return value
    }

    /// Lower-case names; repeated headers joined with a comma (RFC 9110, section 5.3).
    ///
    /// - Parameter masksCredentials: false only for what is looked at now and never kept, such as the key of a rate limit.
    static func headers(of request: HTTPRequest, masksCredentials: Bool = true, in arena: JSONArena) -> JSONValue {
        var names: [String] = []
        var values: [String] = []
        request.forEachHeader { nameBytes, valueBytes in
            let name = String(decoding: nameBytes, as: UTF8.self).lowercased()
            let isMasked = masksCredentials && maskedHeaders.contains { $0.description == name }
            let value = isMasked ? "******" : String(decoding: valueBytes, as: UTF8.self)
            if let known = names.firstIndex(of: name) {
                values[known] += ", " + value
            } else {
                names.append(name)
                values.append(value)
            }
        }
        var members = JSONObjectBuilder(capacity: names.count, in: arena)
        for (name, value) in zip(names, values) { members.append(key: name, .string(value, in: arena)) }
        return members.finish()
    }

    private static func query(_ text: String, in arena: JSONArena) -> JSONValue {
        var names: [String] = []
        var values: [String] = []
        for pair in text.split(separator: "&").prefix(256) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decode(parts[0].utf8, plusIsSpace: true) else { continue }
            let value = parts.count > 1 ? PercentCoding.decode(parts[1].utf8, plusIsSpace: true) ?? "" : ""
            if let known = names.firstIndex(of: name) {
                values[known] = value
            } else {
                names.append(name)
                values.append(value)
            }
        }
        var members = JSONObjectBuilder(capacity: names.count, in: arena)
        for (name, value) in zip(names, values) { members.append(key: name, .string(value, in: arena)) }
        return members.finish()
    }
}
