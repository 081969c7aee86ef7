import PostgresDriver
package import Storage
package import StorageSQL

extension PostgresStoreDriver: SchemaInspecting {
    /// What the migrations make is made for a moment, in a schema of its own that nobody else sees, and looked at there.
    package func structure() async throws(StorageFailure) -> SchemaStructure {
        let found = try await pool.transaction { transaction throws(StorageFailure) in
            try await Self.lines(transaction)
        }
        let wanted = try await pool.transaction { transaction throws(StorageFailure) in
            try await transaction.run([
                PostgresStatement("DROP SCHEMA IF EXISTS weir_verify CASCADE"),
                PostgresStatement("CREATE SCHEMA weir_verify"),
                PostgresStatement("SET LOCAL search_path TO weir_verify"),
            ])
            for migration in dialect.migrations {
                for statement in migration.statements { try await transaction.run([PostgresStatement(statement)]) }
            }
            let lines = try await Self.lines(transaction)
            try await transaction.run([PostgresStatement("DROP SCHEMA weir_verify CASCADE")])
            return lines
        }
        return SchemaStructure(found: found, wanted: wanted)
    }

    /// Of the schema that statements go to. Partitions come and go: only what they are of counts.
    private static func lines(
        _ transaction: PostgresTransaction
    ) async throws(StorageFailure) -> [SchemaStructure.Line] {
        let tables = """
            SELECT c.relname::text, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            """
        let queries = [
            """
            SELECT t.relname, 'table ' || t.relname || coalesce(' partitioned by ' || pg_get_partkeydef(t.oid), '')
            FROM (\(tables)) t
            """,
            """
            SELECT t.relname, 'column ' || t.relname || '.' || a.attname || ' '
                || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
                || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
            FROM (\(tables)) t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            """,
            """
            SELECT t.relname, 'index ' || t.relname || ' '
                || replace(pg_get_indexdef(i.indexrelid), quote_ident(current_schema()) || '.', '')
            FROM (\(tables)) t JOIN pg_index i ON i.indrelid = t.oid AND i.indisvalid
            """,
        ]
        return try await transaction.run(queries.map { PostgresStatement($0) }).flatMap { table in
            table.map { SchemaStructure.Line(table: $0.text(0), text: $0.text(1)) }
        }
    }
}
