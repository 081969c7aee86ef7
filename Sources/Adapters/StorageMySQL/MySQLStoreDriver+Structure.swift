import MySQLDriver
package import Storage
package import StorageSQL

extension MySQLStoreDriver: SchemaInspecting {
    /// What the migrations make is made for a moment as temporary tables: a connection sees its own under the names of the
    /// others, and nobody else sees them.
    package func structure() async throws(StorageFailure) -> SchemaStructure {
        let migrations = dialect.migrations
        return try await pool.transaction { transaction throws(StorageFailure) in
            let names = try await Self.names(transaction)
            let found = try await Self.lines(names, transaction)
            var made: [String] = []
            for statement in migrations.flatMap(\.statements) {
                guard statement.hasPrefix(Self.creation) else {
                    try await transaction.run([MySQLStatement(statement)])
                    continue
                }
                let rest = statement.dropFirst(Self.creation.count)
                made.append(String(rest.prefix { $0 != " " }))
                try await transaction.run([MySQLStatement("CREATE TEMPORARY TABLE " + rest)])
            }
            let wanted = try await Self.lines(made, transaction)
            try await transaction.run(made.map { MySQLStatement("DROP TEMPORARY TABLE \($0)") })
            return SchemaStructure(found: found, wanted: wanted)
        }
    }

    /// How each of our migrations begins a table.
    private static let creation = "CREATE TABLE IF NOT EXISTS "

    private static func names(_ transaction: MySQLTransaction) async throws(StorageFailure) -> [String] {
        let query = """
            SELECT table_name FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
            """
        return try await transaction.run([MySQLStatement(query)])[0].map { $0.text(0) }
    }

    /// A line for each column and index, as the server writes them.
    private static func lines(
        _ names: [String], _ transaction: MySQLTransaction
    ) async throws(StorageFailure) -> [SchemaStructure.Line] {
        var lines: [SchemaStructure.Line] = []
        for name in names {
            let shown =
                try await transaction.run([MySQLStatement("SHOW CREATE TABLE \"\(name)\"")])[0].first?.text(1) ?? ""
            lines.append(SchemaStructure.Line(table: name, text: "table \(name)"))
            for line in shown.split(separator: "\n").dropFirst().dropLast() {
                var text = line.drop { $0 == " " }
                if text.hasSuffix(",") { text = text.dropLast() }
                let isColumn = text.hasPrefix("\"") || text.hasPrefix("`")
                lines.append(
                    SchemaStructure.Line(table: name, text: "\(isColumn ? "column" : "index") \(name) \(text)"))
            }
        }
        return lines
    }
}
