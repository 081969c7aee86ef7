import Foundation
import RealServices
import Testing

/// The real binary on a real MariaDB.
@Suite struct MySQLDays {
    private static let tasks = Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#)
    private static let settings = [
        "queue.buffer_size=100000", "storage.connector_encryption_key=\(String(repeating: "5a", count: 32))",
    ]

    private func check(_ accepted: [String: Int], _ client: Client) throws {
        for (id, number) in accepted {
            let trace = try TraceScenarios.wait(client, id)
            #expect(trace["status"] as? String == "completed")
            let context = (trace["message"] as? [String: Any])?["context"] as? [String: Any]
            #expect((context?["data"] as? [String: Any])?["n"] as? Int == number)
        }
    }

    @Test func `on MariaDB nothing accepted is lost by kill -9`() throws {
        let weir = try RunningWeir(Self.settings, storageURL: RealMariaDB.shared().makeDatabase())
        try Client(weir.port).deploy("w", tasks: Self.tasks)
        var accepted: [String: Int] = [:]
        for round in 0..<5 {
            let clients = (0..<4).map { _ in Client(weir.port) }
            for call in 0..<20 {
                for (place, client) in clients.enumerated() {
                    let number = round * 1000 + call * 4 + place
                    _ = client.write(Client.request("POST", "\(Client.data)/w/async", "{\"n\":\(number)}"))
                }
                if call == 19 { weir.send(signal: SIGKILL) }
                for (place, client) in clients.enumerated() {
                    guard let reply = client.read(), reply.status == 202, let id = reply.object["trace_id"] as? String
                    else { continue }
                    accepted[id] = round * 1000 + call * 4 + place
                }
            }
            _ = weir.waitForExit()
            try weir.start()
        }

        let client = Client(weir.port)
        let reply = try client.call("POST", "\(Client.data)/w", #"{"n":7}"#)
        #expect(reply.status == 200 && reply.data["n"] as? Int == 7)
        #expect(accepted.count > 300)
        try check(accepted, client)
    }

    @Test func `MariaDB restarted under load brings only declared refusals, and is found again`() throws {
        let server = try RealMariaDB()
        defer { server.stop(.leaving) }
        let weir = try RunningWeir(Self.settings, storageURL: server.makeDatabase())
        try Client(weir.port).deploy("w", tasks: Self.tasks)
        var accepted: [String: Int] = [:]
        var statuses: [Int: Int] = [:]
        let client = Client(weir.port)
        var number = 0
        func calls(_ count: Int) throws {
            for _ in 0..<count {
                number += 1
                let way = number % 2 == 0 ? "/async" : ""
                let reply = try client.call("POST", "\(Client.data)/w\(way)", "{\"n\":\(number)}")
                statuses[reply.status, default: 0] += 1
                if reply.status == 202, let id = reply.object["trace_id"] as? String { accepted[id] = number }
            }
        }

        try calls(100)
        server.stop(.fast)
        try calls(6)
        try server.start()
        let deadline = Date.now.addingTimeInterval(20)
        while try client.call("POST", "\(Client.data)/w/async", #"{"n":0}"#).status != 202 {
            try #require(Date.now < deadline, "it did not find its database again in 20 seconds")
        }
        try calls(100)

        #expect(Set(statuses.keys).isSubset(of: [200, 202, 503]), "\(statuses)")
        #expect((statuses[503] ?? 0) > 0)
        try check(accepted, client)
    }

    @Test func `a second instance works on the same database, and the doctor knows it`() throws {
        let url = try RealMariaDB.shared().makeDatabase()
        let first = try RunningWeir(Self.settings, storageURL: url)
        try Client(first.port).deploy("w", tasks: Self.tasks)
        let second = try RunningWeir(Self.settings, storageURL: url)

        let reply = try Client(second.port).call("POST", "\(Client.data)/w", #"{"n":3}"#)
        func doctor(_ url: String) throws -> CommandRun {
            try RunningWeir.command(["doctor", "-o", "json", "--storage-url", url, "--set", Self.settings[1]])
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
        let weir = try RunningWeir(Self.settings, storageURL: url)
        weir.send(signal: SIGTERM)
        _ = weir.waitForExit()
        let name = try #require(URL(string: url)?.path.dropFirst())
        try server.sql("INSERT INTO \(name).schema_migrations VALUES (99, 'x', 0)")

        #expect(throws: RunningWeir.Failure.self) { try weir.start() }
        let log = (try? String(contentsOf: weir.log, encoding: .utf8)) ?? ""
        #expect(weir.waitForExit() != 0 && log.contains("newer Weir"), "\(log)")
    }
}
