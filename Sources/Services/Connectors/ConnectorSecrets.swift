package import JSONTree
package import Storage
package import Vocabulary

/// What becomes of the texts in a connector's config: sealed when it is stored, masked when it is shown, opened when it is
/// used. Only what is on the list of readable fields is readable; everything else counts as a secret.
package struct ConnectorSecrets: Sendable {
    package static let mask = SecretForm.mask

    private let box: SecretBox
    private let environment: @Sendable (String) -> String?
    private let file: @Sendable (String) -> String?

    /// - Parameters:
    ///   - environment: the value of a variable, for `env://NAME`.
    ///   - file: the text of a file, for `file:///path`.
    package init(
        box: SecretBox, environment: @escaping @Sendable (String) -> String?,
        file: @escaping @Sendable (String) -> String?
    ) {
        self.box = box
        self.environment = environment
        self.file = file
    }

    /// Paths below `config`; `*` stands for one name.
    private static let readable: [[String]] = [
        ["type"], ["url"], ["method"], ["operations", "methods"], ["auth", "type"], ["auth", "username"],
        ["auth", "header"], ["auth", "grant"], ["auth", "token_url"], ["auth", "client_id"], ["auth", "client_auth"],
        ["auth", "scopes"], ["auth", "audience"], ["auth", "resource"],
        ["backend"], ["driver"], ["jwt_keys", "algorithm"], ["jwt_keys", "kid"], ["jwt_keys", "key_encoding"],
    ]

    /// - Parameter text: what is written there. The URL of anything but HTTP says how to get in.
    private static func isReadable(_ path: [String], _ text: String) -> Bool {
        if path == ["url"], text.contains("://"), !text.hasPrefix("http") { return false }
        return readable.contains(path.filter { !$0.allSatisfy(\.isNumber) })
    }

    /// For reading: secrets as `******`, a password inside a URL too.
    package static func masked(_ config: JSONValue, in arena: JSONArena) -> JSONValue {
        transform(config, [], in: arena) { path, text in
            if SecretForm.isReference(text) { return text }
            guard isReadable(path, text), !SecretBox.isSealed(text) else { return mask }
            return path == ["url"] || path == ["auth", "token_url"] ? withoutPassword(text) : text
        }
    }

    /// For storing: literal secrets sealed; `******` means what is stored already. A secret that has not changed stays
    /// sealed as it is: the same content twice is the same content.
    ///
    /// - Throws: a problem where a mask stands for nothing.
    package func sealed(
        _ config: JSONValue, over stored: JSONValue?, in arena: JSONArena
    ) throws(Problem) -> JSONValue {
        var missing: [String] = []
        let result = Self.transform(config, [], in: arena) { path, text in
            guard !SecretForm.isReference(text), !Self.isReadable(path, text) || path == ["url"] && text == Self.mask,
                !SecretBox.isSealed(text)
            else { return text }
            var place = stored
            for name in path {
                place = place.flatMap { value in
                    guard value.isArray else { return value.member(name) }
                    return Int(name).flatMap { $0 < value.count ? value[$0] : nil }
                }
            }
            let known = place?.stringValue
            guard text == Self.mask else {
                if let known, box.open(known) == text { return known }
                return box.seal(text) ?? Self.mask
            }
            guard let known else {
                missing.append("config." + path.joined(separator: "."))
                return text
            }
            return known
        }
        guard missing.isEmpty else {
            throw Problem(
                .validation, "A masked value stands for nothing that is stored.",
                details: missing.map { .init($0, .invalid, "Write the secret, or a reference such as env://NAME.") })
        }
        return result
    }

    /// A definition of any kind as it is stored.
    ///
    /// - Throws: a problem where a mask stands for nothing.
    package func sealedDefinition(
        _ body: JSONValue, _ kind: DefinitionKind, over stored: JSONValue?, in arena: JSONArena
    ) throws(Problem) -> JSONValue {
        switch kind {
        case .workflow: return body
        case .channel: return try sealedChannel(body, over: stored, in: arena)
        case .connector:
            var document = JSONDocument(root: body.copied(into: arena), arena: arena)
            let config = try sealed(body.member("config") ?? .null, over: stored?.member("config"), in: arena)
            guard let path = try? JSONPath("config"), document.set(path, to: config) else {
                throw Problem(.internalError, "The connector could not be put together.")
            }
            return document.root
        }
    }

    /// For using: sealed secrets opened, references followed.
    ///
    /// - Throws: the sentence of the first that cannot be; it holds no secret.
    package func opened(_ config: JSONValue, in arena: JSONArena) throws(ConnectorFault) -> JSONValue {
        var fault: ConnectorFault?
        let result = Self.transform(config, [], in: arena) { path, text in
            let name = (path.first == "config" ? "" : "config.") + path.joined(separator: ".")
            if text.hasPrefix("env://") {
                if let value = environment(String(text.dropFirst(6))) { return value }
                fault =
                    fault
                    ?? .init(
                        stage: "secret_resolution", message: "\(name): there is no variable `\(text.dropFirst(6))`.")
            } else if text.hasPrefix("file://") {
                if let value = file(String(text.dropFirst(7))) { return value }
                fault =
                    fault
                    ?? .init(
                        stage: "secret_resolution", message: "\(name): the file `\(text.dropFirst(7))` cannot be read.")
            } else if SecretBox.isSealed(text) {
                if let value = box.open(text) { return value }
                fault =
                    fault
                    ?? .init(
                        stage: "secret_resolution", message: "\(name): it was sealed with another key.", isForeign: true
                    )
            }
            return text
        }
        if let fault { throw fault }
        return result
    }

    /// The texts in a connector that count as secrets, as they are used; also in the form of basic authentication.
    package func secretTexts(_ connector: JSONValue) -> [String] {
        let arena = JSONArena()
        let config = connector.member("config") ?? .null
        guard let opened = try? opened(config, in: arena) else { return [] }  // told where the connector is loaded
        var found: [String] = []
        _ = Self.transform(opened, [], in: arena) { path, text in
            if !Self.isReadable(path, text) { found.append(text) }
            return text
        }
        let auth = opened.member("auth")
        if let user = auth?.member("username")?.stringValue, let password = auth?.member("password")?.stringValue {
            found.append(Base64.text(Array("\(user):\(password)".utf8)))
        }
        return found
    }

    private static func transform(
        _ value: JSONValue, _ path: [String], in arena: JSONArena, _ text: ([String], String) -> String
    ) -> JSONValue {
        if let string = value.stringValue { return .string(text(path, string), in: arena) }
        if value.isObject {
            var members = JSONObjectBuilder(capacity: value.count, in: arena)
            for index in 0..<value.count {
                let name = value.key(at: index).stringValue ?? ""
                members.append(key: name, transform(value.value(at: index), path + [name], in: arena, text))
            }
            return members.finish()
        }
        if value.isArray {
            var elements = JSONArrayBuilder(capacity: value.count, in: arena)
            for index in 0..<value.count {
                elements.append(transform(value[index], path + ["\(index)"], in: arena, text))
            }
            return elements.finish()
        }
        return value.copied(into: arena)
    }

    private static func withoutPassword(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let host = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
        guard let at = host.lastIndex(of: "@") else { return url }
        return String(url[..<scheme.upperBound]) + mask + String(url[at...])
    }
}

/// Why a connector is not loaded.
package struct ConnectorFault: Error, Sendable, Equatable {
    package var stage: String
    package var message: String
    /// A secret was sealed with another key.
    package var isForeign = false
}
