package import SharedState
import Synchronization
import Vocabulary

/// What there is to tell about the shared state.
package enum SharedStateEvent: Sendable {
    /// A question was answered after this many nanoseconds.
    case answered(UInt64)
    case failed(SharedStateFailure)
    /// It is not asked any more, until a probe succeeds.
    case wentDown(SharedStateFailure)
    case cameUp
    /// A guard decided by itself.
    case fellBack(SharedGuard)
    /// What was to be given back or kept could not be told in time.
    case gaveUp
}

/// What asks the shared state.
package enum SharedGuard: String, Sendable, CaseIterable {
    case rateLimit = "rate_limit"
    case permits = "backpressure"
    case claims = "deduplication"
    case replies = "cache"
}

/// The way to the shared state: nobody waits for one that does not answer, and what must be told is told again.
package final class SharedAccess: Sendable {
    package typealias Question<Value> = @Sendable (any StateSharing, @escaping Answer<Value>) -> Void

    private struct Errand {
        var until: UInt64
        var bytes: Int
        var question: Question<Bool>
    }

    private struct Errands {
        var waiting: [Errand] = []
        var bytes = 0
    }

    package let state: any StateSharing
    private let health = Mutex(BackendHealth())
    /// What ``health`` says, for those who only look.
    private let up = Atomic<Bool>(true)
    /// Whether an answer is news to ``health``.
    private let hasFailed = Atomic<Bool>(false)
    private let errands = Mutex(Errands())
    private let lastAnswer = Atomic<UInt64>(0)
    private let observe: @Sendable (SharedStateEvent) -> Void

    private static let mostErrands = 10_000
    private static let mostErrandBytes = 16 << 20

    package init(_ state: any StateSharing, observe: @escaping @Sendable (SharedStateEvent) -> Void) {
        self.state = state
        self.observe = observe
    }

    package var isUp: Bool { up.load(ordering: .relaxed) }

    func fellBack(_ guardian: SharedGuard) { observe(.fellBack(guardian)) }

    /// Asks, unless it is known not to answer.
    package func ask<Value: Sendable>(_ question: Question<Value>, then: @escaping Answer<Value>) {
        guard isUp else { return then(.failure(.unreachable("It does not answer."))) }
        askAnyway(question, then: then)
    }

    private func askAnyway<Value: Sendable>(_ question: Question<Value>, then: @escaping Answer<Value>) {
        let began = Stopwatch.nanoseconds()
        question(state) { [self] result in
            let now = Stopwatch.nanoseconds()
            switch result {
            case .success:
                lastAnswer.store(now, ordering: .relaxed)
                observe(.answered(now - began))
                if hasFailed.load(ordering: .relaxed) { comeUp() }
            case .failure(let failure):
                observe(.failed(failure))
                let isDown = health.withLock { health in
                    let isDown = health.failed(at: now, draw: .random(in: 0..<1))
                    hasFailed.store(true, ordering: .relaxed)
                    up.store(health.isUp, ordering: .relaxed)
                    return isDown
                }
                if isDown { observe(.wentDown(failure)) }
            }
            then(result)
        }
    }

    private func comeUp() {
        let isNews = health.withLock { health in
            let isNews = !health.isUp
            health.succeeded()
            hasFailed.store(false, ordering: .relaxed)
            up.store(true, ordering: .relaxed)
            return isNews
        }
        if isNews { observe(.cameUp) }
    }

    // MARK: What must be told

    /// Tells now, and where that fails again and again, until it was told or is of no use any more.
    ///
    /// - Parameters:
    ///   - until: ``Stopwatch`` nanoseconds.
    ///   - bytes: what remembering it costs.
    package func insist(until: UInt64, bytes: Int = 0, _ question: @escaping Question<Bool>) {
        let errand = Errand(until: until, bytes: bytes, question: question)
        guard isUp else { return remember(errand) }
        tell(errand)
    }

    private func tell(_ errand: Errand) {
        ask(errand.question) { [self] result in
            if case .failure = result { remember(errand) }
        }
    }

    private func remember(_ errand: Errand) {
        let hasRoom = errands.withLock { errands in
            guard errands.waiting.count < Self.mostErrands, errands.bytes + errand.bytes <= Self.mostErrandBytes
            else { return false }
            errands.waiting.append(errand)
            errands.bytes += errand.bytes
            return true
        }
        if !hasRoom { observe(.gaveUp) }
    }

    package var errandCount: Int { errands.withLock { $0.waiting.count } }

    // MARK: Now and then

    /// Probes where that is due, and tells what could not be told before.
    package func tendOnce(at now: UInt64) {
        let shouldProbe = health.withLock { $0.shouldProbe(at: now, draw: .random(in: 0..<1)) }
        // Nobody may have asked for long: then nobody knows.
        let isSilent = isUp && now > lastAnswer.load(ordering: .relaxed) + 1_000_000_000
        if shouldProbe || isSilent { askAnyway({ $0.ping(then: $1) }, then: { _ in }) }
        guard isUp else { return dropOverdue(now) }
        let waiting = errands.withLock { errands in
            defer { errands = Errands() }
            return errands.waiting
        }
        for errand in waiting {
            if errand.until > now { tell(errand) } else { observe(.gaveUp) }
        }
    }

    private func dropOverdue(_ now: UInt64) {
        let dropped = errands.withLock { errands in
            let before = errands.waiting.count
            errands.waiting.removeAll { $0.until <= now }
            errands.bytes = errands.waiting.reduce(0) { $0 + $1.bytes }
            return before - errands.waiting.count
        }
        for _ in 0..<dropped { observe(.gaveUp) }
    }
}
