import RealServices
import Testing

/// The real binary on a real PostgreSQL.
@Suite struct PostgresDays {
    @Test func `on PostgreSQL nothing accepted is lost by kill -9`() throws {
        try DatabaseDays.killed(on: RealPostgres.shared().makeDatabase())
    }

    @Test func `PostgreSQL restarted under load brings only declared refusals, and is found again`() throws {
        let server = try RealPostgres()
        defer { server.stop(.leaving) }
        try DatabaseDays.restarted(on: server.url(), stop: { server.stop(.fast) }, start: server.start)
    }
}
