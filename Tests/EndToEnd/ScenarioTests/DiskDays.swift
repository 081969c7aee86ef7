import Foundation
import Testing

/// A disk that is full: what cannot be kept is refused, nothing breaks, and space that is freed is used.
@Suite struct DiskDays {
    @Test func `a full disk refuses async work with 503, damages nothing, and recovers alone`() throws {
        let weir = try RunningWeir(["queue.workers=1"], diskBytes: 12 << 20)
        let client = Client(weir.port)
        try client.deploy("w", tasks: Client.parse)
        let body = #"{"text":"\#(String(repeating: "a", count: 50_000))"}"#
        func accept() throws -> (reply: Client.Reply, id: String?) {
            let reply = try client.call("POST", "\(Client.data)/w/async", body)
            return (reply, reply.object["trace_id"] as? String)
        }
        let ballast = weir.disk.appendingPathComponent("ballast")
        try Data(count: 6 << 20).write(to: ballast)

        var accepted: [String] = []
        var refused: Client.Reply?
        for _ in 0..<500 where refused == nil {
            let (reply, id) = try accept()
            if let id { accepted.append(id) } else { refused = reply }
        }
        let still = try (0..<20).map { _ in try accept().reply.status }
        let sync = try client.call("POST", "\(Client.data)/w", "{}")
        let task = Client.map("m", "data.x", "1")
        let change = try client.call(
            "POST", "\(Client.admin)/workflows",
            #"{"workflow_id":"x","name":"x","tags":["\#(String(repeating: "t", count: 200_000))"],"tasks":[\#(task)]}"#)
        let health = try client.call("GET", "/health")
        let logged = weir.logLines.contains { "\($0)".contains("full") }
        try FileManager.default.removeItem(at: ballast)
        let deadline = Date().addingTimeInterval(20)
        var again = try accept()
        while again.id == nil, Date() < deadline { again = try accept() }

        #expect(refused?.status == 503 && refused?.header("retry-after") != nil, "\(String(describing: refused))")
        #expect(still.allSatisfy { $0 == 503 || $0 == 202 } && still.contains(503))
        #expect(sync.status == 200, "a reply that needs no disk is given")
        #expect(
            change.status == 503 && change.code == "SERVICE_UNAVAILABLE",
            "\(String(decoding: change.body.prefix(500), as: UTF8.self))")
        #expect(health.status == 200 || health.status == 503, "\(health)")
        #expect(logged, "the log says that the disk is full")
        #expect(weir.isRunning && accepted.count > 10)
        for id in accepted + [again.id ?? "none"] {
            #expect(try TraceScenarios.wait(client, id)["status"] as? String == "completed")
        }
        // A backup is checked with SQLite's own integrity check.
        let backup = try weir.command(["backup", "-o", "json"])
        #expect(backup.code == 0, "\(backup)")
    }
}
