import Configuring
import Storage
import StorageMySQL
import StoragePostgres
import StorageSQL
import StorageSQLite

/// Which database a URL means, and how it is opened. The only place that knows the engines by name.
enum Stores {
    /// For serving: up to date, and nobody else's where it is a file.
    static func open(_ settings: Settings) async throws -> any DurableStore {
        let url = settings.storageURL
        if url == "memory:" { return InMemoryStore() }
        do throws(StorageFailure) {
            if isPostgres(url) {
                let partitions = PartitionLimits(
                    hours: partitionHours(settings), hashes: settings.traceHashPartitions)
                return try await PostgresStore.open(url: url, limits: .init(settings), partitions: partitions)
            }
            if isMySQL(url) { return try await MySQLStore.open(url: url, limits: .init(settings)) }
            return try await SQLiteStore.open(url: url)
        } catch {
            throw StartFailure("The database \(name(url)) cannot be used: \(error.sentence)")
        }
    }

    /// Hours in a partition. Every lookup looks at each partition's name: a handful is cheap, a hundred is not. So a third
    /// of the retention, and a month where everything is kept.
    static func partitionHours(_ settings: Settings) -> Int {
        if settings.tracePartitionHours > 0 { return settings.tracePartitionHours }
        return settings.traceRetentionHours > 0 ? min(8760, max(1, settings.traceRetentionHours / 3)) : 720
    }

    /// For looking; nothing is made or changed.
    static func looking(_ url: String) async throws -> any SchemaInspecting {
        try await open(url) { url throws(StorageFailure) in try await SQLiteStoreDriver.forReading(url: url) }
    }

    /// For migrating and copying; the schema is as it was.
    static func changing(_ url: String) async throws -> any SchemaInspecting {
        try await open(url) { url throws(StorageFailure) in try await SQLiteStoreDriver.forWriting(url: url) }
    }

    private static func open(
        _ url: String, sqlite: (String) async throws(StorageFailure) -> SQLiteStoreDriver
    ) async throws -> any SchemaInspecting {
        if isPostgres(url) { return PostgresStoreDriver.patient(url: url) }
        if isMySQL(url) {
            do throws(StorageFailure) { return try MySQLStoreDriver.patient(url: url) } catch {
                throw StartFailure("The database \(name(url)) cannot be used: \(error.sentence)")
            }
        }
        guard url.hasPrefix("sqlite:") else {
            throw StartFailure(
                "Such a database keeps nothing: name one by `sqlite:` and a path, or by its server's URL.")
        }
        do throws(StorageFailure) { return try await sqlite(url) } catch {
            throw StartFailure("The database \(name(url)) cannot be used: \(error.sentence)")
        }
    }

    /// The URL of a server may hold a password.
    static func name(_ url: String) -> String {
        url.hasPrefix("sqlite:") ? "`\(url)`" : isMySQL(url) ? "in MySQL" : "in PostgreSQL"
    }

    static func isPostgres(_ url: String) -> Bool { url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") }

    static func isMySQL(_ url: String) -> Bool { url.hasPrefix("mysql://") || url.hasPrefix("mariadb://") }

    /// The file everything is kept in; nil where that is no file.
    static func file(of url: String) -> String? { url.hasPrefix("sqlite:") ? String(url.dropFirst(7)) : nil }
}
