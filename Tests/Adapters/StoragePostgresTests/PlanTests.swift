import PostgresDriver
import RealServices
import Storage
import StorageSQL
import Testing
import Vocabulary

@testable import StoragePostgres

/// How PostgreSQL goes about what requests wait for, with tables that are full enough to matter.
@Suite struct PlanTests {
    /// 30,000 traces in the present partition, a few of them open, failed or dead, and as many occurrences.
    private static let filling = [
        """
        INSERT INTO traces SELECT
            (lpad(to_hex((extract(epoch FROM now()) * 1000)::int8 - n / 100), 12, '0') || '7000'
                || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
            'channel-' || n % 50, 'channel-' || n % 50, n % 3, CASE WHEN n % 300 = 0 THEN 0 WHEN n % 100 = 1 THEN 3 ELSE 2 END,
            'in', 'out', '[]', '', '', 0, n % 500 = 1, CASE WHEN n % 300 = 0 THEN 'gone' ELSE '' END, 1, n, n, n, n, ''
        FROM generate_series(1, 30000) n
        """,
        """
        INSERT INTO occurrences SELECT gen_random_uuid(), 'channel-' || n % 50, 'c', n, false,
            CASE WHEN n % 1000 = 0 THEN 0 WHEN n % 1000 = 1 THEN 1 ELSE 2 END, 'key-' || n % 50,
            CASE WHEN n % 1000 = 1 THEN n ELSE NULL END, 0, 1, NULL, '', '', 0, n, n, n
        FROM generate_series(1, 30000) n
        """,
        "INSERT INTO admin_keys SELECT 'key-' || n, 'n', 'full', 'p', '', n, NULL, NULL FROM generate_series(1, 5000) n",
        "INSERT INTO schedule_cursors SELECT 'channel-' || n, n FROM generate_series(1, 5000) n", "ANALYZE",
    ]

    private static func literal(_ value: StoreValue) -> String {
        switch value {
        case .null: "NULL"
        case .integer(let value): String(value)
        case .real(let value): String(value)
        case .bool(let value): String(value)
        case .text(let value): "'\(value)'"
        case .bytes: "''::bytea"
        case .uuid(let value): "'\(value)'"
        case .texts(let values): "ARRAY[\(values.map { "'\($0)'" }.joined(separator: ","))]::text[]"
        case .uuids(let values): "ARRAY[\(values.map { "'\($0)'" }.joined(separator: ","))]::uuid[]"
        }
    }

    private static func type(_ value: StoreValue) -> String {
        switch value {
        case .null(let type):
            switch type {
            case .integer: "int8"
            case .real: "float8"
            case .bool: "bool"
            case .text: "text"
            case .bytes: "bytea"
            case .uuid: "uuid"
            }
        case .integer: "int8"
        case .real: "float8"
        case .bool: "bool"
        case .text: "text"
        case .bytes: "bytea"
        case .uuid: "uuid"
        case .texts: "text[]"
        case .uuids: "uuid[]"
        }
    }

    @Test(arguments: ["force_custom_plan", "force_generic_plan"])
    func `no request reads a whole table`(mode: String) async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let store = try await PostgresStore.open(url: url)
        let pool = store.driver.pool
        for statement in Self.filling { try await pool.run([PostgresStatement(statement)]) }
        let full = try await pool.run([
            PostgresStatement("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND reltuples >= 5000")
        ])[0].map { $0.text(0) }
        #expect(Set(full).isSuperset(of: ["occurrences", "admin_keys", "schedule_cursors"]) && full.count >= 4)

        for entry in store.requestPath {
            let values = entry.statement.values
            let types = values.isEmpty ? "" : "(\(values.map(Self.type).joined(separator: ", ")))"
            let given = values.isEmpty ? "" : "(\(values.map(Self.literal).joined(separator: ", ")))"
            let plan = try await pool.transaction { transaction throws(StorageFailure) in
                try await transaction.run([
                    PostgresStatement("SET LOCAL plan_cache_mode = \(mode)"),
                    PostgresStatement("PREPARE asked\(types) AS \(entry.statement.sql)"),
                ])
                let lines = try await transaction.run([PostgresStatement("EXPLAIN EXECUTE asked\(given)")])[0]
                try await transaction.run([PostgresStatement("DEALLOCATE asked")])
                return lines.map { $0.text(0) }
            }
            let scans = plan.filter { line in full.contains { line.contains("Seq Scan on \($0) ") } }
            #expect(scans.isEmpty, "\(entry.name), \(mode):\n\(plan.joined(separator: "\n"))")
            #expect(!plan.isEmpty)
        }
        await store.close()
    }
}
