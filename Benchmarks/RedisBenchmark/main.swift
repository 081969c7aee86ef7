import Glibc
import NIOCore
import NIOPosix
import RedisDriver
import Synchronization
import Vocabulary

/// GETs per second through the client, one event loop: `RedisBenchmark PORT CONNECTIONS DEPTH REQUESTS`. On each connection
/// so many commands are under way all the time. `Benchmarks/redis.py` measures redis-benchmark beside it.
let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
guard numbers.count == 4, numbers.allSatisfy({ $0 > 0 }) else { exit(64) }
let (port, connections, depth, requests) = (numbers[0], numbers[1], numbers[2], numbers[3])
let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

/// Callers that ask again as soon as they are answered.
final class Load: Sendable {
    private let left: Atomic<Int>
    private let under = Atomic(0)
    let failed = Atomic(0)
    private let command = RedisCommand("GET", key: "key:000000000042")
    private let end: EventLoopPromise<Void>

    init(_ count: Int, _ end: EventLoopPromise<Void>) {
        left = Atomic(count)
        self.end = end
    }

    func ask(_ client: RedisClient) {
        guard left.subtract(1, ordering: .relaxed).oldValue > 0 else { return }
        under.add(1, ordering: .relaxed)
        client.send(command, within: .seconds(10)) { result in
            if case .failure = result { self.failed.add(1, ordering: .relaxed) }
            let last = self.under.subtract(1, ordering: .relaxed).newValue == 0
            self.ask(client)
            if last, self.under.load(ordering: .relaxed) == 0 { self.end.succeed() }
        }
    }
}

func run(_ clients: [RedisClient], _ count: Int) async throws -> (seconds: Double, failed: Int) {
    let end = group.next().makePromise(of: Void.self)
    let load = Load(count, end)
    let began = Stopwatch.nanoseconds()
    group.next().execute { for client in clients { for _ in 0..<depth { load.ask(client) } } }
    try await end.futureResult.get()
    return (Double(Stopwatch.nanoseconds() - began) / 1e9, load.failed.load(ordering: .relaxed))
}

let clients = try (0..<connections).map { _ in
    try RedisClient(RedisURL("redis://127.0.0.1:\(port)"), group: group)
}
_ = try await clients[0].send(RedisCommand("SET", key: "key:000000000042", "xxx"), within: .seconds(5))
_ = try await run(clients, max(connections * depth * 4, requests / 20))
let (seconds, failed) = try await run(clients, requests)
print(
    "{\"connections\":\(connections),\"depth\":\(depth),\"requests\":\(requests),\"failed\":\(failed),"
        + "\"per_second\":\(Int(Double(requests) / seconds))}")
for client in clients { await client.shutDown() }
