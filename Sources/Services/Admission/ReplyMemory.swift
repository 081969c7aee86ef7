import Synchronization

/// Remembers replies by key for a while: what was asked for before is answered again, and of those who ask at the same
/// time one does the work. Bounded by number and by bytes; the oldest go first.
///
/// Whoever gets ``Turn/work`` settles the key exactly once, with the reply or with nothing.
package final class ReplyMemory<Reply: Sendable>: Sendable {
    package enum Turn: Sendable {
        /// Nobody has done it: do it and settle.
        case work
        /// It was done this long ago, in nanoseconds.
        case done(Reply, age: UInt64)
        /// Somebody is at it.
        case underWay
    }

    package typealias Waiter = @Sendable (Reply?) -> Void

    private struct Entry {
        var reply: Reply?
        var bytes = 0
        var at: UInt64
        var expires: UInt64
        /// Which of the times the key was taken this is.
        var serial: UInt64
        var waiters: [Waiter] = []
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Keys in the order in which they came; what is gone already is skipped.
        var order: [(key: String, serial: UInt64)] = []
        var lastSerial: UInt64 = 0
        var firstLive = 0
        var bytes = 0
    }

    private let state = Mutex(State())
    private let maxEntries: Int
    private let maxBytes: Int
    private static var mostWaiters: Int { 1000 }

    package init(maxEntries: Int = 100_000, maxBytes: Int = 64 << 20) {
        self.maxEntries = maxEntries
        self.maxBytes = maxBytes
    }

    package var count: Int { state.withLock { $0.entries.count } }

    /// - Parameters:
    ///   - lease: nanoseconds after which work that was never settled counts as given up.
    ///   - waiter: called with the reply, or nil, once the work under way is settled; only where the answer is
    ///     ``Turn/underWay`` and only if there is room.
    /// - Returns: the turn, and whether the waiter was taken.
    package func take(
        _ key: String, at now: UInt64, lease: UInt64, waiter: Waiter? = nil
    ) -> (turn: Turn, waits: Bool) {
        state.withLock { state in
            if var entry = state.entries[key], entry.expires > now {
                if let reply = entry.reply { return (.done(reply, age: now - min(now, entry.at)), false) }
                guard let waiter, entry.waiters.count < Self.mostWaiters else { return (.underWay, false) }
                entry.waiters.append(waiter)
                state.entries[key] = entry
                return (.underWay, true)
            }
            Self.remove(key, from: &state)
            state.lastSerial += 1
            state.entries[key] = Entry(at: now, expires: now + lease, serial: state.lastSerial)
            state.order.append((key, state.lastSerial))
            makeRoom(&state)
            return (.work, false)
        }
    }

    /// Ends the work on a key.
    ///
    /// - Parameters:
    ///   - reply: what it came to; nil where it may be done again.
    ///   - bytes: what keeping the reply costs.
    ///   - lifetime: nanoseconds to remember it.
    package func settle(_ key: String, with reply: Reply?, bytes: Int, lifetime: UInt64, at now: UInt64) {
        let waiters = state.withLock { state -> [Waiter] in
            guard var entry = state.entries[key], entry.reply == nil else { return [] }
            let waiters = entry.waiters
            guard let reply, bytes <= maxBytes else {
                Self.remove(key, from: &state)
                return waiters
            }
            entry.reply = reply
            entry.bytes = bytes
            entry.at = now
            entry.expires = now + lifetime
            entry.waiters = []
            state.entries[key] = entry
            state.bytes += bytes
            makeRoom(&state)
            return waiters
        }
        for waiter in waiters { waiter(reply) }
    }

    package func removeAll() {
        let waiters = state.withLock { state -> [Waiter] in
            let waiters = state.entries.values.flatMap(\.waiters)
            state = State()
            return waiters
        }
        for waiter in waiters { waiter(nil) }
    }

    private static func remove(_ key: String, from state: inout State) {
        if let gone = state.entries.removeValue(forKey: key) { state.bytes -= gone.bytes }
    }

    /// Finished entries go, oldest first, until the bounds hold; work under way stays.
    private func makeRoom(_ state: inout State) {
        var passed = 0
        while state.entries.count > maxEntries || state.bytes > maxBytes, state.firstLive < state.order.count,
            passed <= maxEntries
        {
            let (key, serial) = state.order[state.firstLive]
            state.firstLive += 1
            guard let entry = state.entries[key], entry.serial == serial else { continue }
            passed += 1
            if entry.reply == nil {
                state.order.append((key, serial))  // still at work: later
            } else {
                Self.remove(key, from: &state)
            }
        }
        // Keys that were taken again and again leave their earlier places behind.
        if state.order.count > 1024 + 4 * state.entries.count {
            state.order = state.entries.map { ($0.key, $0.value.serial) }.sorted { $0.serial < $1.serial }
            state.firstLive = 0
        }
    }
}
