import Foundation

/// A cluster of three masters that share the slots, and a replica of the last.
package final class RealRedisCluster: Sendable {
    package let nodes: [RealRedis]
    package let replica: RealRedis

    package static let ranges = [0...5460, 5461...10_922, 10_923...16_383]

    /// One for all tests that change nothing about it; ends with the process.
    package static func shared() throws -> RealRedisCluster { try common.get() }
    private static let common = Result { try RealRedisCluster() }

    package init() throws {
        let settings = [
            "cluster-enabled yes", "cluster-config-file {folder}/nodes.conf", "cluster-node-timeout 1000",
            "cluster-port {bus}", "cluster-require-full-coverage no", "cluster-replica-validity-factor 0",
            "repl-diskless-sync-delay 0",
        ]
        nodes = try (0..<3).map { _ in try RealRedis(settings) }
        replica = try RealRedis(settings)
        for (place, node) in nodes.enumerated() {
            try node.cli("CLUSTER", "SET-CONFIG-EPOCH", "\(place + 1)")
            let range = Self.ranges[place]
            try node.cli("CLUSTER", "ADDSLOTSRANGE", "\(range.lowerBound)", "\(range.upperBound)")
        }
        for other in nodes.dropFirst() + [replica] {
            try nodes[0].cli("CLUSTER", "MEET", "127.0.0.1", "\(other.port)", "\(other.port + 10_000)")
        }
        try RealRedis.eventually("the nodes know each other") {
            try (nodes + [replica]).allSatisfy { try $0.cli("CLUSTER", "INFO").contains("cluster_known_nodes:4") }
        }
        let last = try nodes[2].cli("CLUSTER", "MYID")
        try RealRedis.eventually("the replica follows") { try replica.cli("CLUSTER", "REPLICATE", last) == "OK" }
        try RealRedis.eventually("the cluster is well") {
            try (nodes + [replica]).allSatisfy { try $0.cli("CLUSTER", "INFO").contains("cluster_state:ok") }
                && replica.cli("INFO", "replication").contains("master_link_status:up")
        }
    }

    package var url: String {
        "redis+cluster://" + nodes.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
    }

    /// Begins to move a slot: the keys are still with the one, new ones are with the other.
    package func beginMove(_ slot: Int, from: Int, to: Int) throws {
        let (source, target) = (try nodes[from].cli("CLUSTER", "MYID"), try nodes[to].cli("CLUSTER", "MYID"))
        try nodes[to].cli("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", source)
        try nodes[from].cli("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", target)
    }

    /// Moves the keys of a slot, then the slot.
    package func endMove(_ slot: Int, from: Int, to: Int) throws {
        while true {
            let keys = try nodes[from].cli("CLUSTER", "GETKEYSINSLOT", "\(slot)", "100").split(separator: "\n")
            if keys.isEmpty { break }
            try nodes[from].cli(
                arguments: ["MIGRATE", "127.0.0.1", "\(nodes[to].port)", "", "0", "5000", "KEYS"]
                    + keys.map(String.init))
        }
        let target = try nodes[to].cli("CLUSTER", "MYID")
        for node in [nodes[to], nodes[from]] + nodes { try node.cli("CLUSTER", "SETSLOT", "\(slot)", "NODE", target) }
    }
}
