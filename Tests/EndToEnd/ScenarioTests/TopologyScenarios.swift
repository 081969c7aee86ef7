import Foundation
import Testing

/// Instances on one database that serve different channels.
@Suite struct TopologyScenarios {
    private static let tasks = Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#)
    private static let fields = ["include=orders.*", "include=analytics.*", "exclude=orders.*,analytics.*"]

    private func makeCluster() throws -> RunningCluster {
        let cluster = try RunningCluster(each: { place in
            ["channels.\(Self.fields[place])", "channels.not_served=\(place < 2 ? "redirect" : "404")"]
        })
        try cluster.settle()
        return cluster
    }

    private func deploy(_ cluster: RunningCluster) throws {
        let client = cluster.client(2)
        try client.deploy(
            "orders.new", tasks: Self.tasks, channel: #","route_pattern":"/orders/{id}","methods":["POST"]"#)
        try client.deploy("analytics.sum", tasks: Self.tasks)
        try client.deploy("other", tasks: Self.tasks)
        let reload = try client.call("POST", "\(Client.admin)/engine/reload?wait=all")
        #expect(reload.status == 200 && reload.header("weir-instances") == "3/3")
    }

    @Test func `each serves its channels, and sends callers of the others on or away`() throws {
        let cluster = try makeCluster()
        try deploy(cluster)
        let ports = cluster.instances.map(\.port)

        let served = try cluster.client(0).call("POST", "\(Client.data)/orders/7?x=1", #"{"n":7}"#)
        #expect(served.status == 200 && served.data["n"] as? Int == 7)
        let sent = try cluster.client(1).call("POST", "\(Client.data)/orders/7?x=1", #"{"n":7}"#)
        #expect(sent.status == 307 && sent.body.isEmpty)
        #expect(sent.header("location") == "http://127.0.0.1:\(ports[0])/api/v1/data/orders/7?x=1")
        let byName = try cluster.client(0).call("POST", "\(Client.data)/analytics.sum/async", #"{"n":1}"#)
        #expect(byName.header("location") == "http://127.0.0.1:\(ports[1])/api/v1/data/analytics.sum/async")
        let away = try cluster.client(2).call("POST", "\(Client.data)/orders/7", #"{"n":7}"#)
        #expect(away.status == 404 && away.code == "NOT_FOUND")
        #expect(String(decoding: away.body, as: UTF8.self).contains("orders.new"))
        let nobody = try cluster.client(2).call("POST", "\(Client.data)/nothing", "{}")
        #expect(nobody.status == 404 && !String(decoding: nobody.body, as: UTF8.self).contains("instance"))
        #expect(try cluster.client(2).call("POST", "\(Client.data)/other", #"{"n":1}"#).status == 200)

        for (place, field) in Self.fields.enumerated() {
            let ready = try cluster.client(place).call("GET", "/readyz")
            let serves = ready.object["serves"] as? [String: [String]] ?? [:]
            let parts = field.split(separator: "=").map(String.init)
            #expect(ready.status == 200 && serves[parts[0]] == parts[1].split(separator: ",").map(String.init))
            #expect(serves.values.count == 2)
        }

        cluster[0].send(signal: SIGKILL)
        try RunningCluster.wait("nobody is left who serves orders") {
            try cluster.client(1).call("POST", "\(Client.data)/orders/7", "{}").status == 503
        }
    }

    @Test func `work of a channel is done where it is served, schedules too, whoever leads`() throws {
        let cluster = try makeCluster()
        try deploy(cluster)
        for name in ["orders.tick", "analytics.tick"] {
            try ScheduleScenarios.deploy(
                cluster.client(2), name, ScheduleScenarios.schedule(ScheduleScenarios.everySecond))
        }
        for name in ["orders.tick", "analytics.tick"] {
            let rows = try ScheduleScenarios.wait(cluster.client(2), name) { rows in
                rows.count { ScheduleScenarios.status($0) == "completed" } >= 3
            }
            #expect(!rows.contains { ScheduleScenarios.status($0) == "failed" }, "\(name): \(rows)")
        }
        // By hand, at one that serves neither.
        let manual = try cluster.client(2).call("POST", "\(Client.admin)/channels/analytics.tick/trigger")
        #expect((200..<300).contains(manual.status), "\(String(decoding: manual.body, as: UTF8.self))")
        let id = manual.data["id"] as? String ?? ""
        try RunningCluster.wait("its run is done elsewhere") {
            let found = try cluster.client(2).call("GET", "\(Client.admin)/cron/occurrences/\(id)")
            return found.data["status"] as? String == "completed"
        }
    }
}
