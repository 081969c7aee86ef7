package import Storage
import Vocabulary

/// Brings a database's schema up to date, forward only, and says where it stands.
package struct Migrator<Driver: StoreDriver>: Sendable {
    private let driver: Driver
    private var dialect: any Dialect { driver.dialect }

    package init(_ driver: Driver) { self.driver = driver }

    /// Applies what is pending. Instances that start together wait for one another; each migration is applied once.
    /// - Returns: the versions that were applied.
    /// - Throws: `broken` where the database is of a newer program, or was changed by other statements than ours.
    @discardableResult
    package func up() async throws(StorageFailure) -> [Int] {
        // Looked at without the lock first: most starts find nothing to do.
        let found = try await look()
        let states = Self.states(dialect.migrations, written: found.written, former: found.former)
        try Self.judge(states)
        if found.written.count == dialect.migrations.count { return [] }
        return try await driver.transaction { transaction throws(StorageFailure) in
            if let lock = dialect.migrationLock { try await transaction.run([lock]) }
            do throws(StorageFailure) {
                let applied = try await up(transaction)
                if let unlock = dialect.migrationUnlock { try await transaction.run([unlock]) }
                return applied
            } catch {
                // Where the lock belongs to the connection, it must not outlive this.
                if let unlock = dialect.migrationUnlock { _ = try? await transaction.run([unlock]) }
                throw error
            }
        }
    }

    private func up(_ transaction: Driver.Transaction) async throws(StorageFailure) -> [Int] {
        let setup =
            dialect.versionSetup + [
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    version BIGINT PRIMARY KEY, checksum VARCHAR(100) NOT NULL, applied_at BIGINT NOT NULL)
                """
            ]
        try await transaction.run(setup.map { StoreStatement($0) })
        var former = 0
        if let query = dialect.formerVersion {
            former = Int(try await transaction.run([StoreStatement(query)])[0].first?.integer(0) ?? 0)
        }
        let rows = try await transaction.run([StoreStatement(Self.writtenQuery)])[0].map(Self.written)
        let states = Self.states(dialect.migrations, written: rows, former: former)
        try Self.judge(states)
        let insert = dialect.insert(into: "schema_migrations", ["version", "checksum", "applied_at"])
        let known = Set(rows.map(\.version))
        var applied: [Int] = []
        for state in states where !known.contains(state.version) {
            if state.kind == .pending {
                applied.append(state.version)
                for statement in dialect.migrations[state.version - 1].statements {
                    try await transaction.run([StoreStatement(statement)])
                }
                if let note = dialect.noteFormerVersion(state.version) {
                    try await transaction.run([StoreStatement(note)])
                }
            }
            try await transaction.run([
                dialect.statement(
                    insert, [.integer(Int64(state.version)), .text(state.checksum), .time(Timestamp.now())])
            ])
        }
        return applied
    }

    /// Where the database stands with each migration; changes nothing.
    package func states() async throws(StorageFailure) -> [MigrationState] {
        let found = try await look()
        return Self.states(dialect.migrations, written: found.written, former: found.former)
    }

    private func look() async throws(StorageFailure) -> (written: [Written], former: Int) {
        var rows: [Written] = []
        if try await hasTable("schema_migrations") {
            rows = try await driver.read([StoreStatement(Self.writtenQuery)])[0].map(Self.written)
        }
        var former = 0
        if let query = dialect.formerVersion, try await formerIsReadable() {
            former = Int(try await driver.read([StoreStatement(query)])[0].first?.integer(0) ?? 0)
        }
        return (rows, former)
    }

    /// What the database says of itself.
    typealias Written = (version: Int, checksum: String)

    private static func written(_ row: some StoreRow) -> Written { (Int(row.integer(0)), row.text(1)) }

    private static var writtenQuery: String { "SELECT version, checksum FROM schema_migrations ORDER BY version" }

    private func hasTable(_ name: String) async throws(StorageFailure) -> Bool {
        try await driver.read([dialect.hasTable(name)])[0].first?.integer(0) ?? 0 != 0
    }

    private func formerIsReadable() async throws(StorageFailure) -> Bool {
        guard let table = dialect.formerVersionTable else { return true }
        return try await hasTable(table)
    }

    /// - Parameters:
    ///   - written: in order.
    ///   - former: the version it had before that was written down; those count as they are known here.
    static func states(
        _ migrations: [Migration], written: [Written], former: Int
    ) -> [MigrationState] {
        let newest = max(migrations.count, former, written.last?.version ?? 0)
        guard newest > 0 else { return [] }
        let checksums = Dictionary(written.map { ($0.version, $0.checksum) }, uniquingKeysWith: { first, _ in first })
        return (1...newest).map { version in
            guard version <= migrations.count else {
                return MigrationState(version: version, kind: .unknown, checksum: checksums[version] ?? "")
            }
            let known = migrations[version - 1].checksum
            guard let found = checksums[version] else {
                return MigrationState(version: version, kind: version <= former ? .applied : .pending, checksum: known)
            }
            return MigrationState(version: version, kind: found == known ? .applied : .differs, checksum: found)
        }
    }

    private static func judge(_ states: [MigrationState]) throws(StorageFailure) {
        if let newer = states.last(where: { $0.kind == .unknown }) {
            let known = states.count { $0.kind != .unknown }
            throw .broken(
                "The database has schema version \(newer.version); this program knows up to \(known). Use a newer Weir."
            )
        }
        if let other = states.first(where: { $0.kind == .differs }) {
            throw .broken(
                """
                Migration \(other.version) of the database is not the one this program knows. Use the Weir that made \
                it, or restore a backup.
                """)
        }
    }
}
