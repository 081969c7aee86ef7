package import Configuring
import Connectors
import Foundation
import JSONTree
import Storage
import StorageSQL

/// Moves an installation from one database to another; for `weir storage copy`.
package struct StorageMove: Sendable {
    package struct Table: Sendable {
        package var name: String
        package var rows: Int
        package var checksum: String
    }

    package enum Step: Sendable {
        case beganAgain
        case copying(String, rows: Int)
        case verifying(String)
    }

    package var tables: [Table]
    /// Definitions whose secrets are sealed.
    package var sealed: Int
    /// What has to be done about the key of the secrets; nil for nothing.
    package var advice: String?

    /// - Parameters:
    ///   - settings: whose `storage.connector_encryption_key` is the installation's, where it has one.
    ///   - progress: called often.
    package static func run(
        from: String, to: String, _ settings: Settings, progress: @Sendable (Step) -> Void
    ) async throws -> StorageMove {
        guard from != to else { throw StartFailure("The two databases are the same.") }
        if let file = Stores.file(of: from), !Files.exist(file) { throw StartFailure("There is no file `\(file)`.") }
        let key = try SealingKey(from: from, to: to, settings)
        let source = try await Stores.changing(from)
        do {
            let sealed = try await key.check(source)
            let target = try await Stores.changing(to)
            do {
                let tables = try await copy(source, target, progress)
                await target.close()
                await source.close()
                return StorageMove(
                    tables: tables.map { Table(name: $0.name, rows: $0.rows, checksum: $0.checksum) }, sealed: sealed,
                    advice: try key.handOver(isNeeded: sealed > 0))
            } catch {
                await target.close()
                throw error
            }
        } catch {
            await source.close()
            throw error
        }
    }

    private static func copy(
        _ source: some StoreDriver, _ target: some StoreDriver, _ progress: @Sendable (Step) -> Void
    ) async throws -> [CopiedTable] {
        do throws(StorageFailure) {
            return try await StoreCopy(from: source, to: target).run { step in
                switch step {
                case .beganAgain: progress(.beganAgain)
                case .copying(let table, let rows): progress(.copying(table, rows: rows))
                case .verifying(let table): progress(.verifying(table))
                }
            }
        } catch .conflict {
            throw StartFailure("The target is not empty, and nothing of it was touched. Name an empty database.")
        } catch {
            throw StartFailure(error.sentence)
        }
    }
}

/// The key that the secrets of an installation are sealed with, on its way to another database.
private struct SealingKey {
    private let digits: String
    /// The file it was read from; nil where it is set.
    private let file: String?
    private let target: String?

    init(from: String, to: String, _ settings: Settings) throws {
        let beside = { (url: String) in Stores.file(of: url).map { $0 + ".key" } }
        let known = beside(from).flatMap { FileManager.default.contents(atPath: $0) }
        let kept = known.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
        let isSet = !settings.connectorEncryptionKey.isEmpty
        digits = isSet ? settings.connectorEncryptionKey : kept ?? ""
        file = isSet || kept == nil ? nil : beside(from)
        target = isSet ? nil : beside(to)
        if let target, let other = FileManager.default.contents(atPath: target),
            String(decoding: other, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) != digits
        {
            throw StartFailure("`\(target)` holds another key than the source's. Remove it, or set the right one.")
        }
    }

    /// - Returns: how many definitions hold sealed secrets; the key opens them all.
    func check(_ source: any StoreDriver) async throws -> Int { try await opened(source) }

    private func opened(_ source: some StoreDriver) async throws -> Int {
        let records: [DefinitionRecord]
        do throws(StorageFailure) { records = try await SQLStore(source).loadDefinitions().records } catch {
            throw StartFailure("The source's definitions cannot be read: \(error.sentence)")
        }
        let sealed = records.filter {
            $0.kind != .workflow && String(decoding: $0.body, as: UTF8.self).contains(SecretBox.sealedPrefix)
        }
        guard !sealed.isEmpty else { return 0 }
        // References lead elsewhere, and are not of this key.
        guard let box = SecretBox(key: SecretKey.bytes(digits)) else {
            throw StartFailure(
                "Connectors' secrets are sealed, and their key is not known. Set storage.connector_encryption_key to it."
            )
        }
        let secrets = ConnectorSecrets(box: box, environment: { _ in "" }, file: { _ in "" })
        for record in sealed {
            guard let body = try? OwnedJSON(parsing: record.body) else { continue }  // told where it is loaded
            let fault = body.read { value -> String? in
                do throws(ConnectorFault) {
                    _ = try secrets.opened(value, in: JSONArena())
                    return nil
                } catch { return error.message }
            }
            if let fault {
                throw StartFailure(
                    "The secrets of the \(record.kind.rawValue) `\(record.id)` cannot be opened: \(fault) Set storage.connector_encryption_key to the key they were sealed with."
                )
            }
        }
        return sealed.count
    }

    /// Puts the key where the target's server looks for it.
    /// - Returns: what remains to be done.
    func handOver(isNeeded: Bool) throws -> String? {
        if let target, let file {
            if !Files.exist(target) { try Files.copyPrivately(file, to: target) }
            return nil
        }
        guard isNeeded, let file else { return nil }
        return
            "Set storage.connector_encryption_key on every instance to the digits in `\(file)`: the secrets of connectors are sealed with them."
    }
}
