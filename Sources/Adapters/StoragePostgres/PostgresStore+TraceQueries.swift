import PostgresDriver
package import Storage
package import Vocabulary

extension PostgresStore {
    package func backlog() async throws(StorageFailure) -> (count: Int, bytes: Int) {
        let sql = "SELECT count(*), coalesce(sum(octet_length(input)), 0)::int8 FROM traces WHERE status < 2"
        let row = try await read(sql).first
        return (Int(row?.integer(0) ?? 0), Int(row?.integer(1) ?? 0))
    }

    package func trace(_ id: Identifier) async throws(StorageFailure) -> TraceRecord? {
        try await read("SELECT \(Self.traceColumns) FROM traces WHERE id = $1", [.uuid(id)]).first.map(Self.record)
    }

    /// Numbers of our own enums stand in the text: only so do the partial indexes serve a prepared statement.
    private static func conditions(_ filter: TraceFilter) -> Conditions {
        var conditions = Conditions()
        if let status = filter.status { conditions.add("status = \(status.rawValue)") }
        if let channel = filter.channel { conditions.add("channel = ?", .text(channel)) }
        if let mode = filter.mode { conditions.add("mode = \(mode.rawValue)") }
        if let isDead = filter.isDead { conditions.add(isDead ? "is_dead" : "NOT is_dead") }
        if let time = filter.completedBefore { conditions.add("completed_at < ?", .time(time)) }
        return conditions
    }

    package func traces(
        _ filter: TraceFilter, before: Identifier?, limit: Int, offset: Int, ascending: Bool
    ) async throws(StorageFailure) -> [TraceRecord] {
        var conditions = Self.conditions(filter)
        if let before { conditions.add("id < ?", .uuid(before)) }
        let bounds =
            "LIMIT \(conditions.place(.integer(Int64(limit)))) OFFSET \(conditions.place(.integer(Int64(offset))))"
        let sql = """
            SELECT id, channel_id, channel, mode, status, ''::bytea, ''::bytea, ''::bytea, error, token_hash, attempt,
            is_dead, owner, epoch, due_at, created_at, started_at, completed_at, traceparent
            FROM traces\(conditions.text) ORDER BY id \(ascending ? "ASC" : "DESC") \(bounds)
            """
        return try await read(sql, conditions.values).map(Self.record)
    }

    package func countTraces(_ filter: TraceFilter) async throws(StorageFailure) -> Int {
        let conditions = Self.conditions(filter)
        let table = try await read("SELECT count(*) FROM traces" + conditions.text, conditions.values)
        return Int(table.first?.integer(0) ?? 0)
    }

    package func requeue(
        _ ids: [Identifier]?, filter: TraceFilter, now: Timestamp
    ) async throws(StorageFailure) -> Int {
        var filter = filter
        filter.isDead = true
        var conditions = Self.conditions(filter)
        if let ids { conditions.add("id = ANY (?)", .uuids(ids)) }
        let due = conditions.place(.time(now))
        let sql = """
            WITH moved AS (
                UPDATE traces SET status = 0, is_dead = false, attempt = 0, owner = '', due_at = \(due), error = '',
                completed_at = NULL\(conditions.text) RETURNING id),
            told AS (
                UPDATE occurrences SET status = 1, singleton_slot = NULL, error = '', completed_at = NULL
                WHERE status = 3 AND id IN (SELECT id FROM moved))
            SELECT count(*) FROM moved
            """
        return Int(try await pool.run([PostgresStatement(sql, conditions.values)])[0].first?.integer(0) ?? 0)
    }

    package func purgeDead(before: Timestamp) async throws(StorageFailure) -> Int {
        try await change("DELETE FROM traces WHERE is_dead AND completed_at < $1", [.time(before)])
    }

    package func deleteTraces(before: Timestamp, limit: Int) async throws(StorageFailure) -> Int {
        try await change(
            """
            DELETE FROM traces WHERE id IN (
                SELECT id FROM traces WHERE id < $1 AND status >= 2 AND NOT is_dead ORDER BY id LIMIT $2)
            """, [.uuid(Identifier(at: before, random: (0, 0))), .integer(Int64(limit))])
    }

    package func deleteTraces(keeping: Int, limit: Int) async throws(StorageFailure) -> Int {
        try await change(
            """
            DELETE FROM traces WHERE id IN (
                SELECT id FROM traces WHERE status >= 2 AND NOT is_dead
                AND id <= (SELECT id FROM traces ORDER BY id DESC LIMIT 1 OFFSET $1) ORDER BY id LIMIT $2)
            """, [.integer(Int64(keeping)), .integer(Int64(limit))])
    }
}
