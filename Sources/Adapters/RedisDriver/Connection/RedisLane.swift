import NIOCore
import Vocabulary

/// The connection of one event loop to one server: opened when it is needed, opened again when it is lost, and the
/// commands that wait for it. Everything happens on the loop.
///
///     idle ─▶ opening ─▶ open ─▶ opening (lost: at once)
///               │  ▲
///               ▼  │ back-off with jitter
///             resting                      ended: from everywhere
///
/// Each call is settled exactly once: with its reply, at its deadline, or when the connection goes.
final class RedisLane {
    private enum State {
        case idle, opening
        case resting(until: UInt64)
        case ended
        case open(RedisConnection)
    }

    /// What the lane's owner hears.
    struct Events {
        /// A reply that may have to be acted upon: an error.
        var refused: (RedisCall, RedisError) -> Void
        /// The connection was lost, or could not be opened.
        var failed: () -> Void
    }

    let address: RedisAddress
    private let loop: any EventLoop
    private let opening: RedisOpening
    private let figures: RedisCounters
    private let events: Events
    private var state = State.idle
    /// Written, not answered.
    private let sent = CallLine<RedisCall>()
    /// Not written: there is no connection yet.
    private let waiting = CallLine<RedisCall>()
    /// Why the last attempt failed; nil while nothing speaks against the server.
    private var lastFailure: RedisFailure?
    private var failures = 0
    private var alarm: Scheduled<Void>?
    private var alarmAt = UInt64.max
    private var closesWhenEmpty = false

    /// Who has more time than that waits for the next attempt on a server that was not there; others are told at once.
    private static let patience: UInt64 = 250_000_000
    /// After a call was given up, the answer to it may take that long until the connection is given up too.
    private static let grace: UInt64 = 1_000_000_000

    init(
        _ address: RedisAddress, on loop: any EventLoop, opening: RedisOpening, figures: RedisCounters, events: Events
    ) {
        self.address = address
        self.loop = loop
        self.opening = opening
        self.figures = figures
        self.events = events
    }

    private static func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

    // MARK: Asking

    func send(_ call: RedisCall) {
        if case .open(let connection) = state { return write(call, to: connection) }
        if case .ended = state { return call.completion(.failure(.stopped)) }
        let now = Self.now()
        if let lastFailure, call.deadline < now + Self.patience || !lastFailure.isPassing {
            figures.failed.count()
            return call.completion(.failure(lastFailure))
        }
        guard call.deadline > now, hasRoom(waiting, for: call) else {
            return giveUp(call, call.deadline > now ? .busy : .timedOut)
        }
        waiting.append(call, deadline: call.deadline, bytes: call.bytes)
        arm(call.deadline)
        if case .idle = state { open() }
    }

    private func write(_ call: RedisCall, to connection: RedisConnection) {
        guard hasRoom(sent, for: call) else { return giveUp(call, .busy) }
        if call.asks {
            connection.write(RedisCommand("ASKING"))
            sent.appendNobody(deadline: call.deadline, bytes: 16)
        }
        connection.write(call.command, asText: call.sendsText)
        sent.append(call, deadline: call.deadline, bytes: call.bytes)
        figures.sent.count()
        arm(call.deadline)
    }

    private func hasRoom(_ line: CallLine<RedisCall>, for call: RedisCall) -> Bool {
        line.isEmpty
            || line.count < opening.options.mostWaiting && line.bytes + call.bytes <= opening.options.mostWaitingBytes
    }

    private func giveUp(_ call: RedisCall, _ failure: RedisFailure) {
        if failure == .timedOut {
            figures.timedOut.count()
        } else {
            figures.failed.count()
        }
        call.completion(.failure(failure))
    }

    // MARK: Answers

    private func received(_ reply: RedisReply) {
        guard !sent.isEmpty else { return lose("the server answered what nobody asked") }
        guard let call = sent.take() else {
            figures.late.count()
            return
        }
        if case .error(let error) = reply {
            events.refused(call, error)
        } else {
            call.completion(.success(reply))
        }
        if closesWhenEmpty { leave() }
    }

    // MARK: Time

    /// One alarm for all: it is set for who is first, and looks at everybody.
    private func arm(_ deadline: UInt64) {
        guard deadline < alarmAt else { return }
        alarm?.cancel()
        alarmAt = deadline
        alarm = loop.assumeIsolated().scheduleTask(
            deadline: .uptimeNanoseconds(deadline)
        ) { self.ring() }
    }

    private func ring() {
        alarmAt = .max
        let now = Self.now()
        for call in waiting.expire(at: now, keepingPlaces: false) { giveUp(call, lastFailure ?? .timedOut) }
        for call in sent.expire(at: now, keepingPlaces: true) { giveUp(call, .timedOut) }
        var next = min(sent.nextDeadline, waiting.nextDeadline)
        if let givenUp = sent.firstGivenUp {
            if now >= givenUp + Self.grace { return lose("the server stopped answering") }
            next = min(next, givenUp + Self.grace)
        }
        if closesWhenEmpty { leave() }
        if next < .max { arm(next) }
    }

    // MARK: Opening

    /// Opens it now, if it is not open yet.
    func open() {
        switch state {
        case .open, .opening, .ended: return
        case .idle, .resting: break
        }
        state = .opening
        opening.open(address, on: loop) { self.opened($0) }
    }

    private func opened(_ result: Result<RedisConnection, RedisFailure>) {
        guard case .opening = state else {
            if case .success(let connection) = result { connection.close() }
            return
        }
        switch result {
        case .success(let connection):
            state = .open(connection)
            lastFailure = nil
            failures = 0
            figures.open.count()
            figures.opened.count()
            // The connection lets go of both when it ends, and it ends before the lane does.
            connection.watch {
                self.received($0)
            } ended: {
                self.lost($0)
            }
            while !waiting.isEmpty {
                if let call = waiting.take() { write(call, to: connection) }
            }
        case .failure(let failure):
            failures += 1
            lastFailure = failure
            figures.openFailed.count()
            rest(failure)
            events.failed()
        }
    }

    private func rest(_ failure: RedisFailure) {
        let pause = opening.options.backoff.delay(afterAttempt: failures, draw: .random(in: 0..<1))
        let until = Self.now() + UInt64(max(1_000, pause.wholeMicroseconds * 1000))
        state = .resting(until: until)
        // Who cannot wait until then is told now; everybody is, where waiting does not help.
        let hopeless = failure.isPassing ? waiting.expire(at: until, keepingPlaces: false) : waiting.removeAll()
        for call in hopeless { giveUp(call, failure) }
        loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(until)) {
            if case .resting(until) = self.state { self.open() }
        }
    }

    // MARK: Losing

    private func lose(_ reason: String) {
        guard case .open(let connection) = state else { return }
        lost(reason)
        connection.close()
    }

    private func lost(_ reason: String) {
        guard case .open = state else { return }
        figures.open.count(-1)
        state = .idle
        for call in sent.removeAll() { giveUp(call, .lost(reason)) }
        events.failed()
        // A server that restarts is found again before the next command needs it.
        if case .idle = state { closesWhenEmpty ? end(.stopped) : open() }
    }

    // MARK: Ending

    /// No more is sent here; what was sent is waited for.
    ///
    /// - Returns: what was not sent, for somebody else.
    func retire() -> [RedisCall] {
        closesWhenEmpty = true
        let unsent = waiting.removeAll()
        leave()
        return unsent
    }

    private func leave() { if sent.isEmpty, waiting.isEmpty { end(.stopped) } }

    /// Ends it now.
    func end(_ failure: RedisFailure) {
        if case .ended = state { return }
        let before = state
        state = .ended
        alarm?.cancel()
        if case .open(let connection) = before {
            figures.open.count(-1)
            connection.close()
        }
        for call in waiting.removeAll() + sent.removeAll() { giveUp(call, failure) }
    }

    var hasEnded: Bool { if case .ended = state { true } else { false } }
}
