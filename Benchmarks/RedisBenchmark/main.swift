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

/// Callers that ask again as soon as they are answered. All of them live on the loop.
final class Load {
    private let command = RedisCommand("GET", key: "key:000000000042")
    private var left: Int
    private var under = 0
    private var failed = 0
    private let end: EventLoopPromise<Int>

    /// - Parameter end: told how many failed.
    init(_ count: Int, _ end: EventLoopPromise<Int>) {
        left = count
        self.end = end
    }

    func begin(_ client: RedisClient) {
        let callers = Callers(client, of: self, on: end.futureResult.eventLoop)
        for _ in 0..<depth { ask(callers) }
    }

    private func ask(_ callers: Callers) {
        guard left > 0 else { return }
        left -= 1
        under += 1
        callers.client.send(command, within: .seconds(10), callers.answered)
    }

    fileprivate func answered(_ result: Result<RedisReply, RedisFailure>, to callers: Callers) {
        if case .failure = result { failed += 1 }
        under -= 1
        ask(callers)
        if under == 0 { end.succeed(failed) }
    }
}

/// Those of one connection. They share one completion: all of them do the same with an answer.
private final class Callers {
    let client: RedisClient
    private let load: Load
    private(set) var answered: @Sendable (Result<RedisReply, RedisFailure>) -> Void = { _ in }

    init(_ client: RedisClient, of load: Load, on loop: any EventLoop) {
        self.client = client
        self.load = load
        let callers = NIOLoopBound(self, eventLoop: loop)
        answered = { callers.value.hear($0) }
    }

    private func hear(_ result: Result<RedisReply, RedisFailure>) { load.answered(result, to: self) }
}

func run(_ clients: [RedisClient], _ count: Int) async throws -> (seconds: Double, failed: Int) {
    let loop = group.next()
    let end = loop.makePromise(of: Int.self)
    let began = Stopwatch.nanoseconds()
    loop.execute {
        let load = Load(count, end)
        for client in clients { load.begin(client) }
    }
    let failed = try await end.futureResult.get()
    return (Double(Stopwatch.nanoseconds() - began) / 1e9, failed)
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
