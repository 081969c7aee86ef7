import Foundation
import Seeds
import Testing

@Suite struct BadDays {
    @Test func `no accepted trace is lost by kill -9, fifty times`() throws {
        let weir = try RunningWeir(["queue.buffer_size=100000"])
        try Client(weir.port).deploy(
            "w", tasks: Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#))
        var accepted: [String: Int] = [:]
        var random = SeededRandom(seed: 1)
        for round in 0..<50 {
            let clients = (0..<4).map { _ in Client(weir.port) }
            let calls = Int.random(in: 5...25, using: &random)
            for call in 0..<calls {
                for (place, client) in clients.enumerated() {
                    _ = client.write(
                        Client.request("POST", "\(Client.data)/w/async", "{\"n\":\(round * 1000 + call * 4 + place)}"))
                }
                if call == calls - 1 { weir.send(signal: SIGKILL) }
                for (place, client) in clients.enumerated() {
                    guard let reply = client.read(), reply.status == 202, let id = reply.object["trace_id"] as? String
                    else { continue }
                    accepted[id] = round * 1000 + call * 4 + place
                }
            }
            _ = weir.waitForExit()
            try weir.start()
        }

        #expect(accepted.count > 1000)
        let client = Client(weir.port)
        for (id, number) in accepted {
            let trace = try TraceScenarios.wait(client, id)
            #expect(trace["status"] as? String == "completed")
            let context = (trace["message"] as? [String: Any])?["context"] as? [String: Any]
            #expect((context?["data"] as? [String: Any])?["n"] as? Int == number)
        }
    }

    @Test func `a hundred thousand mutations of good requests bring neither a crash nor a 5xx`() throws {
        let weir = try RunningWeir()
        let setup = Client(weir.port)
        try setup.deploy(
            "w", tasks: Client.parse + "," + Client.map("m", "data.n", #"{"cat":[{"var":"data.in.a"}]}"#),
            channel: #","methods":["POST"],"route_pattern":"/w/{id}""#)
        let good = [
            Client.request(
                "POST", "\(Client.data)/w",
                #"{"data":{"a":[1,2.5e3,"x\u00e9\ud83d\ude00",null,true],"b":{"c":{}}},"metadata":{"k":"v"}}"#,
                headers: ["X-Request-Id: abc", "Accept-Encoding: gzip"]),
            Client.request("POST", "\(Client.data)/w/17/async?a=b&c=%20", #"{"a":1}"#),
            Client.request("GET", "\(Client.admin)/workflows?limit=5&sort_by=name"),
            Client.request(
                "POST", "\(Client.admin)/workflows/validate", "{\"name\":\"x\",\"tasks\":[\(Client.parse)]}"),
            Client.request("GET", "/health"),
            Array(
                "POST \(Client.data)/w HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
                    .utf8),
        ]
        var random = SeededRandom(seed: 42)
        var statuses: [Int: Int] = [:]
        var client = Client(weir.port)
        for turn in 0..<100_000 {
            var bytes = good[turn % good.count]
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
            }
            // A good request behind it brings the answer at once, even where the mutated one swallowed it.
            guard client.write(bytes + good[4]) else {
                client = Client(weir.port)
                continue
            }
            client.finishWriting()
            while let reply = client.read() { statuses[reply.status, default: 0] += 1 }
            client = Client(weir.port)
        }

        #expect(weir.isRunning)
        #expect(statuses.keys.filter { $0 >= 500 }.isEmpty, "\(statuses)")
        #expect((statuses[200] ?? 0) > 10_000 && (statuses[400] ?? 0) > 10_000, "\(statuses)")
    }

    @Test func `nothing that the OpenAPI document allows brings a 5xx`() throws {
        let weir = try RunningWeir(["rate_limit.enabled=false", "storage.backup_dir=backups"])
        let client = Client(weir.port)
        try client.deploy("w", tasks: Client.parse)
        _ = try client.call(
            "POST", "\(Client.admin)/connectors",
            #"{"id":"w","name":"w","connector_type":"http","config":{"url":"http://127.0.0.1:1"}}"#)
        // It makes keys too: with the first of its own it would shut itself out.
        let key = try KeyScenarios.make(client, "full").key
        // Names that lead somewhere, so that more than 404 is asked for.
        try "[parameters]\nid = \"w\"\nchannel = \"w\"\n".write(
            to: weir.folder.appendingPathComponent("schemathesis.toml"), atomically: true, encoding: .utf8)

        let run = try Tool.run(
            [
                "schemathesis", "run", "http://127.0.0.1:\(weir.port)/api/v1/openapi.json", "--checks",
                "not_a_server_error", "--max-examples", "5", "--seed", "1", "--no-color", "--header",
                "Authorization: Bearer \(key)",
            ], in: weir.folder)

        #expect(run.status == 0, "\(run.output.suffix(4000))")
        #expect(run.output.contains("generated"), "\(run.output.suffix(4000))")
        #expect(weir.isRunning)
    }

    @Test func `slow and half-open clients do not take it down`() throws {
        let weir = try RunningWeir()
        let slow = (0..<200).map { _ in Client(weir.port) }
        for client in slow {
            #expect(client.write(Array("POST /api/v1/data/x HTTP/1.1\r\nHost: a\r\nContent-Le".utf8)))
        }

        #expect(try Client(weir.port).call("GET", "/health").status == 200)
        #expect(slow[0].read()?.status == 408)
        let half = Client(weir.port)
        #expect(half.write(Client.request("GET", "/health")))
        half.finishWriting()
        #expect(half.read()?.status == 200)
    }

    @Test func `how long a body was on its way is not the workflow's time`() throws {
        let weir = try RunningWeir()
        let other = Client(weir.port)
        try other.deploy("w", tasks: Client.parse, channel: #","config":{"timeout_ms":200}"#)
        let slow = Client(weir.port)
        let request = Client.request("POST", "\(Client.data)/w", #"{"n":1}"#)
        #expect(slow.write(Array(request.dropLast(3))))
        let end = Date.now + 0.5
        while Date.now < end { #expect(try other.call("GET", "/healthz").status == 200) }
        #expect(slow.write(Array(request.suffix(3))))

        #expect(slow.read()?.status == 200)
    }

    @Test func `SIGTERM under load drops nothing`() throws {
        let weir = try RunningWeir()
        // Long enough to be under way when the signal comes, short enough for a debug build beside other tests.
        let loop = DataScenarios.busy.loop.replacingOccurrences(of: "10000", with: "1000")
        try Client(weir.port).deploy("slow", tasks: DataScenarios.busy.tasks, more: loop)
        let clients = (0..<8).map { _ in Client(weir.port) }
        for client in clients { #expect(client.write(Client.request("POST", "\(Client.data)/slow", "{}"))) }
        // Answered on the same connections' event loops after the calls above have been read.
        #expect(try Client(weir.port).call("GET", "/readyz").status == 200)

        weir.send(signal: SIGTERM)

        for client in clients { #expect(client.read()?.status == 200) }
        #expect(weir.waitForExit() == 0)
    }

    @Test func `a definition that cannot be built quarantines its channel alone`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        try client.deploy("good", tasks: Client.map("m", "data.x", "1"))
        try client.deploy("sick", tasks: Client.map("m", "data.x", "1"))
        #expect(try client.call("DELETE", "\(Client.admin)/workflows/sick").status == 204)

        #expect(try client.call("POST", "\(Client.data)/sick", "{}").status == 503)
        #expect(try client.call("POST", "\(Client.data)/good", "{}").status == 200)
        let health = try client.call("GET", "/health")
        #expect(health.status == 200 && health.object["status"] as? String == "degraded")
        #expect((health.object["quarantined_channels"] as? [[String: Any]])?[0]["channel"] as? String == "sick")
    }
}
