package import StorageSQL

/// SQLite's own words. Who writes has the whole file: there are no locks on rows.
package struct SQLiteDialect: Dialect {
    package init() {}

    package var name: String { "SQLite" }
    package var lockingRows: String { "" }
    package var sharingRows: String { "" }
    package var lockingFreeRows: String { "" }
    package func using(index: String) -> String { " INDEXED BY \(index)" }

    package var migrations: [Migration] { SQLiteSchema.migrations }
    package var formerVersion: String? { "PRAGMA user_version" }
    package func noteFormerVersion(_ version: Int) -> String? { "PRAGMA user_version = \(version)" }
    package func hasTable(_ name: String) -> StoreStatement {
        StoreStatement("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?", [.text(name)])
    }
}
