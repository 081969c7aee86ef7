package import Storage
package import Vocabulary

/// What the store asks of a database: statements go in, tables of rows come out.
///
/// Every failure is a ``StorageFailure``: `unavailable` where asking again later may help, `conflict` where a unique key
/// is taken, `broken` for the rest.
package protocol StoreDriver: Sendable {
    associatedtype Table: StoreTable
    associatedtype Transaction: StoreTransaction where Transaction.Table == Table

    /// Where this database's SQL differs.
    var dialect: any Dialect { get }

    /// As ``run(_:canRepeat:)``, again and again and never behind anything: for heartbeats.
    func pulse(_ statements: [StoreStatement]) async throws(StorageFailure) -> [Table]

    /// Tells of ``Dialect/announcing`` of others, until the task is cancelled; returns at once where nobody can tell.
    func listen(_ heard: @escaping @Sendable () -> Void) async

    /// Runs statements in one transaction and, where the database can, in one round trip. Serialisation failures and
    /// deadlocks are tried again.
    /// - Parameter canRepeat: running it twice does what running it once does: it is also tried again after a loss.
    /// - Returns: the answer of each statement.
    @discardableResult
    func run(_ statements: [StoreStatement], canRepeat: Bool) async throws(StorageFailure) -> [Table]

    /// Runs statements that change nothing, as of one moment where there is more than one. They see what was committed
    /// before they were asked.
    func read(_ statements: [StoreStatement]) async throws(StorageFailure) -> [Table]

    /// Everything in `body` or nothing. `body` may be run again from its beginning: it must change nothing else.
    func transaction<Result: Sendable>(
        _ body: @Sendable (Transaction) async throws(StorageFailure) -> Result
    ) async throws(StorageFailure) -> Result

    /// Writes everything, as of one moment, to a new file that is verified.
    func backUp(to file: String) async throws(StorageFailure)

    /// What upkeep does ahead of time, such as the partitions of the next days. Cheap where there is nothing to do.
    func prepare() async throws(StorageFailure)

    /// Drops whole partitions of traces in which every identifier is below `id`, and keeps what must not go.
    /// - Parameter fence: looked at in the transaction of each drop.
    /// - Returns: about how many rows went.
    func dropTraces(below id: Identifier, given fence: StoreFence) async throws(StorageFailure) -> Int

    /// Ends every connection; what waits or is under way is told so.
    func close() async
}

extension StoreDriver {
    package func pulse(_ statements: [StoreStatement]) async throws(StorageFailure) -> [Table] {
        try await run(statements, canRepeat: true)
    }
    package func listen(_ heard: @escaping @Sendable () -> Void) async {}
    package func prepare() async throws(StorageFailure) {}
    package func dropTraces(below id: Identifier, given fence: StoreFence) async throws(StorageFailure) -> Int { 0 }
}

/// What only the leader of an epoch may do: looked at in the transaction that does it, so that whoever takes over waits for
/// it, or it changes nothing.
package struct StoreFence: Sendable {
    /// Asks for the newest epoch, and holds it.
    package let look: StoreStatement
    private let epoch: Int64

    init(_ epoch: Int64, _ dialect: any Dialect) {
        look = StoreStatement(ClusterTexts.epoch + dialect.sharingRows)
        self.epoch = epoch
    }

    /// - Parameter table: what ``look`` brought.
    package func check(_ table: some StoreTable) throws(StorageFailure) {
        guard epoch >= table.first?.integer(0) ?? 0 else { throw .conflict }
    }
}

/// A transaction under way.
package protocol StoreTransaction: Sendable {
    associatedtype Table: StoreTable

    /// After the first that fails, the transaction can only be given up.
    /// - Returns: the answer of each statement.
    @discardableResult
    func run(_ statements: [StoreStatement]) async throws(StorageFailure) -> [Table]
}

/// What a statement answered: its rows as plain data.
package protocol StoreTable: Sendable {
    associatedtype Row: StoreRow

    /// How many rows it brought.
    var count: Int { get }
    /// How many rows it inserted, found and updated, or deleted.
    var affected: Int { get }
    var first: Row? { get }

    func map<Value>(_ read: (Row) -> Value) -> [Value]
}

/// Reads the columns of a row, counted from 0. What is null reads as 0, false or nothing.
package protocol StoreRow {
    func integer(_ place: Int) -> Int64
    func optionalInteger(_ place: Int) -> Int64?
    func bool(_ place: Int) -> Bool
    func text(_ place: Int) -> String
    func bytes(_ place: Int) -> [UInt8]
    func uuid(_ place: Int) -> Identifier
}

extension StoreRow {
    package func time(_ place: Int) -> Timestamp { Timestamp(microseconds: integer(place)) }
    package func optionalTime(_ place: Int) -> Timestamp? {
        optionalInteger(place).map(Timestamp.init(microseconds:))
    }
}
