import MySQLDriver
import RealServices
import Storage
import StorageSQL
import Testing
import Vocabulary

@testable import StorageMySQL

/// How MariaDB goes about what requests wait for, with tables that are full enough to matter.
@Suite struct MySQLPlanTests {
    /// 20,000 traces, a few of them open, failed or dead, and as many occurrences.
    private static let filling = [
        """
        INSERT INTO traces (id, channel_id, channel, mode, status, input, result, steps, error, token_hash, attempt,
            is_dead, owner, epoch, due_at, created_at, started_at, completed_at, traceparent)
        SELECT UNHEX(CONCAT(LPAD(HEX(1790000000000 - seq), 12, '0'), '70008000', LPAD(HEX(seq), 12, '0'))),
            CONCAT('channel-', seq % 50), CONCAT('channel-', seq % 50), seq % 3,
            CASE WHEN seq % 300 = 0 THEN 0 WHEN seq % 100 = 1 THEN 3 ELSE 2 END, 'in', 'out', '[]', '', '', 0,
            CASE WHEN seq % 500 = 1 THEN 1 ELSE 0 END, CASE WHEN seq % 300 = 0 THEN 'gone' ELSE '' END, 1, seq, seq, seq,
            seq, '' FROM seq_1_to_20000
        """,
        """
        INSERT INTO occurrences (id, channel_id, channel, scheduled_for, is_manual, status, singleton_key, singleton_slot,
            attempt, instants, first_missed, error, owner, epoch, created_at, started_at, completed_at)
        SELECT UNHEX(MD5(seq)), CONCAT('channel-', seq % 50), 'c', seq, 0,
            CASE WHEN seq % 1000 = 0 THEN 0 WHEN seq % 1000 = 1 THEN 1 ELSE 2 END, CONCAT('key-', seq % 50),
            CASE WHEN seq % 1000 = 1 THEN seq ELSE NULL END, 0, 1, NULL, '', '', 0, seq, seq, seq FROM seq_1_to_20000
        """,
        "INSERT INTO admin_keys SELECT CONCAT('key-', seq), 'n', 'full', 'p', '', seq, NULL, NULL FROM seq_1_to_5000",
        "INSERT INTO schedule_cursors SELECT CONCAT('channel-', seq), seq FROM seq_1_to_5000",
        "ANALYZE TABLE traces, occurrences, admin_keys, schedule_cursors",
    ]

    @Test func `no request reads a whole table`() async throws {
        let store = try await MySQLStore.open(url: RealMariaDB.shared().makeDatabase())
        let pool = store.driver.pool
        for statement in Self.filling { try await pool.run([MySQLStatement(statement)]) }

        for entry in store.requestPath {
            var statement = MySQLStatement(entry.statement)
            statement.sql = "EXPLAIN " + statement.sql
            // Table, type of access, index, rows it expects to read.
            let plan = try await pool.run([statement])[0].map { row in
                (table: row.text(2), access: row.text(3), key: row.text(5), rows: row.integer(8))
            }
            let large = plan.filter {
                ["traces", "occurrences", "taken", "admin_keys", "schedule_cursors"].contains($0.table)
            }
            let scans = large.filter { each in
                each.access == "ALL" && each.rows > 1 || each.access == "index" && each.rows > 1000
            }
            #expect(scans.isEmpty && !plan.isEmpty, "\(entry.name): \(plan)")
        }
        await store.close()
    }

    @Test func `what the migrations make is told apart from what is there`() async throws {
        let store = try await MySQLStore.open(url: RealMariaDB.shared().makeDatabase())
        let pool = store.driver.pool
        let whole = try await store.driver.structure()
        for sql in [
            "ALTER TABLE traces DROP KEY traces_status", "ALTER TABLE audit ADD COLUMN more INT",
            "CREATE TABLE theirs (n INT)",
        ] { try await pool.run([MySQLStatement(sql)]) }
        let changed = try await store.driver.structure()
        let generation = try await store.loadDefinitions().generation
        await store.close()

        #expect(whole.missing.isEmpty && whole.added.isEmpty, "\(whole.missing) \(whole.added)")
        #expect(whole.wanted.count > 60 && generation == 0)
        #expect(changed.missing.count == 1 && changed.missing[0].contains("traces_status"), "\(changed.missing)")
        #expect(changed.added.count == 1 && changed.added[0].contains("more"), "\(changed.added)")
    }
}
