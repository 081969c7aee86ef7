import ConnectionPooling
import Foundation
import PostgresDriver
import RealServices
import Vocabulary

/// Single-row selects by key over a Unix socket: our pool and `pgbench -S -M prepared` in turns, on one server of its own. One line
/// of JSON: medians per second, and their ratios to pgbench with eight connections.
///
/// `--rounds 5 --seconds 2`: how often, and how long each part of a round takes; `--only callers_64`: one part alone, for a
/// profiler.
func option(_ name: String, _ usual: Int) -> Int {
    let arguments = CommandLine.arguments
    guard let place = arguments.firstIndex(of: name), place + 1 < arguments.count else { return usual }
    return Int(arguments[place + 1]) ?? usual
}
let rounds = option("--rounds", 5)
let seconds = option("--seconds", 2)
let accounts: Int64 = 100_000
let server = try RealPostgres(["shared_buffers=128MB", "synchronous_commit=off", "max_connections=100"])
let pgbench = ["-h", server.folder.path, "-U", "postgres", "postgres"]
try RealPostgres.program("pgbench", ["-i", "-s", "1", "-q"] + pgbench)

func theirs() throws -> Double {
    // Counted, not timed: the alarm that -T waits for is blocked in what `Process` starts.
    let load = ["-n", "-S", "-M", "prepared", "-c", "8", "-j", "1", "-t", String(seconds * 4000)]
    let output = try RealPostgres.program("pgbench", load + pgbench)
    let line = output.split(separator: "\n").first { $0.hasPrefix("tps = ") }
    return line.flatMap { Double($0.split(separator: " ")[2]) } ?? 0
}

func ours(callers: Int, connections: Int) async throws -> Double {
    var limits = PoolLimits()
    limits.mostConnections = connections
    limits.leastConnections = connections
    let pool = PostgresPool(url: server.url(), limits: limits)
    while pool.figures.open < connections { try await Task.sleep(for: .milliseconds(5)) }
    // As pgbench's clients all live on its one thread.
    let tasks = pool.tasks
    let start = Stopwatch.nanoseconds()
    let end = start + UInt64(seconds) * 1_000_000_000
    let count = try await withThrowingTaskGroup(of: Int.self) { group in
        for caller in 0..<callers {
            group.addTask(executorPreference: tasks) {
                var count = 0
                var key = Int64(caller) &* 7919
                while Stopwatch.nanoseconds() < end {
                    key = (key &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407)
                    let account = Int64(UInt64(bitPattern: key) >> 33) % accounts + 1
                    let select = PostgresStatement(
                        "SELECT abalance FROM pgbench_accounts WHERE aid = $1", [.integer(account)])
                    guard try await pool.read([select])[0].first?.integer(0) == 0 else { exit(1) }
                    count += 1
                }
                return count
            }
        }
        return try await group.reduce(0, +)
    }
    let rate = Double(count) / (Double(Stopwatch.nanoseconds() - start) / 1e9)
    await pool.close()
    return rate
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

var rates: [String: [Double]] = [:]
let only = CommandLine.arguments.firstIndex(of: "--only").map { CommandLine.arguments[$0 + 1] }
@MainActor func part(_ name: String, _ measure: @MainActor () async throws -> Double) async throws {
    if only == nil || only == name { rates[name, default: []].append(try await measure()) }
}
for _ in 0..<rounds {
    try await part("pgbench") { try theirs() }
    try await part("callers_8") { try await ours(callers: 8, connections: 8) }
    try await part("callers_64") { try await ours(callers: 64, connections: 8) }
    try await part("callers_64_on_1") { try await ours(callers: 64, connections: 1) }
}
let medians = rates.mapValues(median)
let base = medians["pgbench"] ?? 1
var members = medians.sorted { $0.key < $1.key }.map { "\"\($0.key)_per_second\":\(Int($0.value))" }
for name in ["callers_8", "callers_64", "callers_64_on_1"] {
    members.append("\"\(name)_ratio\":\(((medians[name] ?? 0) / base * 100).rounded() / 100)")
}
print("{\(members.joined(separator: ","))}")
server.stop(.leaving)
