import Foundation
import Glibc
import RealServices
import Testing

/// Real instances on a real PostgreSQL, on bad days. Bounds of the short run are three times what is promised; `WEIR_SOAK=1`
/// holds the promises themselves, and freezes for a minute.
@Suite(.serialized) struct ClusterBadDays {
    typealias Row = RunningCluster.Row
    static let isSoak = ProcessInfo.processInfo.environment["WEIR_SOAK"] == "1"
    private static func bound(_ seconds: Double) -> Double { isSoak ? seconds : 3 * seconds }
    private static let loose = ["queue.workers=2", "queue.buffer_size=10000"]

    /// Calls an upstream with the number of its message, and takes its time.
    private func deployCalls(_ cluster: RunningCluster, _ upstream: Upstream, milliseconds: Int) throws {
        let connector =
            #"{"id":"up","name":"up","connector_type":"http","config":{"url":"\#(upstream.url)","allow_private_urls":true}}"#
        #expect(try cluster.client(0).call("POST", "\(Client.admin)/connectors", connector).status == 201)
        let tasks = [
            Client.parse,
            Client.task(
                "call", "http_call",
                #"{"connector":"up","method":"GET","path_logic":{"cat":["n/",{"var":"data.in.n"}]}}"#),
            Client.task("slow", "sleep", #"{"ms":\#(milliseconds)}"#),
        ]
        try cluster.client(0).deploy("w", tasks: tasks.joined(separator: ","))
        let reload = try cluster.client(0).call("POST", "\(Client.admin)/engine/reload?wait=all")
        #expect(reload.status == 200)
    }

    private func accept(_ client: Client, _ count: Int) throws -> [String] {
        try (0..<count).map { number in
            let reply = try client.call("POST", "\(Client.data)/w/async", #"{"n":\#(number)}"#)
            guard reply.status == 202, let id = reply.object["trace_id"] as? String else {
                throw RunningWeir.Failure("not accepted: \(reply.head)")
            }
            return id
        }
    }

    /// How often each number was called.
    private func calls(_ upstream: Upstream) -> [String: Int] {
        upstream.requests.reduce(into: [:]) { $0[$1.path, default: 0] += 1 }
    }

    /// As after a restore, or a failover to a standby that lagged: the numbers of changes begin again where they were.
    @Test func `a database that goes back is followed, and changes reach everybody again`() throws {
        let cluster = try RunningCluster(2)
        try cluster.settle()
        func version(_ number: Int, by place: Int) throws -> Client.Reply {
            let tasks = Client.parse + "," + Client.map("m", "data.v", "\(number)")
            let client = cluster.client(place)
            if number == 1 {
                try client.deploy("w", tasks: tasks)
                return try client.call("POST", "\(Client.admin)/engine/reload?wait=all")
            }
            #expect(try client.call("POST", "\(Client.admin)/workflows/w/versions").status == 201)
            let body = #"{"workflow_id":"w","name":"w","tasks":[\#(tasks)]}"#
            #expect(try client.call("PUT", "\(Client.admin)/workflows/w", body).status == 200)
            return try client.call("PATCH", "\(Client.admin)/workflows/w/status?wait=all", #"{"status":"active"}"#)
        }
        func served(_ place: Int) throws -> Int? {
            try cluster.client(place).call("POST", "\(Client.data)/w", "{}").data["v"] as? Int
        }
        _ = try version(1, by: 0)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString).sql").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try RealPostgres.program("pg_dump", ["--clean", "--if-exists", "-f", file, cluster.storageURL])
        for number in 2...5 { #expect(try version(number, by: number % 2).header("weir-instances") == "2/2") }
        #expect(try served(0) == 5 && served(1) == 5)

        try RealPostgres.program("psql", ["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file, cluster.storageURL])
        for place in 0..<2 { try RunningCluster.wait("instance \(place) went back") { try served(place) == 1 } }
        let changed = try version(7, by: 0)

        #expect(changed.status == 200 && changed.header("weir-instances") == "2/2", "\(changed.head)")
        #expect(try served(0) == 7 && served(1) == 7)
    }

    @Test func `a database without its tables is not said to be well`() throws {
        let cluster = try RunningCluster(1)
        try cluster.settle()
        _ = try RealPostgres.ask("DROP SCHEMA public CASCADE; CREATE SCHEMA public", at: cluster.storageURL)

        try RunningCluster.wait("it is not ready") {
            try cluster.client(0).call("GET", "/readyz").status == 503
        }
    }

    @Test func `a leader that is killed is followed, and each of its runs is done once elsewhere`() throws {
        let upstream = try Upstream { _ in .reply(status: 200, body: "{}") }
        let cluster = try RunningCluster(3, Self.loose)
        try cluster.settle()
        try deployCalls(cluster, upstream, milliseconds: 150)
        let leader = try #require(try cluster.leader(seenBy: 0))
        let others = [0, 1, 2].filter { $0 != leader }
        let epoch = try #require(try cluster.view(others[0])["epoch"] as? Int)
        let ids = try accept(cluster.client(leader), 30)
        try RunningCluster.wait("it runs some") { upstream.requests.count >= 2 }

        let killed = Date.now
        cluster[leader].send(signal: SIGKILL)

        try RunningCluster.wait("another leads", seconds: Self.bound(3)) {
            try cluster.leader(seenBy: others[0], among: others) != nil
        }
        let newLeader = try cluster.view(others[0])
        #expect(newLeader["epoch"] as? Int == epoch + 1)
        try RunningCluster.wait("its runs have begun elsewhere", seconds: Self.bound(5)) {
            calls(upstream).count >= 12
        }
        #expect(Date.now.timeIntervalSince(killed) < Self.bound(5) + 1)
        for id in ids {
            let trace = try TraceScenarios.wait(cluster.client(others[0]), id)
            #expect(trace["status"] as? String == "completed", "\(trace)")
        }
        // At least once: what ran when it was killed was begun again. The rest ran once.
        let counts = calls(upstream)
        #expect(counts.count == 30 && counts.values.reduce(0, +) <= 30 + 2, "\(counts.filter { $0.value > 1 })")
        let shown = newLeader["instances"] as? [Row] ?? []
        #expect(shown.count { $0["state"] as? String == "lost" } == 1, "who ended without a word is still shown")
    }

    @Test func `a leader that was frozen refuses itself when it wakes, and runs nothing that others have`() throws {
        let upstream = try Upstream { _ in .reply(status: 200, body: "{}") }
        let cluster = try RunningCluster(
            2, Self.loose + (Self.isSoak ? [] : ["cluster.heartbeat_ms=200", "cluster.ttl_ms=1000"]))
        try cluster.settle()
        try deployCalls(cluster, upstream, milliseconds: 200)
        try ScheduleScenarios.deploy(
            cluster.client(0), "tick", ScheduleScenarios.schedule(ScheduleScenarios.everySecond))
        let leader = try #require(try cluster.leader(seenBy: 0))
        let other = 1 - leader
        let ids = try accept(cluster.client(leader), 20)
        try RunningCluster.wait("it runs some") { upstream.requests.count >= 2 }

        cluster[leader].send(signal: SIGSTOP)
        let frozen = Date.now
        try RunningCluster.wait("the other leads", seconds: Self.bound(4)) {
            try cluster.leader(seenBy: other, among: [other]) == other
        }
        for id in ids {
            let trace = try TraceScenarios.wait(cluster.client(other), id)
            #expect(trace["status"] as? String == "completed")
        }
        let ends = try ids.map { try cluster.client(other).call("GET", "\(Client.data)/traces/\($0)").object }
        if Self.isSoak { usleep(UInt32(max(0, 60 - Date.now.timeIntervalSince(frozen)) * 1e6)) }
        let before = calls(upstream)
        cluster[leader].send(signal: SIGCONT)

        try RunningCluster.wait("the woken one sees who leads") {
            let view = try cluster.view(leader)
            let expected = try cluster.id(other)
            return RunningCluster.live(view).count == 2 && view["leader"] as? String == expected
        }
        try RunningCluster.wait("it has looked through what it held") {
            let own = RunningCluster.live(try cluster.view(other)).first {
                $0["id"] as? String != (try? cluster.id(other))
            }
            return (own?["load"] as? Row)?["queued"] as? Int == 0
        }
        #expect(calls(upstream) == before, "nothing ran again")
        let after = try ids.map { try cluster.client(other).call("GET", "\(Client.data)/traces/\($0)").object }
        for (old, new) in zip(ends, after) {
            #expect(old["completed_at"] as? String == new["completed_at"] as? String, "no settlement of the frozen one")
        }
        let rows = try ScheduleScenarios.occurrences(cluster.client(other), "tick")
        #expect(Set(rows.map { ScheduleScenarios.instant($0) }).count == rows.count, "each instant once")
        #expect(try cluster.client(leader).call("POST", "\(Client.data)/w", #"{"n":99}"#).status == 200, "it serves on")
    }

    @Test func `a schedule fires once for each instant while its leaders are killed`() throws {
        let cluster = try RunningCluster()
        try cluster.settle()
        try ScheduleScenarios.deploy(
            cluster.client(0), "tick", ScheduleScenarios.schedule(ScheduleScenarios.everySecond))
        _ = try ScheduleScenarios.wait(cluster.client(0), "tick") { $0.count >= 2 }
        let leader = try #require(try cluster.leader(seenBy: 0))
        let other = (leader + 1) % 3
        cluster[leader].send(signal: SIGKILL)
        let killed = try ScheduleScenarios.occurrences(cluster.client(other), "tick").count

        let rows = try ScheduleScenarios.wait(cluster.client(other), "tick") { rows in
            rows.count >= killed + 8 && rows.count { ScheduleScenarios.status($0) == "completed" } >= killed + 6
        }

        let instants = rows.map { ScheduleScenarios.instant($0) }
        #expect(Set(instants).count == instants.count, "none twice")
        #expect(rows.allSatisfy { ScheduleScenarios.status($0) != "skipped_misfire" }, "none missed: within the grace")
        #expect(zip(instants, instants.dropFirst()).allSatisfy { $1 - $0 == 1 }, "none left out: \(instants)")
    }

    @Test func `an instance whose clock is ten minutes off breaks nothing`() throws {
        let cluster = try RunningCluster(1, Self.loose)
        let preload = try WrongClock.library()
        for sign in ["+", "-"] {
            try cluster.add(
                Self.loose,
                environment: ["LD_PRELOAD": preload, "WRONG_CLOCK_SECONDS": "\(sign)600"])
        }
        try cluster.settle()
        let tasks = Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#)
        try cluster.client(1).deploy("w", tasks: tasks)
        try ScheduleScenarios.deploy(
            cluster.client(2), "tick", ScheduleScenarios.schedule(ScheduleScenarios.everySecond))
        #expect(try cluster.client(0).call("POST", "\(Client.admin)/engine/reload?wait=all").status == 200)

        // Whoever leads: each of them in turn.
        for round in 0..<2 {
            let leader = try cluster.leader(seenBy: 2, among: Array(round..<3)) ?? 2
            let rows = try ScheduleScenarios.wait(cluster.client(2), "tick") { rows in
                rows.count { ScheduleScenarios.status($0) == "completed" } >= (round + 1) * 3
            }
            let now = Date.now.timeIntervalSince1970
            #expect(rows.allSatisfy { abs(ScheduleScenarios.instant($0) - now) < 120 }, "by the database's clock")
            for place in round..<3 {
                let ids = try accept(cluster.client(place), 3)
                for id in ids {
                    let trace = try TraceScenarios.wait(cluster.client(2), id)
                    #expect(trace["status"] as? String == "completed")
                    let made = ScheduleScenarios.time(trace["created_at"] as? String ?? "")
                    #expect(abs(made - Date.now.timeIntervalSince1970) < 120, "instance \(place): \(trace)")
                }
            }
            #expect(RunningCluster.live(try cluster.view(2)).count == 3 - round, "nobody takes anybody for dead")
            guard round == 0, leader < 2 else { break }
            // The first one goes, so that one with a wrong clock has to lead.
            cluster[0].send(signal: SIGTERM)
            _ = cluster[0].waitForExit()
            try RunningCluster.wait("another leads") {
                try cluster.leader(seenBy: 2, among: [1, 2]) != nil
            }
        }
        let rows = try ScheduleScenarios.occurrences(cluster.client(2), "tick")
        #expect(Set(rows.map { ScheduleScenarios.instant($0) }).count == rows.count, "each instant once")
    }

    @Test func `when PostgreSQL was away nobody is taken for dead, and what ran goes on`() throws {
        let server = try RealPostgres()
        defer { server.stop(.leaving) }
        let upstream = try Upstream { _ in .reply(status: 200, body: "{}") }
        let cluster = try RunningCluster(
            2, Self.loose + ["cluster.heartbeat_ms=200", "cluster.ttl_ms=1000"], storageURL: server.url())
        try cluster.settle()
        try deployCalls(cluster, upstream, milliseconds: 6000)
        let ids = try accept(cluster.client(0), 1) + accept(cluster.client(1), 1)
        try RunningCluster.wait("both run") { upstream.requests.count == 2 }

        server.stop(.fast)
        usleep(2_500_000)  // longer than the time to live: an outage is what this is about
        try server.start()

        for id in ids {
            let trace = try TraceScenarios.wait(cluster.client(0), id)
            #expect(trace["status"] as? String == "completed", "\(trace)")
        }
        #expect(upstream.requests.count == 2, "each ran once: \(calls(upstream))")
        try cluster.settle()
    }
}
