import TOMLKit
import Vocabulary

/// Puts settings together: defaults, then the file, then the environment, then flags. The later wins.
package enum SettingsReader {
    /// - Parameters:
    ///   - file: the text of a TOML file, and its name for messages.
    ///   - flags: keys as they are written in the file, with text values.
    package static func read(
        file: (name: String, text: String)?, environment: [String: String], flags: [(key: String, value: String)]
    ) throws(SettingsError) -> Settings {
        var settings = Settings()
        if let file {
            for (key, value) in try flatten(file) { try apply(key, value, from: file.name, to: &settings) }
        }
        for (variable, value) in environment.sorted(by: { $0.key < $1.key }) {
            guard variable.hasPrefix("WEIR_") else { continue }
            guard variable.contains("__") || variable == "WEIR_ENVIRONMENT" else {
                // Variables of other things begin so too; one that means a setting is a mistake that nobody would notice.
                if let meant = SettingKey.all.first(where: { Self.joined($0.variable) == variable }) {
                    throw SettingsError("The environment variable \(variable) sets nothing.\(hint(meant.variable))")
                }
                continue
            }
            guard let key = SettingKey.all.first(where: { $0.variable == variable }) else {
                let nearest = Spelling.nearest(to: variable, among: SettingKey.all.map(\.variable))
                throw SettingsError("The environment variable \(variable) sets nothing.\(hint(nearest))")
            }
            try apply(key.name, value, from: variable, to: &settings)
        }
        for (key, value) in flags { try apply(key, value, from: "the command line", to: &settings) }
        try check(settings)
        return settings
    }

    /// With one underscore where two belong.
    private static func joined(_ variable: String) -> String { variable.replacing("__", with: "_") }

    private static func hint(_ nearest: String?) -> String { nearest.map { " Did you mean \($0)?" } ?? "" }

    private static func apply(
        _ name: String, _ value: String, from source: String, to settings: inout Settings
    ) throws(SettingsError) {
        guard let key = SettingKey.all.first(where: { $0.name == name }) else {
            let nearest = Spelling.nearest(to: name, among: SettingKey.all.map(\.name))
            throw SettingsError("There is no key `\(name)` (in \(source)).\(hint(nearest))")
        }
        func wrong(_ allowed: String) -> SettingsError {
            let shown = key.isSecret ? "******" : value
            return SettingsError("`\(name)` is `\(shown)` in \(source); it must be \(allowed).")
        }
        switch key.kind {
        case .text(let path, let choices):
            guard choices.isEmpty || choices.contains(value) else {
                throw wrong("one of \(choices.joined(separator: ", "))")
            }
            settings[keyPath: path] = value
        case .number(let path, let range):
            guard let number = Int(value), range.contains(number) else {
                throw wrong("a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            settings[keyPath: path] = number
        case .flag(let path):
            guard let flag = ["true": true, "false": false, "1": true, "0": false][value.lowercased()] else {
                throw wrong("true or false")
            }
            settings[keyPath: path] = flag
        case .fraction(let path):
            guard let number = Double(value), (0...1).contains(number) else { throw wrong("a number from 0 to 1") }
            settings[keyPath: path] = number
        case .list(let path):
            settings[keyPath: path] = value.split(separator: ",").map { String($0.drop { $0 == " " }) }.filter {
                !$0.isEmpty
            }
        }
    }

    private static func check(_ settings: Settings) throws(SettingsError) {
        let hasKeys = !settings.adminKeys.isEmpty
        let isLoopback =
            ["127.0.0.1", "localhost", "::1"].contains(settings.serverHost) || settings.serverHost.hasPrefix("127.")
        guard hasKeys || isLoopback else {
            throw SettingsError(
                "server.host is `\(settings.serverHost)`, which others can reach, and there is no admin key. "
                    + "Set admin_auth.api_keys, or listen on 127.0.0.1.")
        }
        guard hasKeys || !settings.environment.lowercased().hasPrefix("prod") else {
            throw SettingsError(
                "The environment is `\(settings.environment)` and there is no admin key. Set admin_auth.api_keys.")
        }
        try checkServing(settings)
        try checkCluster(settings)
        try settings.checkSharing()
        guard settings.otlpEndpoint.hasPrefix("http://") || settings.otlpEndpoint.hasPrefix("https://") else {
            throw SettingsError(
                "tracing.otlp_endpoint is `\(settings.otlpEndpoint)`; it must begin with http:// or https://.")
        }
        guard settings.otlpHeaders.allSatisfy({ $0.contains("=") && !$0.hasPrefix("=") }) else {
            throw SettingsError("tracing.otlp_headers must be names and values, such as api-key=secret.")
        }
        for key in settings.adminKeys + settings.adminReadOnlyKeys where key.hasPrefix("sha256:") {
            guard key.utf8.count == 71, key.dropFirst(7).allSatisfy(\.isHexDigit) else {
                throw SettingsError(
                    "A key in admin_auth begins with sha256: and does not go on with 64 hex digits: it would open nothing."
                )
            }
        }
        let key = settings.connectorEncryptionKey
        guard key.isEmpty || key.utf8.count == 64 && key.allSatisfy(\.isHexDigit) else {
            throw SettingsError("storage.connector_encryption_key must be 64 hex digits.")
        }
        let isFile = settings.storageURL.hasPrefix("sqlite:") && settings.storageURL.utf8.count > 7
        let isServer = ["postgres://", "postgresql://", "mysql://", "mariadb://"].contains {
            settings.storageURL.hasPrefix($0)
        }
        guard isFile || isServer || settings.storageURL == "memory:" else {
            throw SettingsError(
                "storage.url must be `sqlite:` and a path, a `postgres://` or `mysql://` URL, or `memory:` for trying things out: nothing survives then."
            )
        }
        guard settings.storagePoolMinimum <= settings.storagePoolSize else {
            throw SettingsError(
                "storage.pool_min is \(settings.storagePoolMinimum) and storage.pool_size is \(settings.storagePoolSize): no more connections can be kept open than there may be."
            )
        }
        guard !isServer || !key.isEmpty else {
            throw SettingsError(
                "With a database on a server, storage.connector_encryption_key must be set: there is no place beside it for a key. `openssl rand -hex 32` makes one."
            )
        }
    }

    private static func checkCluster(_ settings: Settings) throws(SettingsError) {
        let (beat, life) = (settings.clusterHeartbeatMilliseconds, settings.clusterTTLMilliseconds)
        guard life >= 3 * beat else {
            throw SettingsError(
                "cluster.ttl_ms is \(life) and cluster.heartbeat_ms \(beat): one late heartbeat would make an instance dead. "
                    + "Make the first at least three times the second.")
        }
        let url = settings.clusterAdvertiseURL
        let host = url.drop { $0 != ":" }.dropFirst(3)
        let isPlain =
            !host.isEmpty && host.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"/?#@\\\"".utf8.contains($0) }
        guard url.isEmpty || isPlain && (url.hasPrefix("http://") || url.hasPrefix("https://")) else {
            throw SettingsError(
                "cluster.advertise_url is `\(url)`; it must be http:// or https://, a host and a port, and nothing after them."
            )
        }
    }

    private static func checkServing(_ settings: Settings) throws(SettingsError) {
        guard !settings.tlsEnabled || !settings.tlsCertificatePath.isEmpty && !settings.tlsKeyPath.isEmpty else {
            throw SettingsError("server.tls.enabled needs server.tls.cert_path and server.tls.key_path.")
        }
        guard settings.corsOrigins.contains("*") else { return }
        guard !settings.corsAllowsCredentials else {
            throw SettingsError(
                "cors.allow_credentials cannot be with `*` in cors.allowed_origins: every site could act in its "
                    + "visitors' names. Name the origins.")
        }
        guard !settings.environment.lowercased().hasPrefix("prod") else {
            throw SettingsError(
                "The environment is `\(settings.environment)` and cors.allowed_origins has `*`. Name the origins.")
        }
    }

    private static func flatten(_ file: (name: String, text: String)) throws(SettingsError) -> [(String, String)] {
        let table: TOMLTable
        do { table = try TOMLTable(string: file.text) } catch {
            throw SettingsError("\(file.name) is not valid TOML: \(error)")
        }
        var pairs: [(String, String)] = []
        try flatten(table, prefix: "", file: file.name, into: &pairs)
        return pairs
    }

    private static func flatten(
        _ table: TOMLTable, prefix: String, file: String, into pairs: inout [(String, String)]
    ) throws(SettingsError) {
        for key in table.keys {
            guard let value = table[key] else { continue }
            let name = prefix.isEmpty ? key : "\(prefix).\(key)"
            if let inner = value.table {
                try flatten(inner, prefix: name, file: file, into: &pairs)
            } else if let text = value.string {
                pairs.append((name, text))
            } else if let number = value.int {
                pairs.append((name, String(number)))
            } else if let number = value.double {
                pairs.append((name, String(number)))
            } else if let flag = value.bool {
                pairs.append((name, flag ? "true" : "false"))
            } else if let array = value.array {
                pairs.append((name, array.compactMap { $0.string }.joined(separator: ",")))
            } else {
                throw SettingsError("`\(name)` in \(file) is of a type that no key has.")
            }
        }
    }

    /// All keys with their values, secrets masked, as TOML lines.
    package static func lines(_ settings: Settings) -> [String] {
        SettingKey.all.map { "\($0.name) = \(shown($0, settings))" }
    }

    /// All keys with what they are for and what they are where nothing is set.
    package static var reference: [(name: String, initial: String, summary: String)] {
        SettingKey.all.map { ($0.name, shown($0, Settings()), $0.summary) }
    }

    private static func shown(_ key: SettingKey, _ settings: Settings) -> String {
        let value: String
        switch key.kind {
        case .text(let path, _):
            let text = settings[keyPath: path]
            value = "\"\(URLSecrets.isMeant(by: key.name) ? URLSecrets.hidden(text) : text)\""
        case .number(let path, _): value = String(settings[keyPath: path])
        case .flag(let path): value = String(settings[keyPath: path])
        case .fraction(let path): value = String(settings[keyPath: path])
        case .list(let path):
            value = "[" + settings[keyPath: path].map { "\"\($0)\"" }.joined(separator: ", ") + "]"
        }
        let isEmpty = value == "[]" || value == "\"\""
        return key.isSecret && !isEmpty && !URLSecrets.isMeant(by: key.name) ? "\"******\"" : value
    }
}
