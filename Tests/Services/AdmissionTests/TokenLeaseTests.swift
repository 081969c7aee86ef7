import Admission
import Seeds
import SharedState
import Synchronization
import Testing

/// Three instances and one bucket in a world of their own, in which time passes as it is told.
private struct LeaseWorld {
    struct Figures {
        var admitted = 0
        var refused = 0
        var questions = 0
        var waiting = 0
    }

    private struct Event {
        var at: UInt64
        var instance: Int
        /// Nil for a request.
        var grant: TokenGrant?
    }

    private let law: TokenLease.Law

    private var random: SeededRandom
    private var leases: [TokenLease]
    private var waiters: [Int]
    private var answers: [Event] = []
    private(set) var figures = Figures()
    /// When each was let in, in nanoseconds.
    private(set) var times: [UInt64] = []

    private final class Clock: Sendable {
        let now = Atomic<Int64>(0)
    }
    private let hand = Clock()
    private let bucket: InMemorySharedState

    init(rate: Double, capacity: Double, instances: Int = 3, seed: UInt64) {
        law = TokenLease.Law(rate: rate, capacity: capacity)
        random = SeededRandom(seed: seed)
        leases = (0..<instances).map { _ in TokenLease(at: 0) }
        waiters = [Int](repeating: 0, count: instances)
        let hand = hand
        bucket = InMemorySharedState(clock: { hand.now.load(ordering: .relaxed) })
    }

    /// - Parameter offered: requests a second for each instance.
    mutating func run(seconds: Double, offered: [Double]) {
        var next = offered.map { pause($0) }
        let end = UInt64(seconds * 1e9)
        while true {
            let instance = next.indices.min { next[$0] < next[$1] } ?? 0
            let answer = answers.indices.min { answers[$0].at < answers[$1].at }
            let now = min(next[instance], answer.map { answers[$0].at } ?? .max)
            guard now < end else { break }
            if let answer, answers[answer].at == now {
                answered(answers.remove(at: answer))
            } else {
                next[instance] = now + pause(offered[instance])
                decide(instance, at: now, again: false)
            }
        }
        figures.waiting = waiters.reduce(0, +)
    }

    /// Requests come at random: the pauses between them are exponential.
    private mutating func pause(_ perSecond: Double) -> UInt64 {
        UInt64(-Double.random(in: 1e-9..<1, using: &random).logarithm / perSecond * 1e9)
    }

    private mutating func decide(_ instance: Int, at now: UInt64, again: Bool) {
        switch leases[instance].decide(law, at: now, again: again) {
        case .admit(let question):
            figures.admitted += 1
            times.append(now)
            if let question { ask(question, instance, at: now) }
        case .refuse: figures.refused += 1
        case .ask(let question):
            waiters[instance] += 1
            ask(question, instance, at: now)
        case .wait: waiters[instance] += 1
        }
    }

    /// The bucket is asked half a way later, and its answer takes the other half.
    private mutating func ask(_ question: TokenLease.Question, _ instance: Int, at now: UInt64) {
        figures.questions += 1
        let way = UInt64.random(in: 100_000...2_000_000, using: &random)
        hand.now.store(Int64((now + way / 2) / 1000), ordering: .relaxed)
        let told = Mutex<TokenGrant?>(nil)
        bucket.takeTokens(
            TokenRequest(
                key: "k", rate: law.rate, capacity: law.capacity, wanted: question.wanted, returned: question.returned)
        ) { result in told.withLock { $0 = try? result.get() } }
        answers.append(Event(at: now + way, instance: instance, grant: told.withLock { $0 }))
    }

    private mutating func answered(_ event: Event) {
        guard let grant = event.grant else { return }
        leases[event.instance].granted(grant, law, at: event.at)
        let waiting = waiters[event.instance]
        waiters[event.instance] = 0
        for _ in 0..<waiting { decide(event.instance, at: event.at, again: true) }
    }
}

extension Double {
    /// The natural logarithm, by halving into 1...2 and a series: the tests import no Foundation for it.
    fileprivate var logarithm: Double {
        let fraction = (significand - 1) / (significand + 1)
        var (term, sum) = (fraction, 0.0)
        for power in stride(from: 1.0, to: 60, by: 2) {
            sum += term / power
            term *= fraction * fraction
        }
        return 2 * sum + Double(exponent) * 0.693147180559945
    }
}

@Suite struct TokenLeaseTests {
    @Test(arguments: 0..<12 as Range<UInt64>)
    func `three instances with ten times the limit let in the limit, give or take three percent`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let rate = Double(Int.random(in: 40...2000, using: &random))
        let capacity = (rate * Double.random(in: 0.1...0.6, using: &random)).rounded(.up)
        // Shared out evenly, or nearly all to one.
        let share = Double.random(in: 0.1...0.9, using: &random)
        let offered = [share, (1 - share) / 2, (1 - share) / 2].map { $0 * rate * 10 }
        var world = LeaseWorld(rate: rate, capacity: capacity, seed: seed)

        world.run(seconds: 10, offered: offered)

        let expected = rate * 10
        let admitted = Double(world.figures.admitted)
        #expect(admitted > expected * 0.97, "\(rate)/s, burst \(capacity): \(world.figures)")
        #expect(admitted < expected * 1.03 + capacity, "\(rate)/s, burst \(capacity): \(world.figures)")
        #expect(world.figures.refused > world.figures.admitted, "\(world.figures)")
        #expect(world.figures.waiting < 20, "nobody is forgotten: \(world.figures)")
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `in any second no more are let in than the law of the bucket and what instances held`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let rate = Double(Int.random(in: 1...300, using: &random))
        let capacity = Double(Int.random(in: 1...100, using: &random))
        let law = TokenLease.Law(rate: rate, capacity: capacity)
        var world = LeaseWorld(rate: rate, capacity: capacity, seed: seed)
        world.run(
            seconds: 6, offered: (0..<3).map { _ in rate * Double.random(in: 0.05...5, using: &random) + 1 })

        var first = 0
        for (place, time) in world.times.enumerated() {
            while time - world.times[first] >= 1_000_000_000 { first += 1 }
            let allowed = capacity + rate + Double(3 * law.most) + 1
            #expect(Double(place - first + 1) <= allowed, "seed \(seed): \(rate)/s, burst \(capacity)")
        }
    }

    @Test func `a hot key asks far less than once a request`() {
        var world = LeaseWorld(rate: 5000, capacity: 2500, seed: 1)
        world.run(seconds: 4, offered: [1000, 1000, 1000])

        #expect(world.figures.refused == 0, "\(world.figures)")
        #expect(world.figures.questions * 20 < world.figures.admitted, "\(world.figures)")
    }

    @Test func `an empty bucket is not asked once a request either`() {
        var world = LeaseWorld(rate: 100, capacity: 51, seed: 2)
        world.run(seconds: 5, offered: [1000, 1000, 1000])

        #expect(world.figures.questions * 20 < world.figures.refused, "\(world.figures)")
    }

    @Test func `a key that is asked for now and then takes one token at a time`() {
        var lease = TokenLease(at: 0)
        let law = TokenLease.Law(rate: 100, capacity: 50)
        for turn in 1...20 as ClosedRange<UInt64> {
            let now = turn * 2_000_000_000
            #expect(lease.decide(law, at: now) == .ask(.init(wanted: 1, returned: 0)))
            lease.granted(TokenGrant(granted: 1, left: 49, wait: .zero), law, at: now)
            #expect(lease.decide(law, at: now, again: true) == .admit(nil))
        }
    }

    @Test func `what was not used goes back with the next question, and is given out no more`() {
        var lease = TokenLease(at: 0)
        let law = TokenLease.Law(rate: 1000, capacity: 500)
        _ = lease.decide(law, at: 0)
        lease.granted(TokenGrant(granted: 7, left: 3, wait: .zero), law, at: 0)
        #expect(lease.decide(law, at: 1, again: true) == .admit(nil))

        guard case .ask(let question) = lease.decide(law, at: TokenLease.shelfLife + 2) else {
            Issue.record("what is stale is not given out")
            return
        }
        #expect(question.returned == 6 && lease.tokens == 0)
    }

    @Test func `a question that fails is asked again by the next, and one at a time`() {
        var lease = TokenLease(at: 0)
        let law = TokenLease.Law(rate: 10, capacity: 5)
        let first = lease.decide(law, at: 0)
        let second = lease.decide(law, at: 1)
        lease.failed()
        let third = lease.decide(law, at: 2)

        #expect(first == .ask(.init(wanted: 1, returned: 0)) && second == .wait)
        #expect(third == .ask(.init(wanted: 1, returned: 0)))
    }

    @Test func `a small limit is leased in small handfuls`() {
        #expect(TokenLease.Law(rate: 1, capacity: 1).most == 1)
        #expect(TokenLease.Law(rate: 100, capacity: 10).most == 5)
        #expect(TokenLease.Law(rate: 100, capacity: 1000).most == 10)
        #expect(TokenLease.Law(rate: 10_000, capacity: 5000).most == 1000)
    }
}
