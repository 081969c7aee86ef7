import JSONTree
import Vocabulary
import Workflows

/// Reads the part of a channel's config that tells browsers which pages may call.
enum ChannelCORS {
    /// - Parameter allowList: the channel's `origin_allow_list`.
    static func read(_ value: JSONValue, allowList: [String], _ parent: inout InputReader) -> CORSPolicy? {
        var reader = InputReader(value, at: "config.cors")
        defer { parent.absorb(reader) }
        reader.checkNames([
            "allowed_origins", "allowed_methods", "allowed_headers", "exposed_headers", "allow_credentials",
            "max_age_secs",
        ])
        let origins = origins(&reader)
        let methods = list("allowed_methods", &reader, orElse: CORSPolicy.usualMethods)
        for method in methods where !ChannelDefinition.methods.contains(method) {
            reader.report(
                .init(
                    reader.at("allowed_methods"), .invalid, "This is no method.",
                    expected: ChannelDefinition.methods.joined(separator: ", "), got: method))
        }
        let headers = list("allowed_headers", &reader, orElse: CORSPolicy.usualHeaders)
        let exposed = list("exposed_headers", &reader, orElse: CORSPolicy.usualExposed)
        for (field, names) in [("allowed_headers", headers.filter { $0 != "*" }), ("exposed_headers", exposed)] {
            for name in names where !isHeaderName(name) {
                reader.report(.init(reader.at(field), .invalid, "This is no name of a header.", got: name))
            }
        }
        let allowsCredentials = reader.flag("allow_credentials") ?? false
        if allowsCredentials, origins.contains(where: \.isAny) {
            reader.report(
                .init(
                    reader.at("allow_credentials"), .invalid,
                    "Credentials need origins that are named: with `*` every site could act in its visitors' names."))
        }
        let maxAge = reader.integer("max_age_secs", in: 0...86_400) ?? CORSPolicy.usualMaxAge
        guard reader.details.isEmpty else { return nil }
        return CORSPolicy(
            origins: origins, methods: methods, headers: headers, exposed: exposed,
            allowsCredentials: allowsCredentials, maxAgeSeconds: maxAge, also: allowList)
    }

    private static func origins(_ reader: inout InputReader) -> [OriginPattern] {
        let texts = ChannelGuards.strings("allowed_origins", &reader)
        if texts.isEmpty, reader.details.isEmpty {
            reader.report(.init(reader.at("allowed_origins"), .required, "At least one origin is needed."))
        }
        return texts.compactMap { text in
            let pattern = OriginPattern(text)
            if pattern == nil {
                reader.report(
                    .init(
                        reader.at("allowed_origins"), .invalid, "This is no origin.",
                        expected: "https://example.com, https://*.example.com, http://localhost:* or *", got: text))
            }
            return pattern
        }
    }

    private static func list(_ field: String, _ reader: inout InputReader, orElse usual: [String]) -> [String] {
        reader.field(field) == nil ? usual : ChannelGuards.strings(field, &reader)
    }

    private static func isHeaderName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 48...57, 65...90, 97...122, 45, 95, 46: true
                default: false
                }
            }
    }
}
