import Foundation
import Testing

/// Bad days of three instances on one PostgreSQL and one Redis, behind HAProxy: short here, full length in `make soak`.
@Suite(.serialized) struct ClusterDays {
    private static let tasks = Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#)
    private static let paths = ["\(Client.data)/w", "\(Client.data)/w/async"]
    private static let settings = ["queue.buffer_size=1000000"]

    /// Deploys `w` and returns when every instance serves it.
    private func deploy(_ cluster: LocalCluster) throws {
        try Client(cluster.ports[0]).deploy("w", tasks: Self.tasks)
        for port in cluster.ports {
            let client = Client(port)
            try wait("instance on port \(port)") { try client.call("POST", Self.paths[0], #"{"n":0}"#).status == 200 }
        }
    }

    private func wait(_ what: String, seconds: Double = 30, _ isSo: () throws -> Bool) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while try !isSo() {
            guard Date() < deadline else { throw RunningWeir.Failure("\(what): not within \(seconds) s") }
            usleep(20_000)
        }
    }

    /// Writes down every time a trace becomes completed: nothing may be committed twice.
    private func watchCommits(_ cluster: LocalCluster) throws {
        _ = try cluster.sql(
            """
            CREATE TABLE commits (id uuid);
            CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO commits VALUES (NEW.id); RETURN NULL; END';
            CREATE TRIGGER note_commit AFTER UPDATE ON traces FOR EACH ROW
                WHEN (NEW.status = 2 AND OLD.status <> 2) EXECUTE FUNCTION note_commit()
            """)
    }

    /// Each run that was accepted is done, with the result of its own input, and was committed once.
    private func checkAccepted(_ accepted: [String: Int], _ cluster: LocalCluster) throws {
        try wait("the rest of the queue", seconds: 60) {
            try cluster.sql("SELECT count(*) FROM traces WHERE status < 2") == ["0"]
        }
        let rows = try cluster.sql(
            "SELECT id || ' ' || convert_from(result, 'UTF8') FROM traces WHERE status = 2 AND mode = 1")
        var done: [String: Int] = [:]
        for row in rows {
            let parts = row.split(separator: " ", maxSplits: 1)
            let result = try JSONSerialization.jsonObject(with: Data(parts[1].utf8)) as? [String: Any]
            let context = result?["context"] as? [String: Any] ?? result
            done[String(parts[0])] = ((context?["data"] as? [String: Any])?["n"] as? Int) ?? -1
        }
        let lost = accepted.filter { done[$0.key] != $0.value }
        #expect(
            lost.isEmpty, "\(lost.count) of \(accepted.count) accepted runs have no result of theirs: \(lost.prefix(3))"
        )
        let twice = try cluster.sql("SELECT id FROM commits GROUP BY id HAVING count(*) > 1")
        #expect(twice.isEmpty, "committed twice: \(twice.prefix(3))")
    }

    @Test func `kill -9 of any instance loses nothing, commits nothing twice, and hurts no caller of another`() throws {
        let cluster = try LocalCluster(settings: Self.settings)
        try deploy(cluster)
        try watchCommits(cluster)
        var accepted: [String: Int] = [:]
        for round in 0..<(LocalCluster.isSoak ? 30 : 3) {
            let victim = round % 3
            let callers = cluster.ports.map { SteadyCallers(2, port: $0, paths: Self.paths) }
            try wait("load") { callers.allSatisfy { $0.soFar.accepted.count > 20 } }
            try cluster.tell("kill \(victim + 1)")
            let others = callers.indices.filter { $0 != victim }
            let before = others.map { callers[$0].soFar.accepted.count }
            try wait("load on the others") {
                zip(others, before).allSatisfy { callers[$0].soFar.accepted.count > $1 + 50 }
            }
            let outcomes = callers.map { $0.stop() }
            for place in others {
                let outcome = outcomes[place]
                #expect(
                    Set(outcome.statuses.keys).isSubset(of: [200, 202]),
                    "round \(round), instance \(place + 1): \(outcome.statuses) \(outcome.firstProblem ?? "")")
            }
            for outcome in outcomes { accepted.merge(outcome.accepted) { $1 } }
            try cluster.tell("start \(victim + 1)")
        }

        try checkAccepted(accepted, cluster)
    }

    @Test func `a rolling restart fails no request`() throws {
        let cluster = try LocalCluster(settings: Self.settings)
        try deploy(cluster)
        try watchCommits(cluster)
        let callers = SteadyCallers(6, port: cluster.proxyPort, paths: Self.paths)
        for _ in 0..<(LocalCluster.isSoak ? 5 : 1) {
            for number in 1...3 {
                try cluster.tell("stop \(number)")
                let before = callers.soFar.accepted.count
                try wait("load on the others") { callers.soFar.accepted.count > before + 50 }
                try cluster.tell("start \(number)")
                // HAProxy has seen it before the next one goes.
                try wait("instance \(number) behind HAProxy") {
                    let run = try Tool.run([
                        "sh", "-c",
                        "echo 'show servers state' | socat - unix-connect:'\(cluster.folder.path)/haproxy.sock'",
                    ])
                    return run.output.split(separator: "\n").contains {
                        $0.contains(" weir\(number) ") && $0.split(separator: " ").dropFirst(5).first == "2"
                    }
                }
            }
        }
        let outcome = callers.stop()

        #expect(
            Set(outcome.statuses.keys).isSubset(of: [200, 202]), "\(outcome.statuses) \(outcome.firstProblem ?? "")")
        try checkAccepted(outcome.accepted, cluster)
    }

    @Test func `PostgreSQL gone and back brings declared refusals only, and all instances recover by themselves`()
        throws
    {
        let cluster = try LocalCluster(settings: Self.settings)
        try deploy(cluster)
        try watchCommits(cluster)
        var accepted: [String: Int] = [:]
        for seconds in [0, LocalCluster.isSoak ? 60 : 4] {
            let callers = cluster.ports.map { SteadyCallers(2, port: $0, paths: Self.paths) }
            try wait("load") { callers.allSatisfy { $0.soFar.accepted.count > 20 } }
            try cluster.tell(seconds == 0 ? "stop postgres" : "kill postgres")
            let end = Date().addingTimeInterval(Double(seconds))
            try wait("refusals", seconds: 90) {
                Date() > end && callers.allSatisfy { $0.soFar.statuses[503] ?? 0 > 0 }
            }
            try cluster.tell("start postgres")
            let before = callers.map { $0.soFar.accepted.count }
            try wait("recovery", seconds: 30) {
                zip(callers, before).allSatisfy { $0.soFar.accepted.count > $1 + 20 }
            }
            for outcome in callers.map({ $0.stop() }) {
                #expect(
                    Set(outcome.statuses.keys).isSubset(of: [200, 202, 503]),
                    "\(outcome.statuses) \(outcome.firstProblem ?? "")")
                accepted.merge(outcome.accepted) { $1 }
            }
        }

        try checkAccepted(accepted, cluster)
    }

    @Test func `while no instance is ready, callers still get what needs no database`() throws {
        let cluster = try LocalCluster(arguments: ["--apply", LocalCluster.root.path + "/Examples/orders"])
        func call() throws -> Client.Reply {
            try Client(cluster.proxyPort).call("POST", "\(Client.data)/orders", #"{"data":{"amount":750}}"#)
        }
        #expect(try call().status == 200)
        try cluster.tell("kill postgres")
        try wait("none is ready", seconds: 30) {
            try cluster.ports.allSatisfy { try Client($0).call("GET", "/readyz").status == 503 }
        }
        try wait("HAProxy knows", seconds: 10) { try call().status == 200 }

        for _ in 0..<20 { #expect(try call().status == 200) }
        try cluster.tell("start postgres")
        try wait("all are ready", seconds: 30) {
            try cluster.ports.allSatisfy { try Client($0).call("GET", "/readyz").status == 200 }
        }
    }

    @Test func `instances that start together with the same files come up together`() throws {
        for _ in 0..<(LocalCluster.isSoak ? 5 : 1) {
            let cluster = try LocalCluster(arguments: ["--apply", LocalCluster.root.path + "/Examples/orders"])
            for port in cluster.ports + [cluster.proxyPort] {
                let reply = try Client(port).call("POST", "\(Client.data)/orders", #"{"data":{"amount":750}}"#)
                #expect(reply.status == 200 && reply.data["tier"] as? String == "vip", "\(reply)")
            }
            let versions = try cluster.sql("SELECT kind, count(*) FROM definitions GROUP BY kind ORDER BY kind")
            #expect(versions == ["channel|1", "workflow|1"], "\(versions)")
        }
    }
}
