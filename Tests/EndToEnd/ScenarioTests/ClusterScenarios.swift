import Foundation
import RealServices
import Testing

/// Three real instances on a real PostgreSQL, on good days.
@Suite struct ClusterScenarios {
    typealias Row = RunningCluster.Row
    private static let tasks = Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#)

    @Test func `instances see each other, one leads, and the command line shows it`() throws {
        let cluster = try RunningCluster()
        try cluster.settle()

        let views = try (0..<3).map { try cluster.view($0) }
        let live = RunningCluster.live(views[0])
        #expect(Set(views.map { $0["leader"] as? String }).count == 1, "all agree")
        #expect(
            Set(views.compactMap { $0["this_instance"] as? String }) == Set(live.compactMap { $0["id"] as? String }))
        #expect(live.count { $0["is_leader"] as? Bool == true } == 1)
        for instance in live {
            #expect((instance["heartbeat_age_ms"] as? Int ?? .max) < 2000)
            #expect((instance["load"] as? Row)?["workers"] as? Int == 4)
            let address = instance["address"] as? String ?? ""
            #expect(cluster.instances.contains { address == "http://127.0.0.1:\($0.port)" }, "\(address)")
        }
        let shown = try cluster[1].command(["cluster"])
        #expect(shown.code == 0 && shown.output.split(separator: "\n").count == 4, "\(shown.output)")
        #expect(
            shown.output.contains("leader") && live.allSatisfy { shown.output.contains($0["id"] as? String ?? "-") })
        // Each tells what it saw with its own last heartbeat.
        try RunningCluster.wait("all count three, and one leads") {
            let metrics = try (0..<3).map { try cluster.client($0).call("GET", "/metrics") }
            let texts = metrics.map { String(decoding: $0.body, as: UTF8.self) }
            return texts.allSatisfy { $0.contains("\nweir_cluster_instances 3.0\n") }
                && texts.count { $0.contains("\nweir_cluster_is_leader 1.0\n") } == 1
        }
    }

    @Test func `while the database is away, the view says how old it is`() throws {
        let server = try RealPostgres()
        defer { server.stop(.leaving) }
        let cluster = try RunningCluster(2, storageURL: server.url())
        try cluster.settle()
        #expect(try cluster.view(0)["is_current"] as? Bool == true)
        server.stop(.atOnce)

        try RunningCluster.wait("nobody is said to live for certain") {
            let view = try cluster.view(0)
            let instances = view["instances"] as? [Row] ?? []
            return view["is_current"] as? Bool == false && instances.allSatisfy { $0["state"] as? String == "unknown" }
                && instances.allSatisfy { ($0["heartbeat_age_ms"] as? Int ?? 0) > 2000 }
        }
        let shown = try cluster[1].command(["cluster"])
        #expect(shown.output.contains("The database does not answer"), "\(shown)")
    }

    @Test func `a change is served everywhere soon, and at once for those who wait for all`() throws {
        let cluster = try RunningCluster()
        try cluster.settle()
        try cluster.client(0).deploy("w", tasks: Self.tasks)
        let began = Date.now
        for place in 1..<3 {
            try RunningCluster.wait("instance \(place) serves the channel", seconds: 5) {
                try cluster.client(place).call("POST", "\(Client.data)/w", #"{"n":1}"#).status == 200
            }
        }
        #expect(Date.now.timeIntervalSince(began) < 3, "one second, and time for a busy machine")

        for round in 0..<5 {
            let author = cluster.client(round % 3)
            let status = round % 2 == 0 ? "archived" : "active"
            if status == "active" {
                #expect(try author.call("POST", "\(Client.admin)/channels/w/versions").status == 201)
            }
            let reply = try author.call(
                "PATCH", "\(Client.admin)/channels/w/status?wait=all", #"{"status":"\#(status)"}"#)
            #expect(reply.status == 200 && reply.header("weir-instances") == "3/3", "\(reply.head)")
            for place in 0..<3 {
                let called = try cluster.client(place).call("POST", "\(Client.data)/w", #"{"n":1}"#)
                #expect(called.status == (status == "active" ? 200 : 404), "round \(round), instance \(place)")
            }
        }
        let wrong = try cluster.client(0).call("POST", "\(Client.admin)/engine/reload?wait=some")
        #expect(wrong.status == 400 && wrong.code == "VALIDATION_ERROR")
    }

    @Test func `a reload is everybody's, a deferred change nobody's until then`() throws {
        let cluster = try RunningCluster(2)
        try cluster.settle()
        try cluster.client(0).deploy("w", tasks: Self.tasks)
        let body = #"{"channel_id":"v","name":"v","channel_type":"sync","protocol":"rest","workflow_id":"w"}"#
        #expect(try cluster.client(0).call("POST", "\(Client.admin)/channels", body).status == 201)
        let deferred = try cluster.client(0).call(
            "PATCH", "\(Client.admin)/channels/v/status?reload=defer&wait=all", #"{"status":"active"}"#)
        #expect(deferred.status == 200)
        for place in 0..<2 {
            #expect(try cluster.client(place).call("POST", "\(Client.data)/v", "{}").status == 404)
        }

        let reload = try cluster.client(1).call("POST", "\(Client.admin)/engine/reload?wait=all")

        #expect(reload.status == 200 && reload.header("weir-instances") == "2/2")
        for place in 0..<2 {
            #expect(try cluster.client(place).call("POST", "\(Client.data)/v", "{}").status == 200)
        }
    }

    @Test func `an admin key counts everywhere, and is revoked everywhere`() throws {
        let cluster = try RunningCluster(2)
        try cluster.settle()
        let made = try cluster.client(0).call(
            "POST", "\(Client.admin)/keys?wait=all", #"{"name":"k","scope":"full"}"#)
        let key = ["Authorization: Bearer \(made.data["key"] as? String ?? "")"]
        #expect(made.status == 201)
        #expect(try cluster.client(1).call("GET", "\(Client.admin)/channels").status == 401)
        #expect(try cluster.client(1).call("GET", "\(Client.admin)/channels", headers: key).status == 200)
        let other = try cluster.client(1).call(
            "POST", "\(Client.admin)/keys?wait=all", #"{"name":"l","scope":"read_only"}"#, headers: key)
        let id = other.data["id"] as? String ?? ""
        let reader = ["Authorization: Bearer \(other.data["key"] as? String ?? "")"]
        #expect(try cluster.client(0).call("GET", "\(Client.admin)/channels", headers: reader).status == 200)

        let gone = try cluster.client(0).call("DELETE", "\(Client.admin)/keys/\(id)?wait=all", headers: key)

        #expect(gone.status == 204)
        #expect(try cluster.client(1).call("GET", "\(Client.admin)/channels", headers: reader).status == 401)
    }

    @Test func `instances that change the same things at once get conflicts, never failures`() throws {
        let cluster = try RunningCluster(2)
        try cluster.settle()
        let clients = (0..<8).map { cluster.client($0 % 2) }
        var statuses: [Int: Int] = [:]
        for round in 0..<6 {
            for (place, client) in clients.enumerated() {
                let name = "w\(round)_\(place % 4)"
                let body = "{\"workflow_id\":\"\(name)\",\"name\":\"\(name)\",\"tasks\":[\(Self.tasks)]}"
                _ = client.write(Client.request("POST", "\(Client.admin)/workflows", body))
            }
            for client in clients { statuses[client.read()?.status ?? 0, default: 0] += 1 }
        }
        #expect(Set(statuses.keys).isSubset(of: [201, 409]), "\(statuses)")
        #expect(statuses[201] == 24, "each name once: \(statuses)")
    }

    @Test func `who is told to stop hands leadership and waiting work over at once`() throws {
        let cluster = try RunningCluster(2, ["queue.workers=1", "server.shutdown_force_timeout_secs=1"])
        try cluster.settle()
        let slow = Client.task("s", "sleep", #"{"ms":300}"#)
        try cluster.client(0).deploy("w", tasks: slow)
        let leader = try #require(try cluster.leader(seenBy: 0))
        let other = 1 - leader
        try RunningCluster.wait("the other serves it") {
            try cluster.client(other).call("POST", "\(Client.data)/w", "{}").status == 200
        }
        let ids = try (0..<20).compactMap { _ in
            try cluster.client(leader).call("POST", "\(Client.data)/w/async", "{}").object["trace_id"] as? String
        }
        let epoch = try cluster.view(other)["epoch"] as? Int ?? 0

        let stopped = Date.now
        cluster[leader].send(signal: SIGTERM)

        try RunningCluster.wait("the other leads", seconds: 10) {
            try cluster.view(other)["leader"] as? String == cluster.id(other)
        }
        #expect(Date.now.timeIntervalSince(stopped) < 1.8, "before any time to live is over")
        #expect(try cluster.view(other)["epoch"] as? Int == epoch + 1)
        #expect(cluster[leader].waitForExit() == 0)
        #expect(RunningCluster.live(try cluster.view(other)).count == 1, "it has left")
        for id in ids {
            let trace = try TraceScenarios.wait(cluster.client(other), id)
            #expect(trace["status"] as? String == "completed" && trace["attempt"] as? Int ?? 1 == 1, "\(trace)")
        }
    }
}
