package import StorageSQL

/// MariaDB's and MySQL's own words.
package struct MySQLDialect: Dialect {
    package init() {}

    package var name: String { "MySQL" }

    /// There are no indexes on a part of a table: the column is made from the status and is null for the rest.
    package var isOpen: String { "is_open = 1" }

    /// MariaDB knows no `FOR SHARE`, MySQL still knows this.
    package var sharingRows: String { " LOCK IN SHARE MODE" }
    package var isShared: Bool { true }
    package var now: String { "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)" }

    package func using(index: String) -> String {
        switch index {
        // One index that begins with the status serves both; see ``MySQLSchema``.
        case "occurrences_slot", "occurrences_pending": " FORCE INDEX (occurrences_status)"
        default: ""
        }
    }

    package func wholeNumber(_ expression: String) -> String { "CAST(\(expression) AS SIGNED)" }

    package func upsert(into table: String, _ columns: [String], key: [String]) -> String {
        let replaced = columns.filter { !key.contains($0) }.map { "\($0) = VALUES(\($0))" }
        return "\(insert(into: table, columns)) ON DUPLICATE KEY UPDATE \(replaced.joined(separator: ", "))"
    }

    /// `INSERT IGNORE` would pass over much else, and what an upsert that changes nothing answers tells nothing.
    package func insertUnlessTaken(into table: String, _ columns: [String], key: [String]) -> String {
        let values = columns.map { "? AS \($0)" }.joined(separator: ", ")
        let isSame = key.map { "taken.\($0) = given.\($0)" }.joined(separator: " AND ")
        return """
            INSERT INTO \(table) (\(columns.joined(separator: ", "))) SELECT * FROM (SELECT \(values)) AS given
            WHERE NOT EXISTS (SELECT 1 FROM \(table) AS taken WHERE \(isSame))
            """
    }

    package func deleteFirst(from table: String, where condition: String, by order: String) -> String {
        "DELETE FROM \(table) WHERE \(condition) ORDER BY \(order) LIMIT ?"
    }

    package var migrations: [Migration] { MySQLSchema.migrations }

    /// Of this database on its server. Whoever does not get it in an hour fails: the SELECT has two rows then.
    package var migrationLock: StoreStatement? {
        StoreStatement(
            "SELECT CASE WHEN GET_LOCK(\(Self.lockName), 3600) = 1 THEN 1 ELSE (SELECT 1 UNION SELECT 2) END")
    }
    package var migrationUnlock: StoreStatement? { StoreStatement("DO RELEASE_LOCK(\(Self.lockName))") }
    private static let lockName = "CONCAT('weir.', MD5(DATABASE()))"

    package func hasTable(_ name: String) -> StoreStatement {
        StoreStatement(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
            [.text(name)])
    }
}
