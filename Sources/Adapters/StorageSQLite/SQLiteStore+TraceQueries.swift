import SQLiteDriver
package import Storage
package import Vocabulary

extension SQLiteStore {
    package func backlog() async throws(StorageFailure) -> (count: Int, bytes: Int) {
        try await reader.with { connection throws(StorageFailure) in
            try connection.query("SELECT count(*), coalesce(sum(length(input)), 0) FROM traces WHERE status < 2") {
                (count: Int($0.integer(0)), bytes: Int($0.integer(1)))
            }.first ?? (0, 0)
        }
    }

    package func trace(_ id: Identifier) async throws(StorageFailure) -> TraceRecord? {
        try await reader.with { connection throws(StorageFailure) in
            try connection.query("SELECT * FROM traces WHERE id = ?1") {
                $0.identifier(1, id)
            } read: {
                Self.record($0)
            }.first
        }
    }

    /// Only the conditions that are asked for, so that the partial indexes serve; values are bound.
    private static func condition(_ filter: TraceFilter, before: Bool) -> String {
        var parts: [String] = []
        if let status = filter.status { parts.append("status = \(status.rawValue)") }
        if filter.channel != nil { parts.append("channel = ?1") }
        if let mode = filter.mode { parts.append("mode = \(mode.rawValue)") }
        if let isDead = filter.isDead { parts.append("is_dead = \(isDead ? 1 : 0)") }
        if filter.completedBefore != nil { parts.append("completed_at < ?2") }
        if before { parts.append("id < ?3") }
        return parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ")
    }

    private static func bind(_ filter: TraceFilter, _ binding: SQLiteBinding) {
        binding.text(1, filter.channel ?? "")
        binding.integer(2, filter.completedBefore?.microseconds)
    }

    package func traces(
        _ filter: TraceFilter, before: Identifier?, limit: Int, offset: Int, ascending: Bool
    ) async throws(StorageFailure) -> [TraceRecord] {
        let sql = """
            SELECT id, channel_id, channel, mode, status, x'', x'', x'', error, token_hash, attempt, is_dead, owner,
            epoch, due_at, created_at, started_at, completed_at, traceparent FROM traces\(Self.condition(filter, before: before != nil))
            ORDER BY id \(ascending ? "ASC" : "DESC") LIMIT ?4 OFFSET ?5
            """
        return try await reader.with { connection throws(StorageFailure) in
            try connection.query(sql) {
                Self.bind(filter, $0)
                if let before { $0.identifier(3, before) }
                $0.integer(4, Int64(limit))
                $0.integer(5, Int64(offset))
            } read: {
                Self.record($0)
            }
        }
    }

    package func countTraces(_ filter: TraceFilter) async throws(StorageFailure) -> Int {
        try await reader.with { connection throws(StorageFailure) in
            Int(
                try connection.query("SELECT count(*) FROM traces" + Self.condition(filter, before: false)) {
                    Self.bind(filter, $0)
                } read: {
                    $0.integer(0)
                }.first ?? 0)
        }
    }

    package func requeue(
        _ ids: [Identifier]?, filter: TraceFilter, now: Timestamp
    ) async throws(StorageFailure) -> Int {
        var filter = filter
        filter.isDead = true
        let wanted = filter
        return try await writer.with { connection throws(StorageFailure) in
            try connection.transaction { connection throws(StorageFailure) in
                let found = try connection.query("SELECT id FROM traces" + Self.condition(wanted, before: false)) {
                    Self.bind(wanted, $0)
                } read: {
                    Identifier(bytes: $0.bytes(0))
                }
                let named = ids.map(Set.init)
                var moved = 0
                for id in found where named?.contains(id) ?? true {
                    try Self.requeueOccurrence(id, connection)
                    moved += try connection.run(
                        """
                        UPDATE traces SET status = 0, is_dead = 0, attempt = 0, owner = '', due_at = ?2, error = '',
                        completed_at = NULL WHERE id = ?1 AND is_dead = 1
                        """
                    ) {
                        $0.identifier(1, id)
                        $0.integer(2, now.microseconds)
                    }
                }
                return moved
            }
        }
    }

    package func purgeDead(before: Timestamp) async throws(StorageFailure) -> Int {
        try await writer.with { connection throws(StorageFailure) in
            try connection.run("DELETE FROM traces WHERE is_dead = 1 AND completed_at < ?1") {
                $0.integer(1, before.microseconds)
            }
        }
    }

    package func deleteTraces(before: Timestamp, limit: Int) async throws(StorageFailure) -> Int {
        let oldest = Identifier(at: before, random: (0, 0))
        return try await writer.with { connection throws(StorageFailure) in
            try connection.run(
                """
                DELETE FROM traces WHERE rowid IN (
                    SELECT rowid FROM traces WHERE id < ?1 AND status >= 2 AND is_dead = 0 ORDER BY id LIMIT ?2)
                """
            ) {
                $0.identifier(1, oldest)
                $0.integer(2, Int64(limit))
            }
        }
    }

    package func deleteTraces(keeping: Int, limit: Int) async throws(StorageFailure) -> Int {
        try await writer.with { connection throws(StorageFailure) in
            try connection.run(
                """
                DELETE FROM traces WHERE rowid IN (
                    SELECT rowid FROM traces WHERE status >= 2 AND is_dead = 0
                    AND id <= (SELECT id FROM traces ORDER BY id DESC LIMIT 1 OFFSET ?1) ORDER BY id LIMIT ?2)
                """
            ) {
                $0.integer(1, Int64(keeping))
                $0.integer(2, Int64(limit))
            }
        }
    }
}
