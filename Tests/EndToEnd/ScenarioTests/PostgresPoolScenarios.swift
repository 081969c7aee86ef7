import Foundation
import RealServices
import Testing

/// How the real binary keeps its connections to PostgreSQL.
@Suite(.timeLimit(.minutes(3))) struct PostgresPoolScenarios {
    private static let key = "storage.connector_encryption_key=\(String(repeating: "5a", count: 32))"
    private static let tasks = Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#)

    private func completes(_ client: Client, _ number: Int) throws -> Bool {
        let reply = try client.call("POST", "\(Client.data)/w/async", "{\"n\":\(number)}")
        guard reply.status == 202, let id = reply.object["trace_id"] as? String else { return false }
        return try TraceScenarios.wait(client, id)["status"] as? String == "completed"
    }

    @Test func `behind PgBouncer in transaction mode everything works as without it`() throws {
        let url = try RealPgBouncer.shared().url(through: RealPostgres.shared().makeDatabase())
        let weir = try RunningWeir([Self.key], storageURL: url)
        let client = Client(weir.port)
        try client.deploy("w", tasks: Self.tasks)

        for number in 0..<20 { #expect(try completes(client, number)) }
        weir.send(signal: SIGKILL)
        _ = weir.waitForExit()
        try weir.start()

        #expect(try completes(Client(weir.port), 20))
    }

    @Test func `what the pool does is in the metrics, and its settings hold`() throws {
        let server = try RealPostgres()
        defer { server.stop(.leaving) }
        let settings = [
            Self.key, "storage.pool_size=3", "storage.pool_min=2", "storage.pool_wait_ms=1500",
            "storage.statement_timeout_ms=4321", "storage.health_check_secs=1",
        ]
        let weir = try RunningWeir(settings, storageURL: server.url())
        let client = Client(weir.port)
        try client.deploy("w", tasks: Self.tasks)
        func value(_ name: String, _ label: String = "") throws -> Double {
            try weir.metric("weir_storage_\(name)\(label)") ?? -1
        }

        #expect(try completes(client, 1))
        #expect(try RunningWeir.eventually { try value("connections", #"{state="open"}"#) >= 2 })
        #expect(try RunningWeir.eventually { try value("connections", #"{state="idle"}"#) >= 2 })
        #expect(try value("connections", #"{state="open"}"#) <= 3 && value("waiting") == 0)
        #expect(try value("connection_events_total", #"{event="opened"}"#) >= 2)
        #expect(try value("acquisitions_total", #"{outcome="granted"}"#) > 0)
        #expect(try value("acquisitions_total", #"{outcome="refused"}"#) == 0)
        #expect(try value("wait_seconds_total") > 0 && value("retries_total") >= 0)
        let text = String(decoding: try client.call("GET", "/metrics").body, as: UTF8.self)
        let checked = try Tool.run(["promtool", "check", "metrics"], input: text)
        #expect(checked.status == 0 && checked.output.isEmpty, "\(checked)")

        server.stop(.fast)
        #expect(try RunningWeir.eventually { try value("connection_events_total", #"{event="lost"}"#) >= 2 })
        #expect(try client.call("POST", "\(Client.data)/w/async", #"{"n":2}"#).status == 503)
        #expect(try RunningWeir.eventually { try value("connection_events_total", #"{event="failed"}"#) > 0 })
        #expect(try RunningWeir.eventually { try value("acquisitions_total", #"{outcome="refused"}"#) > 0 })
        try server.start()

        #expect(try RunningWeir.eventually { try completes(client, 3) })
        #expect(try RunningWeir.eventually { try value("connections", #"{state="open"}"#) >= 2 })
    }

    @Test func `over TLS with a password it starts; what is wrong is said without the secret`() throws {
        let server = try RealPostgres(isSecured: true)
        defer { server.stop(.leaving) }
        try server.sql("CREATE ROLE app LOGIN PASSWORD 'right'")
        try server.sql("CREATE DATABASE mine OWNER app")
        func url(_ password: String, _ authority: String, mode: String = "verify-full") -> String {
            "postgres://app:\(password)@localhost:\(server.port)/mine?sslmode=\(mode)&sslrootcert=\(authority)"
        }
        func refusal(_ url: String, _ more: [String] = []) throws -> String {
            let arguments = ["serve", "--port", "0", "--storage-url", url, "--set", Self.key]
            let run = try RunningWeir.command(arguments + more.flatMap { ["--set", $0] })
            #expect(run.code != 0, "\(run)")
            #expect(!run.errors.contains("s3cret") && !run.output.contains("s3cret"), "\(run)")
            return run.errors
        }

        let weir = try RunningWeir([Self.key], storageURL: url("right", server.authority))
        let client = Client(weir.port)
        try client.deploy("w", tasks: Self.tasks)
        #expect(try completes(client, 1))

        #expect(try refusal(url("s3cret", server.authority)).contains("password authentication failed"))
        #expect(try refusal(url("s3cret", server.otherAuthority)).contains("certificate verify failed"))
        #expect(try refusal(url("s3cret", server.authority, mode: "disable")).contains("no encryption"))
        #expect(try refusal("postgres://app:s3cret@[::1/db").contains("cannot be read"))
        #expect(try refusal(url("right", server.authority), ["storage.pool_size=0"]).contains("from 1 to 1000"))
        #expect(try refusal(url("right", server.authority), ["storage.pool_min=9"]).contains("storage.pool_min is 9"))
    }
}
