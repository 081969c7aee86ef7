import Foundation
import JSONTree
import Storage
import Vocabulary

/// Backups of the whole database, made while the server runs.
enum BackupHandlers {
    static let routes: [AdminRoute] = [
        .init(
            "POST", "/api/v1/admin/backups", tag: "backups", "Back the database up now", answer: .one("Backup"),
            success: 201
        ) {
            try await make($0, $1)
        },
        .init(
            "GET", "/api/v1/admin/backups", tag: "backups", "The backups there are, newest first",
            answer: .one("Backups")
        ) {
            api, _ in
            try list(api)
        },
    ]

    /// `weir_backup_20260131_081530.db`.
    private static func name(at now: Timestamp) -> String {
        let digits = now.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }
        return "weir_backup_" + digits.replacing("T", with: "_") + ".db"
    }

    private static func make(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let now = api.clock.now()
        let folder = api.backupFolder
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Problem(.unavailable, "The folder for backups (storage.backup_dir) cannot be made.")
        }
        let file = folder + "/" + name(at: now)
        do throws(StorageFailure) { try await api.store.backUp(to: file) } catch {
            switch error {
            case .conflict: throw Problem(.conflict, "A backup was made this very second.", retryAfter: .seconds(1))
            case .broken(let reason): throw Problem(.validation, reason)
            case .unavailable: throw Problem(.unavailable, "The backup could not be made; is there room on the disk?")
            }
        }
        try await api.store.appendAudit([AuditEntry.make(call, action: "create", "backup", name(at: now), at: now)])
        let size = (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int) ?? 0
        return .data(201) { buffer in
            buffer.append("{\"filename\":")
            JSONWriter.write(name(at: now), into: &buffer)
            buffer.append(",\"path\":")
            JSONWriter.write(file, into: &buffer)
            buffer.append(",\"size_bytes\":")
            buffer.append(integer: Int64(size))
            buffer.append(",\"created_at\":")
            JSONWriter.write(now.rfc3339, into: &buffer)
            buffer.append("}")
        }
    }

    private static func list(_ api: AdminAPI) throws -> AdminResponse {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: api.backupFolder)) ?? []  // none made yet
        let backups = names.filter { $0.hasPrefix("weir_backup_") && $0.hasSuffix(".db") }.sorted(by: >)
        return .data { buffer in
            buffer.append("[")
            for (place, name) in backups.enumerated() {
                let attributes = try? FileManager.default.attributesOfItem(atPath: api.backupFolder + "/" + name)
                let modified = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
                buffer.append(place > 0 ? ",{\"filename\":" : "{\"filename\":")
                JSONWriter.write(name, into: &buffer)
                buffer.append(",\"size_bytes\":")
                buffer.append(integer: Int64(attributes?[.size] as? Int ?? 0))
                buffer.append(",\"modified_at\":")
                JSONWriter.write(Timestamp(microseconds: Int64(modified * 1e6)).rfc3339, into: &buffer)
                buffer.append("}")
            }
            buffer.append("]")
        }
    }
}
