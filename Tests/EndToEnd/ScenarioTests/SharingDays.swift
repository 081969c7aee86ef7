import Foundation
import RealServices
import Testing

/// Bad days of what instances share.
@Suite struct SharingDays {
    private static let channels = [
        ("open", #""rate_limit":{"requests_per_second":1,"burst":100000,"on_failure":"fail_open"}"#),
        ("closed", #""rate_limit":{"requests_per_second":1,"burst":100000,"on_failure":"fail_closed"}"#),
        ("runs", #""backpressure":{"max_concurrent":5,"on_failure":"fail_closed"}"#),
        ("key-open", #""deduplication":{"window_secs":60}"#),
        ("key-closed", #""deduplication":{"window_secs":60,"on_backend_error":"deny"}"#),
        ("cached", #""cache":{"enabled":true,"ttl_secs":60}"#),
    ]

    /// Calls one channel, with a key and a body of its own.
    private func ask(_ client: Client, _ channel: String, _ number: Int) throws -> (status: Int, seconds: Double) {
        let began = Date.now
        let reply = try client.call(
            "POST", "\(Client.data)/\(channel)", "{\"n\":\(number)}", headers: ["Idempotency-Key: \(number)"])
        return (reply.status, Date.now.timeIntervalSince(began))
    }

    private func makeInstances(_ redis: RealRedis) throws -> SharingInstances {
        let instances = try SharingInstances(2, url: redis.url, timeout: 50)
        for (name, config) in Self.channels {
            try instances.deploy(name, tasks: SharingScenarios.fresh, channel: SharingScenarios.config(config))
        }
        return instances
    }

    private func up(_ instances: SharingInstances) throws -> Double { try instances.sum("weir_shared_state_up") }

    /// What every channel does while Redis is away, and how long it takes.
    private func check(_ instances: SharingInstances, _ numbers: Range<Int>, _ what: String) throws {
        let clients = instances.clients()
        var slowest = 0.0
        for number in numbers {
            for client in clients {
                for (channel, _) in Self.channels {
                    let (status, seconds) = try ask(client, channel, number)
                    let isClosed = channel.hasSuffix("closed") || channel == "runs"
                    #expect(status == (isClosed ? 503 : 200), "\(what): \(channel) answered \(status)")
                    slowest = max(slowest, seconds)
                }
            }
        }
        // 50 ms for a question, several for a request; the machine may be busy with other tests.
        #expect(slowest < 2, "\(what): \(slowest) s")
    }

    @Test func `Redis paused, killed and brought back: each guard as configured, never a hang, found again`() throws {
        let redis = try RealRedis()
        let instances = try makeInstances(redis)
        let clients = instances.clients()
        func isWell() throws -> Bool {
            // A busy machine may miss the deadline now and then: all is well once everything is answered.
            try Self.channels.allSatisfy { channel, _ in
                try clients.allSatisfy { try ask($0, channel, .random(in: 1_000_000...9_000_000)).status == 200 }
            } && up(instances) == 2
        }
        try SharingInstances.eventually("all is well") { try isWell() }

        redis.pause()
        let began = Date.now
        for number in 0..<4 {
            for client in clients { _ = try ask(client, "open", number) }
        }
        #expect(Date.now.timeIntervalSince(began) < 8)
        try SharingInstances.eventually("both notice", within: 20) { try up(instances) == 0 }
        try check(instances, 100..<110, "paused")
        redis.resume()
        try SharingInstances.eventually("all is well again") { try isWell() }

        redis.stop()
        try SharingInstances.eventually("both notice", within: 20) { try up(instances) == 0 }
        try check(instances, 200..<210, "gone")
        if SharingInstances.isSoak {
            let end = Date.now.addingTimeInterval(60)
            var number = 1000
            while Date.now < end {
                try check(instances, number..<(number + 1), "gone for a minute")
                number += 1
            }
        }
        try redis.start()
        try SharingInstances.eventually("all is well in the end") { try isWell() }

        #expect(try instances.sum(#"weir_shared_state_fallbacks_total{guard="rate_limit"}"#) > 0)
        #expect(try instances.sum("weir_shared_state_failures_total") > 0)
        let log = instances[0].logLines.compactMap { $0["message"] as? String }
        #expect(log.contains { $0.hasPrefix("the shared state does not answer") })
        #expect(log.contains("the shared state answers again"))
    }

    @Test func `an instance starts without Redis, and joins when it is there`() throws {
        let redis = try RealRedis()
        redis.stop()
        let instances = try makeInstances(redis)
        try SharingInstances.eventually("both notice", within: 20) { try up(instances) == 0 }
        try check(instances, 0..<3, "not there yet")
        try redis.start()
        try SharingInstances.eventually("both join") {
            try up(instances) == 2 && ask(Client(instances[0].port), "closed", 9).status == 200
        }
    }

    @Test func `what ran while Redis was away is not run again on another instance`() throws {
        let redis = try RealRedis()
        let instances = try makeInstances(redis)
        let clients = instances.clients()
        redis.stop()
        try SharingInstances.eventually("both notice", within: 20) { try up(instances) == 0 }
        func run(_ client: Client) throws -> Client.Reply {
            try client.call("POST", "\(Client.data)/key-open", "{}", headers: ["Idempotency-Key: while away"])
        }
        let first = try run(clients[0])
        try redis.start()
        try SharingInstances.eventually("both are back") { try up(instances) == 2 }
        // Whoever asks before it is told runs it: Redis was away, and the channel is open then.
        try SharingInstances.eventually("the first has told what it came to") { try redis.cli("DBSIZE") != "0" }
        try SharingInstances.eventually("the other replays it") {
            let reply = try run(Client(instances[1].port))
            return reply.status == 200 && reply.body == first.body
        }
    }

    @Test func `settings that cannot be used stop the start, and quote no password`() throws {
        for url in ["redis://:secret@localhost:0", "http://localhost", "redis+cluster://:secret@a/3"] {
            let run = try RunningWeir.command([
                "serve", "--port", "0", "--storage-url", "memory:", "--set", "shared_state.url=\(url)",
            ])
            #expect(run.code != 0 && run.errors.contains("shared_state.url"), "\(url): \(run.errors)")
            #expect(!run.errors.contains("secret"))
        }
    }
}
