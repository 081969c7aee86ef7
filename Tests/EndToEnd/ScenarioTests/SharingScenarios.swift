import Foundation
import RealServices
import Synchronization
import Testing

/// What several instances on one Redis agree on.
@Suite struct SharingScenarios {
    /// A channel whose every run answers with something new.
    static let fresh = Client.parse + "," + Client.map("m", "data.stamp", #"{"random":[]}"#)

    static func config(_ text: String) -> String { ",\"config\":{\(text)}" }

    /// Bad day 6: a global limit of 100 a second, three instances, as much as the machine can offer up to 1,000 a second.
    @Test func `three instances let in a hundred a second together`() throws {
        let instances = try SharingInstances(url: RealRedis.shared().url)
        try instances.deploy(
            "limited", tasks: Self.fresh,
            channel: Self.config(#""rate_limit":{"requests_per_second":100,"burst":50},"tracing":{"mode":"off"}"#))
        let seconds = SharingInstances.isSoak ? 30.0 : 5
        for client in instances.clients() {
            while try client.call("POST", "\(Client.data)/limited", "{}").status == 200 {}
        }
        let asked = try instances.sum("weir_shared_state_request_duration_seconds_count")

        let load = OpenLoad(ports: instances.weirs.map(\.port), path: "\(Client.data)/limited", perSecond: 1000)
        let statuses = load.run(seconds: seconds)

        let questions = try instances.sum("weir_shared_state_request_duration_seconds_count") - asked
        let rate = Double(statuses[200] ?? 0) / load.elapsed
        let tolerance = SharingInstances.isSoak ? 3.0 : 9
        #expect(abs(rate - 100) <= tolerance, "\(rate) a second; \(statuses) in \(load.elapsed) s")
        #expect(Set(statuses.keys) == [200, 429], "\(statuses)")
        #expect((statuses[429] ?? 0) > (statuses[200] ?? 0), "more was offered than let in: \(statuses)")
        let offered = Double(statuses.values.reduce(0, +))
        #expect(questions < offered / 3, "\(questions) questions for \(offered) requests")
    }

    /// Bad day 7: the same idempotency key to three instances at once.
    @Test func `a key that is sent to three instances at once runs once`() throws {
        let instances = try SharingInstances(url: RealRedis.shared().url)
        try instances.deploy("once", tasks: Self.fresh, channel: Self.config(#""deduplication":{"window_secs":60}"#))
        let clients = instances.clients()
        let rounds = SharingInstances.isSoak ? 1000 : 60
        func send(_ round: Int) -> [Client.Reply] {
            for client in clients {
                _ = client.write(
                    Client.request("POST", "\(Client.data)/once", "{}", headers: ["Idempotency-Key: key \(round)"]))
            }
            return clients.compactMap { $0.read() }
        }

        for round in 0..<rounds {
            let first = send(round)
            // What came of it may be on its way to the others while its caller has it already.
            var again = send(round)
            try SharingInstances.eventually("all replay it", within: 10) {
                if again.contains(where: { $0.status == 409 }) { again = send(round) }
                return !again.contains { $0.status == 409 }
            }
            let bodies = Set((first + again).filter { $0.status == 200 }.map(\.body))
            try #require(first.count == 3 && again.count == 3)
            #expect(bodies.count == 1, "round \(round): \(bodies.count) runs")
            #expect(first.allSatisfy { $0.status == 200 || $0.status == 409 && $0.code == "CONFLICT" })
            #expect(again.allSatisfy { $0.status == 200 && $0.header("idempotency-replayed") == "true" })
        }
        #expect(try instances.sum(#"weir_messages_total{channel="once",status="ok"}"#) == Double(rounds))
    }

    @Test func `a key that was accepted by one instance is not accepted again by another`() throws {
        let instances = try SharingInstances(2, url: RealRedis.shared().url)
        try instances.deploy("later", tasks: Self.fresh, channel: Self.config(#""deduplication":{"window_secs":60}"#))
        let clients = instances.clients()
        func accept(_ client: Client, _ key: String) throws -> Client.Reply {
            try client.call("POST", "\(Client.data)/later/async", "{}", headers: ["Idempotency-Key: \(key)"])
        }

        let first = try accept(clients[0], "a")
        let again = try accept(clients[1], "a")
        // What a gate refuses leaves nothing behind that two requests would share.
        let tooLong = try accept(clients[0], String(repeating: "x", count: 300))
        let other = try accept(clients[1], "b")

        #expect(first.status == 202 && again.status == 202 && again.body == first.body)
        #expect(again.header("location") == first.header("location") && again.header("location") != nil)
        #expect(tooLong.status == 400 && other.status == 202 && other.body != first.body)
    }

    @Test func `a run that failed on one instance may be repeated on another`() throws {
        let instances = try SharingInstances(2, url: RealRedis.shared().url)
        try instances.deploy(
            "fails", tasks: Client.parse + "," + Client.map("m", "data.x", #"{"/":[1,{"var":"data.in.n"}]}"#),
            channel: Self.config(#""deduplication":{"window_secs":60}"#))
        let clients = instances.clients()
        let key = ["Idempotency-Key: k"]

        let failed = try clients[0].call("POST", "\(Client.data)/fails", #"{"n":0}"#, headers: key)
        // The claim is let go of behind the reply.
        var repeated = 409
        try SharingInstances.eventually("it may be repeated") {
            repeated = try clients[1].call("POST", "\(Client.data)/fails", #"{"n":2}"#, headers: key).status
            return repeated != 409
        }
        #expect(failed.status == 500 && repeated == 200)
    }

    @Test func `what one instance cached another answers, until a namespace is invalidated anywhere`() throws {
        let instances = try SharingInstances(url: RealRedis.shared().url)
        try instances.deploy(
            "prices", tasks: Self.fresh,
            channel: Self.config(#""cache":{"enabled":true,"ttl_secs":60,"namespaces":["prices"]}"#))
        let clients = instances.clients()
        func ask(_ place: Int, _ body: String) throws -> Client.Reply {
            try clients[place].call("POST", "\(Client.data)/prices", body)
        }

        let miss = try ask(0, #"{"n":1}"#)
        try SharingInstances.eventually("the others know it") {
            try ask(1, #"{"n":1}"#).header("x-cache") == "HIT"
        }
        let hit = try ask(2, #"{"n":1}"#)
        let other = try ask(1, #"{"n":2}"#)
        let invalidated = try clients[2].call("POST", "\(Client.admin)/cache/namespaces/prices/invalidate")
        let here = try ask(2, #"{"n":1}"#)
        try SharingInstances.eventually("the others hear of it", within: 10) {
            try ask(0, #"{"n":1}"#).body != miss.body
        }

        #expect(miss.header("x-cache") == "MISS" && hit.header("x-cache") == "HIT" && hit.body == miss.body)
        #expect(hit.header("age") != nil && hit.header("content-type") == miss.header("content-type"))
        #expect(other.body != miss.body && invalidated.status == 200 && here.body != miss.body)
    }

    @Test func `what several instances miss at once is worked out once`() throws {
        let upstream = try Upstream { _ in
            usleep(300_000)  // long enough for all to ask
            return .reply(status: 200, body: "{\"n\":1}")
        }
        let instances = try SharingInstances(url: RealRedis.shared().url)
        for client in instances.clients() {
            try SharingScenarios.connector(client, upstream.url)
            try client.deploy(
                "slow", tasks: Self.callOut, channel: Self.config(#""cache":{"enabled":true,"ttl_secs":60}"#))
        }
        let clients = instances.clients() + instances.clients()
        for client in clients { _ = client.write(Client.request("POST", "\(Client.data)/slow", "{}")) }
        let replies = clients.compactMap { $0.read() }

        #expect(replies.count == 6 && replies.allSatisfy { $0.status == 200 }, "\(replies.map(\.status))")
        #expect(upstream.requests.count == 1)
        #expect(replies.count { $0.header("x-cache") == "MISS" } == 1)
    }

    static func connector(_ client: Client, _ url: String) throws {
        let reply = try client.call(
            "POST", "\(Client.admin)/connectors",
            "{\"name\":\"up\",\"connector_type\":\"http\",\"config\":{\"type\":\"http\",\"url\":\"\(url)\",\"allow_private_urls\":true,\"retry\":{\"max_retries\":0}}}"
        )
        guard reply.status == 201 else { throw RunningWeir.Failure(String(decoding: reply.body, as: UTF8.self)) }
    }

    static let callOut = Client.task(
        "call", "http_call", #"{"connector":"up","path":"/x","method":"GET","output":"data.reply","timeout_ms":20000}"#)

    @Test func `a limit of runs at a time holds over instances, and a dead instance's runs free theirs`() throws {
        let isHeld = Mutex(true)
        let upstream = try Upstream { _ in
            while isHeld.withLock({ $0 }) { usleep(5000) }
            return .reply(status: 200, body: "{}")
        }
        let instances = try SharingInstances(2, url: RealRedis.shared().url)
        for client in instances.clients() {
            try Self.connector(client, upstream.url)
            try client.deploy("few", tasks: Self.callOut, channel: Self.config(#""backpressure":{"max_concurrent":2}"#))
        }
        func begin(_ place: Int) -> Client {
            let client = Client(instances[place].port)
            _ = client.write(Client.request("POST", "\(Client.data)/few", "{}"))
            return client
        }
        let callers = [begin(0), begin(1)]
        try SharingInstances.eventually("both run") { upstream.requests.count == 2 }
        let refused = try instances.clients().map { try $0.call("POST", "\(Client.data)/few", "{}") }
        isHeld.withLock { $0 = false }
        let replies = callers.compactMap { $0.read() }
        var last = 503
        try SharingInstances.eventually("the permits are back") {
            last = try Client(instances[0].port).call("POST", "\(Client.data)/few", "{}").status
            return last == 200
        }
        isHeld.withLock { $0 = true }
        let before = upstream.requests.count
        _ = (begin(0), begin(0))
        try SharingInstances.eventually("both run") { upstream.requests.count == before + 2 }
        instances[0].send(signal: SIGKILL)
        let full = try Client(instances[1].port).call("POST", "\(Client.data)/few", "{}").status
        isHeld.withLock { $0 = false }
        try SharingInstances.eventually("the dead instance's permits run out", within: 60) {
            try Client(instances[1].port).call("POST", "\(Client.data)/few", "{}").status == 200
        }

        #expect(refused.allSatisfy { $0.status == 503 && $0.header("retry-after") != nil })
        #expect(replies.map(\.status) == [200, 200] && last == 200 && full == 503)
    }

    @Test func `asynchronous runs of a channel at capacity wait for another instance's`() throws {
        let instances = try SharingInstances(2, url: RealRedis.shared().url)
        let peak = Mutex((now: 0, most: 0))
        let upstream = try Upstream { _ in
            peak.withLock { peak in
                peak.now += 1
                peak.most = max(peak.most, peak.now)
            }
            usleep(20_000)  // long enough to meet others
            peak.withLock { $0.now -= 1 }
            return .reply(status: 200, body: "{}")
        }
        for client in instances.clients() {
            try Self.connector(client, upstream.url)
            try client.deploy(
                "turns", tasks: Self.callOut, channel: Self.config(#""backpressure":{"max_concurrent":2}"#))
        }
        let clients = instances.clients()
        var accepted: [(Client, String)] = []
        for turn in 0..<24 {
            let client = clients[turn % 2]
            let reply = try client.call("POST", "\(Client.data)/turns/async", "{}")
            accepted.append((client, try #require(reply.object["trace_id"] as? String)))
        }
        for (client, id) in accepted {
            #expect(try TraceScenarios.wait(client, id)["status"] as? String == "completed")
        }
        #expect(upstream.requests.count == 24 && peak.withLock { $0.most } == 2)
    }

    @Test func `a channel that is called by another is limited together too`() throws {
        let instances = try SharingInstances(2, url: RealRedis.shared().url)
        try instances.deploy(
            "inner", tasks: Self.fresh,
            channel: Self.config(
                #""rate_limit":{"requests_per_second":1,"burst":4},"backpressure":{"max_concurrent":5}"#))
        try instances.deploy(
            "outer",
            tasks: Client.task("call", "channel_call", #"{"channel":"inner","data":{"a":1},"output":"data.reply"}"#))
        let clients = instances.clients()
        let replies = try (0..<12).map { try clients[$0 % 2].call("POST", "\(Client.data)/outer", "{}") }

        let passed = replies.count { $0.status == 200 }
        #expect((4...8).contains(passed), "4 at once, one a second: \(replies.map(\.status))")
        #expect(try instances.sum(#"weir_messages_total{channel="outer""#) == 12)
    }

    @Test func `a breaker that opens on one instance is open on all, and is closed for all by hand`() throws {
        let upstream = try Upstream { _ in .reply(status: 500) }
        let instances = try SharingInstances(
            2, url: RealRedis.shared().url,
            ["engine.circuit_breaker.failure_threshold=2", "engine.circuit_breaker.recovery_timeout_secs=300"])
        for client in instances.clients() {
            try Self.connector(client, upstream.url)
            try client.deploy("out", tasks: Self.callOut)
        }
        let clients = instances.clients()
        func state(_ place: Int) throws -> String? {
            let reply = try clients[place].call("GET", "\(Client.admin)/connectors/circuit-breakers")
            return (reply.data["breakers"] as? [String: String])?["out:up"]
        }

        for _ in 0..<2 { _ = try clients[0].call("POST", "\(Client.data)/out", "{}") }
        try SharingInstances.eventually("the other hears of it", within: 10) { try state(1) == "open" }
        let refused = try clients[1].call("POST", "\(Client.data)/out", "{}")
        let hits = upstream.requests.count
        let reset = try clients[1].call("POST", "\(Client.admin)/connectors/circuit-breakers/out:up")
        try SharingInstances.eventually("it is closed for the first too", within: 10) { try state(0) == "closed" }

        #expect(refused.status == 503 && refused.code == "CIRCUIT_OPEN" && hits == 2 && reset.status == 200)
    }

    @Test func `the platform's limits and a caller's own hold over instances`() throws {
        let instances = try SharingInstances(
            2, url: RealRedis.shared().url,
            [
                "rate_limit.enabled=true", "rate_limit.default_rps=1000", "rate_limit.default_burst=1000",
                "rate_limit.endpoints.data_rps=2",
            ])
        try instances.deploy("open", tasks: Self.fresh)
        let clients = instances.clients()
        // Two a second, and a burst of two.
        let statuses = try (0..<16).map { try clients[$0 % 2].call("POST", "\(Client.data)/open", "{}").status }
        #expect((2...8).contains(statuses.count { $0 == 200 }), "\(statuses)")
        #expect(Set(statuses) == [200, 429])

        let known = try SharingInstances(2, url: RealRedis.shared().url)
        try known.deploy(
            "known", tasks: Self.fresh,
            channel: Self.config(
                #""auth":{"mode":"api_key","keys":["k1","k2"],"header":"X-Key"},"principal_rate_limit":{"requests_per_second":1,"burst":3,"key_logic":{"var":"auth.key_id"}}"#
            ))
        let callers = known.clients()
        func ask(_ place: Int, _ key: String) throws -> Int {
            try callers[place % 2].call("POST", "\(Client.data)/known", "{}", headers: ["X-Key: \(key)"]).status
        }
        let first = try (0..<12).map { try ask($0, "k1") }
        let second = try ask(0, "k2")
        #expect((3...7).contains(first.count { $0 == 200 }) && Set(first) == [200, 429], "\(first)")
        #expect(second == 200)
    }
}
