package import Authentication
import JSONTree
import Vocabulary

/// Reads what is asked of tokens, for channels and functions alike.
package enum TokenInput {
    /// The list, without what is no algorithm. `none` is none.
    package static func algorithms(_ reader: inout InputReader) -> [TokenAlgorithm] {
        guard reader.field("algorithms") != nil else {
            reader.report(
                .init(
                    reader.at("algorithms"), .required, "Name the algorithms that tokens may be signed with.",
                    expected: TokenAlgorithm.names))
            return []
        }
        let names = strings("algorithms", &reader)
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

    package static func claims(_ reader: inout InputReader) -> ClaimRules {
        var rules = ClaimRules()
        rules.issuers = oneOrMore("issuer", &reader)
        rules.audiences = oneOrMore("audience", &reader)
        rules.leewaySeconds = reader.integer("leeway_secs", in: 0...300) ?? 30
        rules.requiresExpiry = reader.flag("require_exp") ?? true
        return rules
    }

    private static func oneOrMore(_ field: String, _ reader: inout InputReader) -> [String] {
        if let one = reader.field(field)?.stringValue { return [one] }
        return strings(field, &reader)
    }

    /// `[{"algorithm", "key", "kid"?, "key_encoding"?}]`. Keys that are known only later, as references are, are passed
    /// over here and read again where the channel is served.
    package static func keys(
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

    private static func strings(_ field: String, _ reader: inout InputReader) -> [String] {
        guard let list = reader.field(field) else { return [] }
        let found = (0..<list.count).compactMap { list.isArray ? list[$0].stringValue : nil }
        if !list.isArray || found.count != list.count {
            reader.report(
                .init(reader.at(field), .typeMismatch, "This must be an array of strings.", expected: "array"))
        }
        return found
    }
}
