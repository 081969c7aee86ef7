import Glibc
import SQLiteDriver
package import Storage
package import StorageSQL
package import Vocabulary

/// What a database file holds, seen from outside and without changing anything.
package struct SQLiteInspection: Sendable {
    /// The version of its schema, and the one this program brings it to.
    package var schemaVersion: Int
    package var knownVersion: Int
    /// What SQLite found wrong, in its words; empty where nothing is.
    package var damage: [String]
    /// The check was ended by its deadline before it had found anything.
    package var isUnfinished: Bool
    /// The newest trace or audit entry.
    package var newestRecord: Timestamp?
    package var definitions: DefinitionSnapshot
    package var adminKeys: Int
}

extension SQLStore where Driver == SQLiteStoreDriver {
    /// Reads a database that a server may have open: on a read-only connection, and not longer than told.
    ///
    /// - Parameters:
    ///   - isHeld: whether a server has it open. If not, and nothing is left in its write-ahead log, no file is made
    ///     beside it either.
    ///   - seconds: how long SQLite may look for damage. A reader keeps the log of a running server from being taken in.
    package static func inspect(_ path: String, isHeld: Bool, seconds: Int) async throws(StorageFailure)
        -> SQLiteInspection
    {
        let connection = SQLiteConnection(label: "weir.sqlite.inspection")
        try await connection.open(path, readOnly: true, isImmutable: !isHeld && fileSize(path + "-wal") == 0)
        do throws(StorageFailure) {
            let driver = SQLiteStoreDriver(writer: connection, reader: connection, path: path, lock: nil)
            var found = try await connection.with { connection throws(StorageFailure) in
                try inspect(connection, seconds: seconds)
            }
            found.definitions = try await SQLiteStore(driver).loadDefinitions()
            await connection.close()
            return found
        } catch {
            await connection.close()
            throw error
        }
    }

    private static func inspect(
        _ connection: isolated SQLiteConnection, seconds: Int
    ) throws(StorageFailure) -> SQLiteInspection {
        let version = Int(try connection.query("PRAGMA user_version") { $0.integer(0) }.first ?? 0)
        let tables = Set(try connection.query("SELECT name FROM sqlite_master WHERE type = 'table'") { $0.text(0) })
        guard tables.isSuperset(of: ["definitions", "traces", "audit"]) else {
            throw .broken("The file is no database of Weir.")
        }
        var found = SQLiteInspection(
            schemaVersion: version, knownVersion: SQLiteSchema.migrations.count, damage: [], isUnfinished: false,
            newestRecord: nil, definitions: DefinitionSnapshot(generation: 0, records: []), adminKeys: 0)
        // Identifiers begin with the time they were made at, and are in an index.
        for table in ["traces", "audit"] {
            let newest = try connection.answer("SELECT id FROM \(table) ORDER BY id DESC LIMIT 1") { _ in }.first.map {
                $0.uuid(0).createdAt
            }
            found.newestRecord = [found.newestRecord, newest].compactMap { $0 }.max()
        }
        if tables.contains("admin_keys") {
            found.adminKeys = Int(try connection.query("SELECT count(*) FROM admin_keys") { $0.integer(0) }.first ?? 0)
        }
        let deadline = Stopwatch.nanoseconds() + UInt64(seconds) * 1_000_000_000
        do throws(StorageFailure) {
            let verdict = try connection.table(
                "PRAGMA quick_check(5)", onlyReads: true, maxRows: 5, deadline: deadline, bind: { _ in })
            let lines = verdict.rows.compactMap { row -> String? in
                if case .text(let line) = row.first { line } else { nil }
            }
            found.damage = lines == ["ok"] ? [] : lines
        } catch {
            guard error == .unavailable("interrupted") else { throw error }
            found.isUnfinished = true
        }
        return found
    }

    private static func fileSize(_ path: String) -> Int {
        var facts = stat()
        return stat(path, &facts) == 0 ? Int(facts.st_size) : 0
    }

    /// The process that has the database open, found without touching its lock; 0 where it is in another container.
    package static func holder(of path: String) -> Int32? { FileLock.holder(of: path + ".lock") }
}

extension FileLock {
    /// Read from the kernel's list of locks (proc(5), `/proc/locks`): trying to take it would turn away a server that
    /// starts at this very moment.
    static func holder(of path: String) -> Int32? {
        var facts = stat()
        guard stat(path, &facts) == 0, let file = fopen("/proc/locks", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = line.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            // 1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF
            let fields = text.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[1] == "FLOCK", let process = Int32(fields[4]),
                fields[5].split(separator: ":").last.flatMap({ UInt64($0) }) == UInt64(facts.st_ino)
            else { continue }
            return max(0, process)
        }
        return nil
    }
}
