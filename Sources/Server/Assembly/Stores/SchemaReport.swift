package import Configuring
import Storage
import StorageSQL
import StorageSQLite

/// Where a database's schema stands; for `weir migrate`.
package struct SchemaReport: Sendable {
    package struct Step: Sendable {
        package var version: Int
        /// `applied`, `pending`, `differs` or `unknown`.
        package var state: String
        package var checksum: String
    }

    package var engine: String
    package var steps: [Step]
    /// What the migrations make and is not there, and what is there in their tables and they do not make.
    package var missing: [String] = []
    package var added: [String] = []

    /// Why a server does not start on it; nil where nothing is in the way.
    package var hindrance: String?

    /// A migration that was applied in another form, or that is not known here.
    package var strange: Step? { steps.first { $0.state != "applied" && $0.state != "pending" } }

    /// Nothing to do, and nothing that should not be.
    package var isSound: Bool { steps.allSatisfy { $0.state == "applied" } && missing.isEmpty && added.isEmpty }

    private init(_ driver: some StoreDriver) async throws(StorageFailure) {
        engine = driver.dialect.name
        steps = try await Migrator(driver).states().map {
            Step(version: $0.version, state: $0.kind.rawValue, checksum: $0.checksum)
        }
        let isEmpty = steps.allSatisfy { $0.state == "pending" }
        do throws(StorageFailure) {
            if !isEmpty { try await CopyMark.refuse(driver) }
            if let query = driver.dialect.rights(isEmpty: isEmpty),
                try await driver.read([StoreStatement(query)])[0].first?.bool(0) == false
            {
                hindrance = "This user may not \(isEmpty ? "make tables in" : "write to") the database."
            }
        } catch { hindrance = error.sentence }
    }

    /// - Returns: what is there; nil where there is no database yet.
    package static func status(_ settings: Settings) async throws -> SchemaReport {
        if let file = Stores.file(of: settings.storageURL), !Files.exist(file) {
            // The first start makes it.
            return try await with(SQLiteStoreDriver.inMemory()) { driver throws(StorageFailure) in
                try await SchemaReport(driver)
            }
        }
        return try await with(Stores.looking(settings.storageURL)) { driver throws(StorageFailure) in
            try await SchemaReport(driver)
        }
    }

    /// Compares tables, columns and indexes with what the migrations make.
    package static func verify(_ settings: Settings) async throws -> SchemaReport {
        try await with(Stores.looking(settings.storageURL)) { driver throws(StorageFailure) in
            var report = try await SchemaReport(driver)
            let structure = try await driver.structure()
            (report.missing, report.added) = (structure.missing, structure.added)
            return report
        }
    }

    /// Applies what is pending.
    /// - Returns: the versions that were, and where it stands now.
    package static func up(_ settings: Settings) async throws -> (applied: [Int], report: SchemaReport) {
        try await with(Stores.changing(settings.storageURL)) { driver throws(StorageFailure) in
            let applied = try await Self.up(driver)
            return (applied, try await SchemaReport(driver))
        }
    }

    private static func up(_ driver: some StoreDriver) async throws(StorageFailure) -> [Int] {
        try await Migrator(driver).up()
    }

    private static func with<Result>(
        _ driver: any SchemaInspecting, _ body: (any SchemaInspecting) async throws(StorageFailure) -> Result
    ) async throws -> Result {
        do throws(StorageFailure) {
            let result = try await body(driver)
            await driver.close()
            return result
        } catch {
            await driver.close()
            throw StartFailure(error.sentence)
        }
    }
}
