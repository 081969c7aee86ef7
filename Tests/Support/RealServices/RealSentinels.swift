import Foundation

/// A master, two replicas and three sentinels that watch them.
package final class RealSentinels: Sendable {
    package let master: RealRedis
    package let replicas: [RealRedis]
    package let sentinels: [RealRedis]

    /// - Parameter settings: more lines for the servers' redis.conf.
    package init(_ settings: [String] = []) throws {
        let common = settings + ["repl-diskless-sync-delay 0", "repl-ping-replica-period 1"]
        let master = try RealRedis(common)
        self.master = master
        replicas = try (0..<2).map { _ in try RealRedis(common + ["replicaof 127.0.0.1 \(master.port)"]) }
        sentinels = try (0..<3).map { _ in
            try RealRedis(
                [
                    "sentinel monitor main 127.0.0.1 \(master.port) 2", "sentinel down-after-milliseconds main 500",
                    "sentinel failover-timeout main 3000", "sentinel parallel-syncs main 2",
                ], isSentinel: true)
        }
        for replica in replicas {
            try RealRedis.eventually("a replica is in step") {
                try replica.cli("INFO", "replication").contains("master_link_status:up")
            }
        }
        for sentinel in sentinels {
            try RealRedis.eventually("the sentinels know each other and the replicas") {
                let known = try sentinel.cli("SENTINEL", "MASTER", "main").split(separator: "\n").map(String.init)
                func field(_ name: String) -> String? { known.firstIndex(of: name).map { known[$0 + 1] } }
                return field("num-slaves") == "2" && field("num-other-sentinels") == "2"
            }
        }
    }

    package var url: String {
        "redis+sentinel://" + sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",") + "/main"
    }

    /// The port of the master as the first sentinel names it.
    package func namedMaster() throws -> Int {
        let words = try sentinels[0].cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main").split(separator: "\n")
        return Int(words.last ?? "") ?? 0
    }

    /// The port of the master that is elected in the place of another. A sentinel that was not given time to run for two
    /// seconds trusts nobody for half a minute, itself included: on a busy machine that takes its time.
    package func nextMaster(after port: Int) throws -> Int {
        var named = port
        try RealRedis.eventually("another master", within: 120) {
            named = try namedMaster()
            return named != port && named != 0
        }
        return named
    }
}
