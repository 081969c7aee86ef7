import Storage
import Synchronization

/// Statements of one caller that change nothing.
struct PostgresRead: Sendable {
    struct Answer: Sendable {
        var outcome: PostgresConnection.Outcome
        /// There was no connection for it in its time: it is not tried again.
        var isRefusal = false
    }

    let ticket: UInt64
    let statements: [PostgresStatement]
    let askedAt: UInt64
    /// Until when it waits for a connection.
    let deadline: UInt64
    /// Another that it went with failed: it goes by itself now.
    var isAlone = false
    /// Nil once the caller has its answer, or left.
    var caller: CheckedContinuation<Answer, Never>?

    mutating func finish(_ outcome: PostgresConnection.Outcome, isRefusal: Bool = false) {
        caller?.resume(returning: Answer(outcome: outcome, isRefusal: isRefusal))
        caller = nil
    }
}

/// Reads that wait for the pool's thread; any thread may add some.
final class ReadInbox: Sendable {
    private struct State {
        var waiting: [PostgresRead] = []
        /// The pool's thread is told when so many wait; less wait until it looks by itself.
        var enough = 1
    }

    private let state = Mutex(State())

    /// - Returns: whether the pool's thread has to be told; nil where too many wait.
    func add(_ read: PostgresRead, most: Int) -> Bool? {
        state.withLock { state in
            guard state.waiting.count < most else { return nil }
            state.waiting.append(read)
            return state.waiting.count == state.enough
        }
    }

    /// How many wait, and until when the first of them does.
    /// - Parameter enough: how many have to wait for the thread to be told from now on, if they do not wait already.
    func look(_ enough: Int) -> (count: Int, deadline: UInt64) {
        state.withLock { state in
            state.enough = enough
            return (state.waiting.count, state.waiting.first?.deadline ?? .max)
        }
    }

    /// Those that go next, together; at most so many.
    func takeGroup(_ most: Int) -> [PostgresRead] {
        state.withLock { state in
            let count =
                state.waiting.first?.isAlone == true
                ? 1 : (state.waiting.firstIndex(where: \.isAlone) ?? state.waiting.count)
            let group = Array(state.waiting.prefix(min(count, most)))
            state.waiting.removeFirst(group.count)
            return group
        }
    }

    /// Those that wait no longer than until `time`.
    func takeOverdue(at time: UInt64) -> [PostgresRead] {
        state.withLock { state in
            let overdue = state.waiting.filter { $0.deadline <= time }
            if !overdue.isEmpty { state.waiting.removeAll { $0.deadline <= time } }
            return overdue
        }
    }

    func take(_ ticket: UInt64) -> PostgresRead? {
        state.withLock { state in
            state.waiting.firstIndex { $0.ticket == ticket }.map { state.waiting.remove(at: $0) }
        }
    }

    func putBack(_ reads: [PostgresRead]) { state.withLock { $0.waiting.insert(contentsOf: reads, at: 0) } }

    var count: Int { state.withLock { $0.waiting.count } }
}
