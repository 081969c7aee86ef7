import ConnectionPooling
import PostgresDriver
import RealServices
import Storage
import Testing

@Suite struct NotificationTests {
    @Test(.timeLimit(.minutes(1))) func `what is said on a channel is heard, in order, by those who listen`()
        async throws
    {
        let pool = PostgresPool(url: try RealPostgres.shared().makeDatabase())
        let (first, second) = (pool.notifications(of: "ch\"1"), pool.notifications(of: "other"))
        var hearing = first.makeAsyncIterator()
        var others = second.makeAsyncIterator()
        #expect(await hearing.next() == .listening)
        #expect(await others.next() == .listening)

        for number in 0..<100 { try await pool.run([.notify("ch\"1", "\(number)")]) }
        try await pool.run([.notify("other", "☃")])

        for number in 0..<100 { #expect(await hearing.next() == .message("\(number)")) }
        #expect(await others.next() == .message("☃"))
        await pool.close()
        #expect(await hearing.next() == nil)
    }

    @Test(.timeLimit(.minutes(1))) func `nobody hears what was not committed`() async throws {
        let pool = PostgresPool(url: try RealPostgres.shared().makeDatabase())
        var hearing = pool.notifications(of: "c").makeAsyncIterator()
        _ = await hearing.next()

        await #expect(throws: StorageFailure.self) {
            try await pool.transaction { transaction throws(StorageFailure) in
                try await transaction.run([.notify("c", "undone")])
                throw .broken("no")
            }
        }
        try await pool.run([.notify("c", "done")])

        #expect(await hearing.next() == .message("done"))
        await pool.close()
    }

    /// After a loss the listener says `listening` again, so that whoever listens looks for what it missed.
    @Test(.timeLimit(.minutes(1))) func `a listener comes back by itself when the server was away`() async throws {
        let server = try RealPostgres()
        let pool = PostgresPool(url: server.url())
        var hearing = pool.notifications(of: "c").makeAsyncIterator()
        #expect(await hearing.next() == .listening)

        server.stop(.atOnce)
        guard case .deaf = await hearing.next() else {
            Issue.record("a listener that lost its connection says so")
            return
        }
        try server.start()
        var next = await hearing.next()
        while case .deaf = next { next = await hearing.next() }
        #expect(next == .listening)
        try await pool.run([.notify("c", "again")], canRepeat: true)

        #expect(await hearing.next() == .message("again"))
        await pool.close()
        server.stop(.leaving)
    }

    @Test(.timeLimit(.minutes(1))) func `a listener that is left closes its connection`() async throws {
        let url = try RealPostgres.shared().makeDatabase()
        let pool = PostgresPool(url: url)
        let task = Task {
            for await each in pool.notifications(of: "c") where each == .message("leave") { return }
        }
        let listening = PostgresStatement(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'")
        try await eventually { try await pool.run([listening])[0].count == 1 }

        try await eventually {
            try await pool.run([.notify("c", "leave")])
            return try await pool.run([listening])[0].count == 0
        }

        await task.value
        await pool.close()
    }

    @Test(.timeLimit(.minutes(1))) func `who does not keep up is told to look`() async throws {
        let pool = PostgresPool(url: try RealPostgres.shared().makeDatabase())
        let stream = pool.notifications(of: "c")
        var hearing = stream.makeAsyncIterator()
        #expect(await hearing.next() == .listening)

        for start in stride(from: 0, to: 2000, by: 100) {
            try await pool.run((start..<start + 100).map { .notify("c", "\($0)") })
        }
        try await pool.run([.notify("c", "last")])

        var count = 0
        var sawListening = false
        while let next = await hearing.next() {
            count += 1
            if next == .listening { sawListening = true }
            if next == .message("last") { break }
        }
        #expect(sawListening && count < 2002)
        await pool.close()
    }
}
