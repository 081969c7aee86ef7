import SharedState
import Synchronization

/// A shared state in memory that answers, fails, or does what it is asked and does not say so.
final class MoodyState: StateSharing {
    enum Mood: Sendable {
        case well
        /// It was not asked.
        case away
        /// It decides, and its answer never comes.
        case mute
    }

    let inside = InMemorySharedState()
    private let mood = Mutex(Mood.well)
    private let asked = Atomic<Int>(0)

    func turn(_ mood: Mood) { self.mood.withLock { $0 = mood } }
    /// Questions that got here.
    var questions: Int { asked.load(ordering: .relaxed) }

    private func pass<Value>(_ then: @escaping Answer<Value>, _ ask: (@escaping Answer<Value>) -> Void) {
        asked.add(1, ordering: .relaxed)
        switch mood.withLock({ $0 }) {
        case .well: ask(then)
        case .away: then(.failure(.unreachable("It is away.")))
        case .mute: ask { _ in then(.failure(.late)) }
        }
    }

    func takeTokens(_ request: TokenRequest, then: @escaping Answer<TokenGrant>) {
        pass(then) { inside.takeTokens(request, then: $0) }
    }
    func claim(_ key: String, holder: String, lease: Duration, then: @escaping Answer<ClaimAnswer>) {
        pass(then) { inside.claim(key, holder: holder, lease: lease, then: $0) }
    }
    func settle(
        _ key: String, holder: String, with reply: [UInt8]?, lifetime: Duration, then: @escaping Answer<Bool>
    ) {
        pass(then) { inside.settle(key, holder: holder, with: reply, lifetime: lifetime, then: $0) }
    }
    func takePermit(_ request: PermitRequest, then: @escaping Answer<Bool>) {
        pass(then) { inside.takePermit(request, then: $0) }
    }
    func returnPermit(_ key: String, holder: String, then: @escaping Answer<Bool>) {
        pass(then) { inside.returnPermit(key, holder: holder, then: $0) }
    }
    func renewPermits(_ key: String, holders: [String], lease: Duration, then: @escaping Answer<Void>) {
        pass(then) { inside.renewPermits(key, holders: holders, lease: lease, then: $0) }
    }
    func post(_ name: String, on board: String, lifetime: Duration, then: @escaping Answer<Void>) {
        pass(then) { inside.post(name, on: board, lifetime: lifetime, then: $0) }
    }
    func withdraw(_ name: String, from board: String, then: @escaping Answer<Void>) {
        pass(then) { inside.withdraw(name, from: board, then: $0) }
    }
    func read(_ board: String, then: @escaping Answer<[Notice]>) { pass(then) { inside.read(board, then: $0) } }
    func announce(_ announcement: Announcement, then: @escaping Answer<Void>) {
        pass(then) { inside.announce(announcement, then: $0) }
    }
    func announcements() -> AsyncStream<Announcement> { inside.announcements() }
    func ping(then: @escaping Answer<Void>) { pass(then) { inside.ping(then: $0) } }
    func close() async { await inside.close() }
}
