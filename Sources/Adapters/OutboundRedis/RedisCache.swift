import Outbound
import RedisDriver
import Synchronization

/// One cache that is a Redis. Commands have one key each, so that a cluster takes them whichever node has the key; what
/// belongs together goes out together.
final class RedisCache: OutboundCache {
    private let client: RedisClient

    init(_ client: RedisClient) { self.client = client }

    /// `INCRBY` answers with a number, which Lua would round: the text is read instead.
    private static let incrementFor = RedisScript(
        """
        local isMade = redis.call('EXISTS', KEYS[1]) == 0
        redis.call('INCRBY', KEYS[1], ARGV[1])
        if isMade then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
        return redis.call('GET', KEYS[1])
        """)

    func read(_ keys: [String], within limit: Duration) async throws(CacheFailure) -> [[UInt8]?] {
        var values: [[UInt8]?] = []
        for reply in try await replies(to: keys.map { RedisCommand("GET", key: $0) }, within: limit) {
            values.append(reply.bytes)
        }
        return values
    }

    func write(_ key: String, _ value: [UInt8], seconds: Int?, within limit: Duration) async throws(CacheFailure) {
        var command = RedisCommand("SET", key: key)
        command.append(value)
        if let seconds {
            command.append("EX")
            command.append(seconds)
        }
        _ = try await reply(to: command, within: limit)
    }

    func delete(_ keys: [String], within limit: Duration) async throws(CacheFailure) -> Int {
        try await replies(to: keys.map { RedisCommand("DEL", key: $0) }, within: limit)
            .reduce(0) { $0 + Int($1.integer ?? 0) }
    }

    func increment(
        _ key: String, by step: Int64, seconds: Int?, within limit: Duration
    ) async throws(CacheFailure) -> Int64 {
        var command = seconds == nil ? RedisCommand("INCRBY", key: key) : RedisCommand(Self.incrementFor, keys: [key])
        command.append(step)
        if let seconds { command.append(seconds) }
        guard let number = try await reply(to: command, within: limit).integer else {
            throw .refused("the answer is no number")
        }
        return number
    }

    func close() async { await client.shutDown() }

    // MARK: Asking

    private func reply(to command: RedisCommand, within limit: Duration) async throws(CacheFailure) -> RedisReply {
        do throws(RedisFailure) { return try await client.send(command, within: limit) } catch {
            throw Self.failure(error)
        }
    }

    /// All at once; the first failure is the failure of all.
    private func replies(
        to commands: [RedisCommand], within limit: Duration
    ) async throws(CacheFailure) -> [RedisReply] {
        if commands.count == 1 { return [try await reply(to: commands[0], within: limit)] }
        guard !commands.isEmpty else { return [] }
        let gathering = Gathering(commands.count)
        let results = await withCheckedContinuation { continuation in
            for (place, command) in commands.enumerated() {
                client.send(command, within: limit) { result in
                    if let all = gathering.put(result, at: place) { continuation.resume(returning: all) }
                }
            }
        }
        var replies: [RedisReply] = []
        for result in results {
            do throws(RedisFailure) { replies.append(try result.get()) } catch { throw Self.failure(error) }
        }
        return replies
    }

    /// Results that come one by one, on several loops.
    private final class Gathering: Sendable {
        private let state: Mutex<(results: [Result<RedisReply, RedisFailure>], missing: Int)>

        init(_ count: Int) { state = Mutex((Array(repeating: .failure(.stopped), count: count), count)) }

        /// - Returns: all of them, with the last.
        func put(_ result: Result<RedisReply, RedisFailure>, at place: Int) -> [Result<RedisReply, RedisFailure>]? {
            state.withLock { state in
                state.results[place] = result
                state.missing -= 1
                return state.missing == 0 ? state.results : nil
            }
        }
    }

    private static func failure(_ failure: RedisFailure) -> CacheFailure {
        switch failure {
        case .timedOut: .timedOut
        case .unreachable(let reason): .unreachable(reason)
        case .denied(let reason): .denied(reason)
        case .lost(let reason): .lost(reason)
        case .refused(let error) where failure.isPassing: .unreachable(error.message)
        case .refused(let error): .refused(error.message)
        case .busy, .stopped: .unreachable(failure.sentence)
        }
    }
}
