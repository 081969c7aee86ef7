import SQLiteDriver
package import Storage
package import StorageSQL

extension SQLiteStoreDriver: SchemaInspecting {
    /// What the migrations make is made in memory and looked at there.
    package func structure() async throws(StorageFailure) -> SchemaStructure {
        let found = try await Self.lines(reader)
        let memory = SQLiteConnection(label: "weir.sqlite.schema")
        try await memory.open(":memory:", readOnly: false, isOurs: false)
        do throws(StorageFailure) {
            for migration in dialect.migrations {
                _ = try await memory.answers(migration.statements.map { StoreStatement($0) })
            }
            let wanted = try await Self.lines(memory)
            await memory.close()
            return SchemaStructure(found: found, wanted: wanted)
        } catch {
            await memory.close()
            throw error
        }
    }

    private static func lines(_ connection: SQLiteConnection) async throws(StorageFailure) -> [SchemaStructure.Line] {
        let tables = "FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        let queries = [
            "SELECT m.name, 'table ' || m.name \(tables)",
            """
            SELECT m.name, 'column ' || m.name || '.' || c.name || ' ' || c.type
                || CASE WHEN c."notnull" THEN ' not null' ELSE '' END || coalesce(' default ' || c.dflt_value, '')
                || CASE WHEN c.pk > 0 THEN ' key ' || c.pk ELSE '' END
            FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
            """,
            """
            SELECT tbl_name, 'index ' || tbl_name || ' ' || sql FROM sqlite_master
            WHERE type = 'index' AND sql IS NOT NULL
            """,
        ]
        return try await connection.snapshot(queries.map { StoreStatement($0) }).flatMap { table in
            table.map { row in
                // Scripts were laid out in other ways formerly.
                let words = row.text(1).split(whereSeparator: \.isWhitespace)
                return SchemaStructure.Line(table: row.text(0), text: words.joined(separator: " "))
            }
        }
    }
}
