import Foundation
import RealServices
import Testing

/// A partition of old traces moves to another server, with the commands of docs/storage.md.
@Suite struct ArchiveScenarios {
    private static func sql(_ url: String, _ text: String) throws -> String {
        let result = try Tool.run(["psql", "-q", "-At", "-v", "ON_ERROR_STOP=1", url], input: text)
        guard result.status == 0 else { throw RunningWeir.Failure(result.output) }
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The fenced SQL of a chapter of the document.
    private static func commands(_ chapter: String) throws -> [String] {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let text = try String(contentsOf: root.appendingPathComponent("docs/storage.md"), encoding: .utf8)
        let after = try #require(text.components(separatedBy: "\n## \(chapter)\n").last)
        let body = after.components(separatedBy: "\n## ")[0]
        return body.components(separatedBy: "```sql\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }

    @Test func `a partition moves to another server and is read from there; the queue does not need that server`()
        throws
    {
        let archive = try RealPostgres()
        defer { archive.stop(.leaving) }
        let database = try RealPostgres.shared().makeDatabase()
        let settings = ["storage.connector_encryption_key=\(String(repeating: "5a", count: 32))"]
        let weir = try RunningWeir(settings, storageURL: database)
        let client = Client(weir.port)
        try client.deploy("w", tasks: Client.parse)
        let accepted = try client.call("POST", "\(Client.data)/w/async", "{}")
        let id = try #require(accepted.object["trace_id"] as? String)
        _ = try TraceScenarios.wait(client, id)
        // The day before yesterday, as if Weir had run then: the trace, under the name it would have had.
        let day = Int64(Date.now.timeIntervalSince1970 / 86_400) - 2
        let (low, high) = (Self.edge(day * 86_400_000), Self.edge((day + 1) * 86_400_000))
        let old = Self.edge(day * 86_400_000 + 3_600_000)
        _ = try Self.sql(
            database,
            """
            CREATE TABLE traces_20260101000000 PARTITION OF traces (PRIMARY KEY (id))
                FOR VALUES FROM ('\(low)') TO ('\(high)');
            INSERT INTO traces SELECT '\(old)', channel_id, channel, mode, status, input, result, steps, error, token_hash,
                attempt, is_dead, owner, epoch, due_at, created_at, started_at, completed_at, traceparent
                FROM traces WHERE id = '\(id)';
            """)
        let steps = try Self.commands("Moving partitions to another server")
        #expect(steps.count == 3)
        let filled = steps.map {
            $0.replacingOccurrences(of: "archive.example", with: archive.folder.path)
                .replacingOccurrences(of: "'2026-01-01 00:00+00'", with: "to_timestamp(\(day * 86_400))")
                .replacingOccurrences(of: "'2026-01-02 00:00+00'", with: "to_timestamp(\((day + 1) * 86_400))")
        }
        _ = try Self.sql(archive.url(), filled[0])
        _ = try Self.sql(database, filled[1])
        _ = try Self.sql(database, filled[2])

        let there = try Self.sql(archive.url(), "SELECT count(*) FROM traces_20260101000000")
        let kind = try Self.sql(
            database, "SELECT relkind FROM pg_class WHERE relname = 'traces_20260101000000' AND relispartition")
        #expect(there == "1" && kind == "f")
        let read = try client.call("GET", "\(Client.data)/traces/\(old)")
        #expect(read.object["status"] as? String == "completed", "\(String(decoding: read.body, as: UTF8.self))")

        archive.stop(.atOnce)
        let more = try client.call("POST", "\(Client.data)/w/async", "{}")
        let trace = try TraceScenarios.wait(client, try #require(more.object["trace_id"] as? String))
        let plan = try Self.sql(
            database,
            "EXPLAIN SELECT id FROM traces WHERE status < 2 AND due_at <= 9 ORDER BY due_at LIMIT 5 FOR UPDATE SKIP LOCKED"
        )
        #expect(trace["status"] as? String == "completed")
        #expect(!plan.contains("Foreign Scan"), "\(plan)")
        #expect(try client.call("GET", "\(Client.data)/traces/\(old)").status == 503)
    }

    /// The lowest identifier of a time in milliseconds.
    private static func edge(_ milliseconds: Int64) -> String {
        let digits = String(milliseconds, radix: 16)
        let all = String(repeating: "0", count: 12 - digits.count) + digits
        return "\(all.prefix(8))-\(all.suffix(4))-0000-0000-000000000000"
    }
}
