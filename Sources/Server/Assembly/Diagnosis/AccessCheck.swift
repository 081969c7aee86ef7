import Configuring
import Foundation
import Glibc

/// Who may read secrets on this machine, and who may use the admin API.
enum AccessCheck {
    /// What somebody chose should be long: it is hashed once, and can be tried at any speed by whoever has the hash.
    private static let shortKey = 32

    static func files(_ settings: Settings, _ configurationFile: String?) -> [Finding] {
        var findings: [Finding] = []
        if let configurationFile, holdsSecrets(configurationFile) {
            findings.append(
                permissions("access.configuration", configurationFile, "holds keys", isDangerous: .warn)
                    ?? Finding("access.configuration", .ok, "Only its owner can read `\(configurationFile)`."))
        }
        if settings.tlsEnabled {
            findings.append(
                permissions("access.tls_key", settings.tlsKeyPath, "is the certificate's key", isDangerous: .fail)
                    ?? Finding("access.tls_key", .ok, "Only its owner can read `\(settings.tlsKeyPath)`."))
        }
        guard settings.connectorEncryptionKey.isEmpty else {
            return findings + [
                Finding(
                    "access.secret_key", .ok, "Connectors' secrets are sealed with storage.connector_encryption_key.")
            ]
        }
        guard let path = SecretKey.file(of: settings) else { return findings }
        guard let key = FileManager.default.contents(atPath: path) else {
            let isThere = access(path, F_OK) == 0
            return findings + [
                isThere
                    ? Finding(
                        "access.secret_key", .fail, "The key file `\(path)` cannot be read.",
                        "Let the user that runs Weir read it, and nobody else.")
                    : Finding("access.secret_key", .ok, "There is no key file yet; the first start makes `\(path)`.")
            ]
        }
        let digits = String(decoding: key, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard digits.utf8.count == 64, digits.allSatisfy(\.isHexDigit) else {
            return findings + [
                Finding(
                    "access.secret_key", .fail, "The key file `\(path)` is damaged: it must have 64 hex digits.",
                    "Bring it back from where you keep it; without it the connectors' secrets must be entered anew.")
            ]
        }
        return findings + [
            permissions("access.secret_key", path, "opens the connectors' secrets", isDangerous: .fail)
                ?? Finding("access.secret_key", .ok, "Only its owner can read the key file `\(path)`.")
        ]
    }

    /// - Returns: what is wrong, or nil.
    private static func permissions(
        _ check: String, _ path: String, _ what: String, isDangerous: Finding.Status
    ) -> Finding? {
        var facts = stat()
        guard stat(path, &facts) == 0, facts.st_mode & 0o077 != 0 else { return nil }
        let everybody = facts.st_mode & 0o007 != 0
        return Finding(
            check, everybody ? isDangerous : .warn,
            "`\(path)` \(what), and \(everybody ? "everybody on this machine" : "its group") can get at it (mode \(String(facts.st_mode & 0o777, radix: 8))).",
            "Run `chmod 600 \(path)`.")
    }

    private static func holdsSecrets(_ file: String) -> Bool {
        let text = FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return ["api_keys", "connector_encryption_key"].contains { text.contains($0) }
    }

    /// - Parameter issued: keys made over the API.
    static func keys(_ settings: Settings, issued: Int) -> [Finding] {
        let plain = (settings.adminKeys + settings.adminReadOnlyKeys).filter { !$0.hasPrefix("sha256:") }
        let count = settings.adminKeys.count + settings.adminReadOnlyKeys.count
        if plain.contains(where: { $0.utf8.count < shortKey }) {
            return [
                Finding(
                    "access.admin_keys", .warn, "An admin key in the settings has fewer than \(shortKey) characters.",
                    "Take a longer one, or one from `weir keys create`.")
            ]
        }
        guard count + issued == 0 else {
            return [
                Finding("access.admin_keys", .ok, "\(count) admin keys in the settings, \(issued) made over the API.")
            ]
        }
        return [
            Finding(
                "access.admin_keys", .ok, "There is no admin key: whoever is on this machine may do everything.",
                "Make one with `weir keys create NAME --scope full` unless that is meant.")
        ]
    }
}
