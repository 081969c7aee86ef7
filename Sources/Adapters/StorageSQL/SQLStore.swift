package import Storage
import Synchronization
import Vocabulary

/// Everything that must survive, in a database that speaks SQL.
///
/// Every statement is written here, once; a driver says how it reaches its database and where that one's words differ.
/// Texts are put together when the store is made, and are the same ever after: drivers keep them prepared.
package final class SQLStore<Driver: StoreDriver>: DurableStore {
    package let driver: Driver
    package let dialect: any Dialect
    let traces: TraceTexts
    let occurrences: OccurrenceTexts
    let records: RecordTexts
    let instances: ClusterTexts
    /// Who is there and what is wanted of them, where nobody else can open the database; read from it when it is needed
    /// first.
    let alone = Mutex<ClusterOfOne?>(nil)

    /// - Parameter driver: of a database whose schema is up to date; see ``Migrator``.
    package init(_ driver: Driver) {
        self.driver = driver
        dialect = driver.dialect
        traces = TraceTexts(dialect)
        occurrences = OccurrenceTexts(dialect)
        records = RecordTexts(dialect)
        instances = ClusterTexts(dialect)
    }

    package func ping() async throws(StorageFailure) { _ = try await driver.read([StoreStatement("SELECT 1")]) }

    package func backUp(to file: String) async throws(StorageFailure) { try await driver.backUp(to: file) }

    package func close() async { await driver.close() }

    /// One statement that changes nothing.
    func read(_ statement: StoreStatement) async throws(StorageFailure) -> Driver.Table {
        try await driver.read([statement])[0]
    }

    /// One statement that writes.
    /// - Returns: how many rows it changed.
    func change(_ statement: StoreStatement) async throws(StorageFailure) -> Int {
        try await driver.run([statement], canRepeat: false)[0].affected
    }

    /// Raises the generation called `name` in a transaction, if it is still `generation`.
    func raise(
        _ name: String, from generation: Int64, _ transaction: Driver.Transaction
    ) async throws(StorageFailure) {
        let statement = StoreStatement(records.raise, [.text(name), .integer(generation)])
        guard try await transaction.run([statement])[0].affected == 1 else { throw .conflict }
    }
}
