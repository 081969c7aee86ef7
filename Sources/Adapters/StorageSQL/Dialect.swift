/// Where the SQL of databases differs. Statements are written once, with `?` for each value in order; what cannot be
/// said in the same words everywhere is said by these. The defaults are what most databases share.
package protocol Dialect: Sendable {
    /// For people: `PostgreSQL`.
    var name: String { get }

    /// How the parameter of that number is marked, from 1.
    func mark(_ number: Int) -> String

    /// Asks whether the user may do what a server does: make tables where there are none, else write to them; nil where the
    /// database cannot be asked.
    func rights(isEmpty: Bool) -> String?

    /// Bytes of length 0.
    var emptyBytes: String { get }

    /// Whether a trace waits or runs.
    var isOpen: String { get }
    func isTrue(_ column: String) -> String
    func isFalse(_ column: String) -> String

    /// Appended to a SELECT: its rows stay as they are until the transaction ends.
    var lockingRows: String { get }
    /// As ``lockingRows``, but rows that somebody else holds are passed over, not waited for.
    var lockingFreeRows: String { get }

    /// As ``lockingRows``, but others may do the same.
    var sharingRows: String { get }

    // MARK: Instances

    /// Whether several processes may have the database open.
    var isShared: Bool { get }
    /// Microseconds since 1970 by the database's clock, as a whole number, whenever it is looked at.
    var now: String { get }
    /// Ends the session of a transaction that begins with it and then says nothing for a second; nil where nothing does.
    var endingSilence: String? { get }
    /// An expression that tells those who listen, when the transaction is committed, that something was announced; nil
    /// where nobody can.
    var announcing: String? { get }

    /// Appended to a table's name: the planner takes that index, where it would not by itself.
    func using(index: String) -> String

    /// A sum as a whole number of 64 bits.
    func wholeNumber(_ expression: String) -> String

    /// Whether a column is among the members of a list.
    func among(_ column: String, _ list: StoreValue, isNegated: Bool) -> Condition

    /// Inserts a row, or replaces what is not of the key where there is one of that key; a `?` for each column.
    func upsert(into table: String, _ columns: [String], key: [String]) -> String

    /// Inserts a row unless its key is taken; a `?` for each column. Answers how many rows it inserted.
    func insertUnlessTaken(into table: String, _ columns: [String], key: [String]) -> String

    /// Deletes the first rows in an order; the values of the condition are followed by how many.
    func deleteFirst(from table: String, where condition: String, by order: String) -> String

    /// The table that old traces are deleted from row by row, where the rest goes with their partitions.
    var agingTraces: String { get }

    // MARK: The schema

    /// In order, from version 1. One that was released never changes.
    var migrations: [Migration] { get }

    /// What else must be there before migrations are looked at, such as where the version was written formerly.
    var versionSetup: [String] { get }
    /// Brings the version of databases from before migrations were written down one by one; nil where there are none.
    var formerVersion: String? { get }
    /// The table ``formerVersion`` reads; nil where it needs none.
    var formerVersionTable: String? { get }
    /// Writes the version there too, so that older programs refuse.
    func noteFormerVersion(_ version: Int) -> String?

    /// Taken and returned by whoever migrates, so that instances that start together do it once.
    var migrationLock: StoreStatement? { get }
    var migrationUnlock: StoreStatement? { get }

    /// Brings one row, of a number that is not 0 if there is a table of that name.
    func hasTable(_ name: String) -> StoreStatement
}

/// A piece of a WHERE with its values.
package struct Condition: Sendable, Equatable {
    package var text: String
    package var values: [StoreValue]

    package init(_ text: String, _ values: [StoreValue] = []) {
        self.text = text
        self.values = values
    }
}

extension Dialect {
    package func mark(_ number: Int) -> String { "?" }
    package var emptyBytes: String { "x''" }
    package var isOpen: String { "status < 2" }
    package func isTrue(_ column: String) -> String { "\(column) = 1" }
    package func isFalse(_ column: String) -> String { "\(column) = 0" }
    package var lockingRows: String { " FOR UPDATE" }
    package var lockingFreeRows: String { " FOR UPDATE SKIP LOCKED" }
    package func rights(isEmpty: Bool) -> String? { nil }
    package var sharingRows: String { " FOR SHARE" }
    package var isShared: Bool { false }
    package var now: String { "0" }
    package var endingSilence: String? { nil }
    package var announcing: String? { nil }
    package func using(index: String) -> String { "" }
    package func wholeNumber(_ expression: String) -> String { expression }

    package func among(_ column: String, _ list: StoreValue, isNegated: Bool) -> Condition {
        let members = list.members
        guard !members.isEmpty else { return Condition(isNegated ? "1 = 1" : "1 = 0") }
        let marks = members.map { _ in "?" }.joined(separator: ", ")
        return Condition("\(column) \(isNegated ? "NOT IN" : "IN") (\(marks))", members)
    }

    package func upsert(into table: String, _ columns: [String], key: [String]) -> String {
        let replaced = columns.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }
        return """
            \(insert(into: table, columns)) ON CONFLICT (\(key.joined(separator: ", ")))
            DO UPDATE SET \(replaced.joined(separator: ", "))
            """
    }

    package func insertUnlessTaken(into table: String, _ columns: [String], key: [String]) -> String {
        "\(insert(into: table, columns)) ON CONFLICT (\(key.joined(separator: ", "))) DO NOTHING"
    }

    package func deleteFirst(from table: String, where condition: String, by order: String) -> String {
        "DELETE FROM \(table) WHERE id IN (SELECT id FROM \(table) WHERE \(condition) ORDER BY \(order) LIMIT ?)"
    }

    package var agingTraces: String { "traces" }

    package var versionSetup: [String] { [] }
    package var formerVersion: String? { nil }
    package var formerVersionTable: String? { nil }
    package func noteFormerVersion(_ version: Int) -> String? { nil }
    package var migrationLock: StoreStatement? { nil }
    package var migrationUnlock: StoreStatement? { nil }

    /// Inserts a row; a `?` for each column.
    package func insert(into table: String, _ columns: [String]) -> String {
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        return "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(marks))"
    }

    /// A statement as this database reads it: each `?` becomes its mark. No text of ours holds another `?`.
    package func marked(_ sql: String) -> String {
        guard mark(1) != "?" else { return sql }
        var number = 0
        return sql.split(separator: "?", omittingEmptySubsequences: false).enumerated().reduce(into: "") {
            if $1.offset > 0 {
                number += 1
                $0 += mark(number)
            }
            $0 += $1.element
        }
    }

    /// A statement that is put together anew each time.
    package func statement(_ sql: String, _ values: [StoreValue] = []) -> StoreStatement {
        StoreStatement(marked(sql), values)
    }
}
