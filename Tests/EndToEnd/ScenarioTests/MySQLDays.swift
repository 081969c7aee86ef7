import Foundation
import RealServices
import Testing

/// The real binary on a real MariaDB.
@Suite struct MySQLDays {
    @Test func `on MariaDB nothing accepted is lost by kill -9`() throws {
        try DatabaseDays.killed(on: RealMariaDB.shared().makeDatabase())
    }

    @Test func `MariaDB restarted under load brings only declared refusals, and is found again`() throws {
        let server = try RealMariaDB()
        defer { server.stop(.leaving) }
        try DatabaseDays.restarted(on: server.makeDatabase(), stop: { server.stop(.fast) }, start: server.start)
    }

    @Test func `a second instance works on the same database, and the doctor knows it`() throws {
        let url = try RealMariaDB.shared().makeDatabase()
        let first = try RunningWeir(DatabaseDays.settings, storageURL: url)
        try Client(first.port).deploy("w", tasks: DatabaseDays.tasks)
        let second = try RunningWeir(DatabaseDays.settings, storageURL: url)

        let reply = try Client(second.port).call("POST", "\(Client.data)/w", #"{"n":3}"#)
        func doctor(_ url: String) throws -> CommandRun {
            try RunningWeir.command(["doctor", "-o", "json", "--storage-url", url, "--set", DatabaseDays.settings[1]])
        }
        let found = try doctor(url)
        let lost = try doctor("mysql://root:hidden-9@127.0.0.1:1/d")

        #expect(reply.status == 200 && reply.data["n"] as? Int == 3)
        #expect(found.output.contains("MySQL answers") && found.output.contains("storage.schema"), "\(found)")
        #expect(lost.output.contains("MySQL cannot be used") && !lost.description.contains("hidden-9"), "\(lost)")
    }

    @Test func `a database of a newer program refuses the start`() throws {
        let server = try RealMariaDB.shared()
        let url = try server.makeDatabase()
        let weir = try RunningWeir(DatabaseDays.settings, storageURL: url)
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let name = try #require(URL(string: url)?.path.dropFirst())
        try server.sql("INSERT INTO \(name).schema_migrations VALUES (99, 'x', 0)")

        #expect(throws: RunningWeir.Failure.self) { try weir.start() }
        let log = (try? String(contentsOf: weir.log, encoding: .utf8)) ?? ""
        #expect(weir.waitForExit() != 0 && log.contains("newer Weir"), "\(log)")
    }
}
