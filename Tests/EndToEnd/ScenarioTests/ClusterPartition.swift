import Foundation
import RealServices
import Testing

/// Two instances, one of them in a network of its own that can be cut off from the database. Needs root, as containers do.
@Suite(.serialized) struct ClusterPartition {
    /// A network namespace with one link to this machine.
    private final class CutNetwork {
        let name: String
        let here: String
        private let link: String

        init() throws {
            let mark = UInt32.random(in: 0..<0xFFFF)
            name = "weir-\(mark)"
            link = "wr\(mark)"
            here = "10.\(77 + mark % 100).\(mark / 256).1"
            let there = here.dropLast() + "2"
            for command in [
                ["netns", "add", name],
                ["link", "add", link, "type", "veth", "peer", "name", "up", "netns", name],
                ["addr", "add", here + "/30", "dev", link], ["link", "set", link, "up"],
                ["-n", name, "addr", "add", there + "/30", "dev", "up"],
                ["-n", name, "link", "set", "dev", "up", "up"],
                ["-n", name, "link", "set", "dev", "lo", "up"],
            ] { try Self.ip(command) }
        }

        deinit {
            _ = try? Tool.run(["ip", "netns", "del", name])  // its link goes with it
        }

        private static func ip(_ arguments: [String]) throws {
            let (output, status) = try Tool.run(["ip"] + arguments)
            guard status == 0 else { throw RunningWeir.Failure("ip \(arguments.joined(separator: " ")): \(output)") }
        }

        func set(_ state: String) throws { try Self.ip(["link", "set", link, state]) }

        /// Asks a server inside, whether the link is there or not.
        func call(_ port: Int, _ method: String, _ path: String, _ body: String = "") throws -> (
            status: Int, body: String
        ) {
            let arguments = [
                "ip", "netns", "exec", name, "curl", "-s", "-m", "20", "-X", method, "-w", "\n%{http_code}",
                "-H", "content-type: application/json", "-d", body, "http://127.0.0.1:\(port)\(path)",
            ]
            let lines = try Tool.run(arguments).output.split(separator: "\n", omittingEmptySubsequences: false)
            return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
        }
    }

    @Test func `a leader that is cut off leads no more, its writes are refused, and it comes back by itself`() throws {
        let network = try CutNetwork()
        let server = try RealPostgres(["listen_addresses='\(network.here)'"])
        defer { server.stop(.leaving) }
        let rules = try FileHandle(forWritingTo: server.folder.appendingPathComponent("data/pg_hba.conf"))
        try rules.seekToEnd()
        try rules.write(contentsOf: Data("host all all \(network.here)/30 trust\n".utf8))
        try rules.close()
        try server.sql("SELECT pg_reload_conf()")
        let settings = ["cluster.heartbeat_ms=200", "cluster.ttl_ms=1000"]
        let inside = try RunningWeir(
            RunningCluster.settings + settings, storageURL: "postgres://postgres@\(network.here):5432/postgres",
            wrapper: ["ip", "netns", "exec", network.name])
        func leadsInside() throws -> Bool {
            try network.call(inside.port, "GET", "/metrics").body.contains("\nweir_cluster_is_leader 1.0\n")
        }
        try RunningCluster.wait("the one inside leads") { try leadsInside() }
        let cluster = try RunningCluster(1, settings, storageURL: server.url())
        try RunningCluster.wait("they see each other") { RunningCluster.live(try cluster.view(0)).count == 2 }
        func leadsOutside() throws -> Bool {
            try cluster.view(0)["leader"] as? String == cluster.id(0)
        }
        #expect(try !leadsOutside())

        try network.set("down")
        try RunningCluster.wait("the other one leads", seconds: ClusterBadDays.isSoak ? 3 : 10) { try leadsOutside() }

        #expect(try !leadsInside(), "never two: it stopped by its own clock first")
        let body = #"{"workflow_id":"v","name":"v","tasks":[\#(Client.parse)]}"#
        let refused = try network.call(inside.port, "POST", "\(Client.admin)/workflows", body)
        #expect(refused.status == 503, "\(refused)")
        try RunningCluster.wait("it says that it is not ready", seconds: 40) {
            try network.call(inside.port, "GET", "/readyz").status == 503
        }
        try cluster.client(0).deploy("w", tasks: Client.parse)
        #expect(RunningCluster.live(try cluster.view(0)).count == 1)

        try network.set("up")
        try RunningCluster.wait("it is back, and serves what was changed meanwhile", seconds: 60) {
            try network.call(inside.port, "POST", "\(Client.data)/w", "{}").status == 200
                && RunningCluster.live(try cluster.view(0)).count == 2
        }
        #expect(try leadsOutside() && !leadsInside(), "who took over keeps it")
        try RunningCluster.wait("it writes again") {
            let status = try network.call(inside.port, "POST", "\(Client.admin)/workflows", body).status
            return status == 201 || status == 409
        }
    }
}
