package import StorageSQL

/// PostgreSQL's own words.
package struct PostgresDialect: Dialect {
    package init() {}

    package var name: String { "PostgreSQL" }
    package func mark(_ number: Int) -> String { "$\(number)" }
    package func rights(isEmpty: Bool) -> String? {
        isEmpty
            ? "SELECT has_schema_privilege(current_schema(), 'CREATE')"
            : "SELECT has_table_privilege('traces', 'INSERT') AND has_table_privilege('instances', 'DELETE')"
    }
    package var emptyBytes: String { "''::bytea" }
    package func isTrue(_ column: String) -> String { column }
    package func isFalse(_ column: String) -> String { "NOT \(column)" }
    package var isShared: Bool { true }
    package var now: String { "(extract(epoch FROM clock_timestamp()) * 1000000)::int8" }
    package var endingSilence: String? { "SET LOCAL idle_in_transaction_session_timeout = 1000" }
    package var announcing: String? { "pg_notify('\(Self.announcementChannel)', '')" }
    /// What announcements are sent under (`LISTEN`).
    static let announcementChannel = "weir"

    package func wholeNumber(_ expression: String) -> String { "(\(expression))::int8" }

    /// A list is one parameter: the statement stays the same however long it is.
    package func among(_ column: String, _ list: StoreValue, isNegated: Bool) -> Condition {
        Condition(isNegated ? "\(column) <> ALL (?)" : "\(column) = ANY (?)", [list])
    }

    /// Whole partitions go; by rows only what no partition is for.
    package var agingTraces: String { "traces_default" }

    package var migrations: [Migration] { PostgresSchema.migrations }
    package var versionSetup: [String] { ["CREATE TABLE IF NOT EXISTS schema_versions (version int8 PRIMARY KEY)"] }
    package var formerVersion: String? { "SELECT coalesce(max(version), 0) FROM schema_versions" }
    package var formerVersionTable: String? { "schema_versions" }
    package func noteFormerVersion(_ version: Int) -> String? {
        "INSERT INTO schema_versions VALUES (\(version)) ON CONFLICT DO NOTHING"
    }
    /// Goes with the transaction. The number means nothing.
    package var migrationLock: StoreStatement? {
        StoreStatement("SELECT pg_advisory_xact_lock($1)", [.integer(0x7765_6972)])
    }
    package func hasTable(_ name: String) -> StoreStatement {
        StoreStatement("SELECT (to_regclass($1) IS NOT NULL)::int", [.text(name)])
    }
}
