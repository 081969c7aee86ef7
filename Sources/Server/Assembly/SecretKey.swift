import Configuring
import Connectors
import Foundation
import Glibc

/// The key that seals connectors' secrets: the setting's, or one made once and kept beside the database, readable by its
/// owner alone.
enum SecretKey {
    static func secrets(_ settings: Settings) throws -> ConnectorSecrets {
        try secrets(key: key(settings))
    }

    static func secrets(key: [UInt8]) throws -> ConnectorSecrets {
        guard let box = SecretBox(key: key) else {
            throw StartFailure("The key of the connectors' secrets is damaged: it must have 64 hex digits.")
        }
        return ConnectorSecrets(
            box: box, environment: { ProcessInfo.processInfo.environment[$0] },
            file: { path in
                let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
                return text.map { $0.trimmingCharacters(in: .newlines) }
            })
    }

    private static func key(_ settings: Settings) throws -> [UInt8] {
        if !settings.connectorEncryptionKey.isEmpty { return bytes(settings.connectorEncryptionKey) }
        var random = SystemRandomNumberGenerator()
        let made = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        guard let path = file(of: settings) else { return made }
        if let known = FileManager.default.contents(atPath: path) {
            return bytes(String(decoding: known, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        }
        let digits = made.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\n"
        let descriptor = Glibc.open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StartFailure("The key file `\(path)` cannot be made: \(String(cString: strerror(errno)))")
        }
        defer { Glibc.close(descriptor) }
        guard
            Array(digits.utf8).withUnsafeBytes({ Glibc.write(descriptor, $0.baseAddress, $0.count) })
                == digits.utf8.count,
            fsync(descriptor) == 0
        else { throw StartFailure("The key file `\(path)` cannot be written.") }
        return made
    }

    /// Where the key is kept, for databases that are files.
    static func file(of settings: Settings) -> String? {
        Stores.file(of: settings.storageURL).map { $0 + ".key" }
    }

    static func bytes(_ digits: String) -> [UInt8] {
        let all = Array(digits.utf8)
        return stride(from: 0, to: all.count - 1, by: 2).compactMap {
            UInt8(String(decoding: all[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
    }
}
