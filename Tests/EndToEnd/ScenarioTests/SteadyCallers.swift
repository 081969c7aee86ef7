import Foundation
import Synchronization

/// Callers that call without a pause, each on a thread and a connection of its own, until they are told to stop.
final class SteadyCallers: Sendable {
    struct Outcome: Sendable {
        /// Replies by status; 0 for calls without one.
        var statuses: [Int: Int] = [:]
        /// Numbers sent with calls that were accepted, by the trace they were promised.
        var accepted: [String: Int] = [:]
        var firstProblem: String?
    }

    /// What the threads hold: it does not hold them, so that callers nobody holds any more stop.
    private final class Shared: Sendable {
        let outcome = Mutex(Outcome())
        let isStopping = Atomic<Bool>(false)
        let running = DispatchGroup()

        func call(_ client: Client, _ paths: [String], from start: Int) {
            var place = start
            while !isStopping.load(ordering: .relaxed) {
                let number = SteadyCallers.numbers.add(1, ordering: .relaxed).newValue
                let path = paths[place % paths.count]
                place += 1
                note(client.exchange(Client.request("POST", path, "{\"n\":\(number)}")), number, path)
                // Whoever is not there is not asked a thousand times a second.
                if !client.isConnected { usleep(10_000) }
            }
        }

        private func note(_ reply: Client.Reply?, _ number: Int, _ path: String) {
            outcome.withLock {
                let status = reply?.status ?? 0
                $0.statuses[status, default: 0] += 1
                if status == 202, let id = reply?.object["trace_id"] as? String { $0.accepted[id] = number }
                if $0.firstProblem == nil, status == 0 || status >= 500 {
                    $0.firstProblem =
                        reply.map { "\($0.head) \(String(decoding: $0.body, as: UTF8.self))" } ?? "no reply to \(path)"
                }
            }
        }
    }

    private let shared = Shared()
    private static let numbers = Atomic<Int>(0)

    /// - Parameters:
    ///   - port: whom they call.
    ///   - paths: what they call in turn, with `{"n":…}` and a number that no other call has.
    init(_ count: Int, port: Int, paths: [String]) {
        for caller in 0..<count {
            let shared = shared
            shared.running.enter()
            let thread = Thread {
                shared.call(Client(port), paths, from: caller)
                shared.running.leave()
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    deinit { shared.isStopping.store(true, ordering: .relaxed) }

    var soFar: Outcome { shared.outcome.withLock { $0 } }

    /// Returns when the last call has its reply.
    func stop() -> Outcome {
        shared.isStopping.store(true, ordering: .relaxed)
        shared.running.wait()
        return soFar
    }
}
