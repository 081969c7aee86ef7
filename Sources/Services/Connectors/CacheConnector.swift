import JSONTree
import Outbound
import Vocabulary
import Workflows

/// A `cache` connector in use: in this process, or somewhere else behind the same guards as other calls out.
final class CacheConnector: Sendable {
    enum Backend: Sendable {
        case memory(MemoryCache)
        case outbound(any OutboundCache)
    }

    let name: String
    let contentHash: String
    let breakers: BreakerBoard
    private let config: CacheConnectorConfig
    private let backend: Backend
    private let meters: ConnectorMeters

    init(
        name: String, contentHash: String, config: CacheConnectorConfig, backend: Backend, breakers: BreakerBoard,
        meters: ConnectorMeters
    ) {
        self.name = name
        self.contentHash = contentHash
        self.config = config
        self.backend = backend
        self.breakers = breakers
        self.meters = meters
    }

    func call(_ call: CacheCall) async throws(TaskFailure) -> [UInt8] {
        let writes = if case .read = call.operation { false } else { true }
        guard writes ? config.allowsWrite : config.allowsRead else {
            throw TaskFailure(
                "FUNCTION_ERROR", "The connector `\(name)` does not allow \(writes ? "writing" : "reading").")
        }
        let operation = call.operation.withDefault(seconds: config.defaultSeconds)
        switch backend {
        case .memory(let cache): return try cache.call(operation, at: Stopwatch.nanoseconds())
        case .outbound(let cache): return try await send(call, operation, to: cache)
        }
    }

    /// All attempts share one deadline, and never go past the run's own.
    private func send(
        _ call: CacheCall, _ operation: CacheCall.Operation, to cache: any OutboundCache
    ) async throws(TaskFailure) -> [UInt8] {
        let began = Stopwatch.nanoseconds()
        let end = min(
            began + UInt64(config.timeout.wholeMicroseconds) * 1000, call.deadline == 0 ? .max : call.deadline)
        var attempts = 0
        while true {
            attempts += 1
            let now = Stopwatch.nanoseconds()
            guard breakers.permits(call.channel, at: now) else {
                meters.rejected.increment()
                throw TaskFailure("circuit_open", "The circuit of `\(name)` is open.", problem: .circuitOpen)
            }
            defer { meters.duration.observe(seconds: Double(Stopwatch.nanoseconds() - now) / 1e9) }
            let limit = Duration.nanoseconds(end > now ? Int64(end - now) : 0)
            do throws(CacheFailure) {
                let answer = try await Self.ask(cache, operation, within: limit)
                breakers.succeeded(call.channel)
                meters.ok.increment()
                note(call, operation, attempts, since: now, nil)
                return answer
            } catch {
                meters.failed.increment()
                judge(error, call.channel)
                let failure = failure(error)
                note(call, operation, attempts, since: now, failure)
                let left = Stopwatch.nanoseconds()
                // What was not done may be done again, whatever it is.
                let decision = config.retry.decide(
                    method: operation.isIdempotent || !error.mayBeDone ? "PUT" : "POST", attempts: attempts,
                    isPassing: error.isPassing, retryAfter: nil,
                    remaining: .nanoseconds(end > left ? Int64(end - left) : 0), draw: .random(in: 0..<1))
                guard case .again(let pause) = decision else { throw failure }
                do { try await Task.sleep(for: pause) } catch {
                    throw TaskFailure("TIMEOUT_ERROR", "The call to `\(name)` was given up.")
                }
            }
        }
    }

    private static func ask(
        _ cache: any OutboundCache, _ operation: CacheCall.Operation, within limit: Duration
    ) async throws(CacheFailure) -> [UInt8] {
        switch operation {
        case .read(let keys):
            let values = try await cache.read(keys, within: limit)
            var text = JSONByteBuffer()
            text.append("[")
            for (place, value) in values.enumerated() {
                if place > 0 { text.append(",") }
                if let value { CacheText.append(value, to: &text) } else { text.append("null") }
            }
            text.append("]")
            return text.bytes
        case .write(let key, let value, let seconds):
            try await cache.write(key, CacheText.stored(value), seconds: seconds, within: limit)
            return Array("true".utf8)
        case .delete(let keys):
            return Array("{\"deleted\":\(try await cache.delete(keys, within: limit))}".utf8)
        case .increment(let key, let step, let seconds):
            return Array("\(try await cache.increment(key, by: step, seconds: seconds, within: limit))".utf8)
        }
    }

    private func failure(_ failure: CacheFailure) -> TaskFailure {
        switch failure {
        case .refused: TaskFailure("FUNCTION_ERROR", "`\(name)` refused it: \(failure.reason)")
        case .denied: TaskFailure("FUNCTION_ERROR", "`\(name)` cannot be used: \(failure.reason)")
        case .unreachable, .lost: TaskFailure("IO_ERROR", "`\(name)` cannot be reached: \(failure.reason)")
        case .timedOut: TaskFailure("TIMEOUT_ERROR_CALL", "`\(name)` did not answer in time.")
        }
    }

    /// Only what may pass counts for the breaker: a refusal of this call says nothing about the next.
    private func judge(_ failure: CacheFailure, _ channel: String) {
        if !failure.isPassing {
            breakers.abandoned(channel)
        } else if breakers.failed(channel, at: Stopwatch.nanoseconds()) {
            meters.trips.increment()
        }
    }

    private func note(
        _ call: CacheCall, _ operation: CacheCall.Operation, _ attempts: Int, since start: UInt64,
        _ failure: TaskFailure?
    ) {
        guard let place = call.spans else { return }
        CallSpans.cache(operation, connector: name, in: place, start: start, resends: attempts - 1, failure: failure)
    }

    /// One read of a key that need not be there.
    ///
    /// - Returns: why it cannot be asked, or nil; whoever refuses that key answers.
    func probe() async -> String? {
        guard case .outbound(let cache) = backend else { return nil }
        do throws(CacheFailure) {
            _ = try await cache.read(["weir:probe"], within: .seconds(5))
            return nil
        } catch {
            if case .refused = error { return nil }
            return failure(error).message
        }
    }
}

extension CacheCall.Operation {
    /// Whether doing it twice is as good as once.
    var isIdempotent: Bool { if case .increment = self { false } else { true } }

    /// What is written without a time of its own has the connector's.
    func withDefault(seconds known: Int?) -> CacheCall.Operation {
        switch self {
        case .read, .delete: self
        case .write(let key, let value, let seconds): .write(key, value, seconds: seconds ?? known)
        case .increment(let key, let step, let seconds): .increment(key, by: step, seconds: seconds ?? known)
        }
    }
}
