import Configuring
import Glibc
import Storage
import StorageMySQL
import StoragePostgres
import StorageSQLite
import Vocabulary

/// The database: is it there, whole and of a version we know; is there room; how long does the disk take.
enum StorageCheck {
    private static let leastRoom: UInt64 = 64 << 20
    private static let comfortableRoom: UInt64 = 1 << 30
    /// Every commit waits for one of these.
    private static let slowSync: Duration = .milliseconds(20)
    private static let syncs = 7

    static func findings(
        path: String?, holder: Int32?, seconds: Int
    ) async -> ([Finding], SQLiteInspection?) {
        guard let path else {
            let finding = Finding(
                "storage", .warn, "The database is in memory: nothing survives the process.",
                "Set storage.url to sqlite: and a path.")
            return ([finding], nil)
        }
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var findings: [Finding] = []
        var inspection: SQLiteInspection?
        if let holder {
            let name = holder > 0 ? "the process \(holder)" : "a process of another container"
            findings.append(
                Finding("storage.server", .ok, "A server runs with this database: \(name). It is not touched."))
        }
        if access(path, F_OK) != 0 {
            findings.append(Finding("storage.open", .ok, "`\(path)` is not there yet; the first start makes it."))
        } else {
            do throws(StorageFailure) {
                let found = try await SQLiteStore.inspect(path, isHeld: holder != nil, seconds: seconds)
                findings += [
                    Finding("storage.open", .ok, "`\(path)` can be read."), schema(found), integrity(found, seconds),
                ]
                inspection = found
            } catch {
                findings.append(
                    Finding(
                        "storage.open", .fail, "`\(path)` cannot be used: \(sentence(error))",
                        "If the file is damaged, put a backup in its place with `weir restore`."))
            }
        }
        findings += [room(folder), sync(folder)]
        return (findings, inspection)
    }

    /// A database on a server: does it answer, and is its schema one we know. Nothing is made or changed.
    /// - Returns: nil where the URL is of no such database.
    static func findings(server settings: Settings) async -> [Finding]? {
        let url = settings.storageURL
        if url.hasPrefix("postgres") {
            return await findings("PostgreSQL", settings) { () throws(StorageFailure) in
                try await PostgresStore.inspect(url: url)
            }
        }
        guard url.hasPrefix("mysql") || url.hasPrefix("mariadb") else { return nil }
        return await findings("MySQL", settings) { () throws(StorageFailure) in try await MySQLStore.inspect(url: url) }
    }

    private static func findings(
        _ engine: String, _ settings: Settings, _ inspect: () async throws(StorageFailure) -> (version: Int, known: Int)
    ) async -> [Finding] {
        do throws(StorageFailure) {
            let (version, known) = try await inspect()
            let open = Finding("storage.open", .ok, "\(engine) answers.")
            if version > known {
                return [
                    open,
                    Finding(
                        "storage.schema", .fail,
                        "The schema has version \(version); this program knows up to \(known).",
                        "Use the newer Weir that wrote it."),
                ]
            }
            let report = try? await SchemaReport.status(settings)  // it answered a moment ago
            if let hindrance = report?.hindrance {
                return [open, Finding("storage.schema", .fail, hindrance, "A server does not start on it.")]
            }
            if let strange = report?.strange {
                return [
                    open,
                    Finding(
                        "storage.schema", .fail,
                        "The migration \(strange.version) was applied in another form than this program's (\(strange.state)).",
                        "Look with `weir migrate verify`; somebody changed the table schema_migrations or the program."),
                ]
            }
            let text = "The schema has version \(version); this program brings it to \(known)."
            return [open, Finding("storage.schema", .ok, text)]
        } catch {
            return [
                Finding(
                    "storage.open", .fail, "\(engine) cannot be used: \(sentence(error))",
                    "Start it, or correct storage.url.")
            ]
        }
    }

    private static func sentence(_ failure: StorageFailure) -> String {
        switch failure {
        case .unavailable(let reason), .broken(let reason): reason
        case .conflict: "It is in use."
        }
    }

    private static func schema(_ found: SQLiteInspection) -> Finding {
        let known = found.knownVersion
        let version = found.schemaVersion
        if version > known {
            return Finding(
                "storage.schema", .fail, "The schema has version \(version); this program knows up to \(known).",
                "Use the newer Weir that wrote it.")
        }
        guard version < known else { return Finding("storage.schema", .ok, "The schema has version \(version).") }
        return Finding(
            "storage.schema", .warn, "The schema has version \(version); the next start brings it to \(known).",
            "An older Weir cannot use the file after that: make a backup first.")
    }

    private static func integrity(_ found: SQLiteInspection, _ seconds: Int) -> Finding {
        if let first = found.damage.first {
            return Finding(
                "storage.integrity", .fail, "The file is damaged: \(first)",
                "Stop the server, keep a copy of the file, and put a backup in its place with `weir restore`.")
        }
        guard found.isUnfinished else {
            return Finding("storage.integrity", .ok, "SQLite's quick check finds no damage.")
        }
        return Finding(
            "storage.integrity", .warn,
            "No damage was found in \(seconds) seconds; the file is too large to look at whole.",
            "Make a backup: it is checked whole.")
    }

    private static func room(_ folder: String) -> Finding {
        var facts = statvfs()
        guard statvfs(folder, &facts) == 0 else {
            return Finding(
                "storage.space", .fail,
                "The folder `\(folder)` cannot be looked at: \(String(cString: strerror(errno)))",
                "Make it, or set storage.url.")
        }
        let free = UInt64(facts.f_bavail) * UInt64(facts.f_frsize)
        let megabytes = "\(free >> 20) MiB are free in `\(folder)`."
        if free < leastRoom {
            return Finding("storage.space", .fail, megabytes, "Make room: without it nothing can be committed.")
        }
        guard free < comfortableRoom else { return Finding("storage.space", .ok, megabytes) }
        return Finding(
            "storage.space", .warn, megabytes, "Make room, or keep fewer traces (queue.trace_retention_hours).")
    }

    /// Writes and syncs a small file of its own beside the database, which also tells whether files can be made there.
    private static func sync(_ folder: String) -> Finding {
        let name = "\(folder)/.weir-doctor-\(getpid())-\(Stopwatch.nanoseconds())"
        let descriptor = Glibc.open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            return Finding(
                "storage.fsync", .fail,
                "No file can be made in `\(folder)`: \(String(cString: strerror(errno)))",
                "Let the user that runs Weir write there, or set storage.url.")
        }
        unlink(name)
        defer { Glibc.close(descriptor) }
        let page = [UInt8](repeating: 0x57, count: 4096)
        var times: [Duration] = []
        for _ in 0..<syncs {
            let start = Stopwatch.nanoseconds()
            guard page.withUnsafeBytes({ Glibc.write(descriptor, $0.baseAddress, $0.count) }) == page.count,
                fdatasync(descriptor) == 0
            else {
                return Finding(
                    "storage.fsync", .fail, "Writing in `\(folder)` fails: \(String(cString: strerror(errno)))",
                    "Look at the disk.")
            }
            times.append(.nanoseconds(Int64(Stopwatch.nanoseconds() - start)))
        }
        let median = times.sorted()[syncs / 2]
        let text = "Syncing a page to disk takes \(Int((median.inSeconds * 1e6).rounded())) µs (median of \(syncs))."
        guard median > slowSync else { return Finding("storage.fsync", .ok, text) }
        return Finding(
            "storage.fsync", .warn, text,
            "Every commit waits for that: use a faster disk, or one that is not on a network.")
    }
}
