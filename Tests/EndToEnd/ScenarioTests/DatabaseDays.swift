import Foundation
import Testing

/// What a server of the database may do to the real binary, whichever server it is.
struct DatabaseDays {
    static let tasks = Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#)
    static let settings = [
        "queue.buffer_size=100000", "storage.connector_encryption_key=\(String(repeating: "5a", count: 32))",
    ]

    /// kill -9, five times under load: what was accepted is done.
    static func killed(on storage: String) throws {
        let weir = try RunningWeir(settings, storageURL: storage)
        try Client(weir.port).deploy("w", tasks: tasks)
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

    /// The server stops and starts again under load: refusals are declared, and it is found again.
    static func restarted(on storage: String, stop: () -> Void, start: () throws -> Void) throws {
        let weir = try RunningWeir(settings, storageURL: storage)
        try Client(weir.port).deploy("w", tasks: tasks)
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
        stop()
        try calls(6)
        try start()
        let deadline = Date.now.addingTimeInterval(20)
        while try client.call("POST", "\(Client.data)/w/async", #"{"n":0}"#).status != 202 {
            try #require(Date.now < deadline, "it did not find its database again in 20 seconds")
        }
        try calls(100)

        #expect(Set(statuses.keys).isSubset(of: [200, 202, 503]), "\(statuses)")
        #expect((statuses[503] ?? 0) > 0)
        try check(accepted, client)
    }

    private static func check(_ accepted: [String: Int], _ client: Client) throws {
        for (id, number) in accepted {
            let trace = try TraceScenarios.wait(client, id)
            #expect(trace["status"] as? String == "completed")
            let context = (trace["message"] as? [String: Any])?["context"] as? [String: Any]
            #expect((context?["data"] as? [String: Any])?["n"] as? Int == number)
        }
    }
}
