import Admission
import SharedState
import Synchronization
import Testing
import Vocabulary

/// The guards that instances share, on a shared state of every mood.
@Suite struct SharedGuardTests {
    private let state = MoodyState()

    private func access() -> SharedAccess { SharedAccess(state, observe: { _ in }) }

    private func limiter(
        _ access: SharedAccess, burst: Int, failsOpen: Bool = true, instances: Int = 1
    ) -> SharedRateLimiter {
        SharedRateLimiter(
            name: "n", requestsPerSecond: 0.001, burst: burst, failsOpen: failsOpen, access: access,
            liveInstances: { instances })
    }

    private func permits(
        _ access: SharedAccess, _ instance: String, limit: Int, failsOpen: Bool = true, instances: Int = 1
    ) -> SharedPermits {
        SharedPermits(
            name: "n", limit: limit, instance: instance, failsOpen: failsOpen, access: access,
            liveInstances: { instances })
    }

    private func isAdmitted(_ answer: RateGate.Answer) -> Bool {
        if case .decided(.admit) = answer { true } else { false }
    }

    /// When every probe is due, and nothing has run out.
    private func probe(_ access: SharedAccess) { access.tendOnce(at: Stopwatch.nanoseconds() + 2_000_000_000) }

    @Test func `instances let in together what one bucket allows`() async {
        let limiters = (0..<3).map { _ in limiter(access(), burst: 10) }
        var admitted = 0
        for turn in 0..<60 where isAdmitted(await limiters[turn % 3].answer(key: "k")) { admitted += 1 }
        let other = await limiters[0].answer(key: "other")
        #expect(admitted == 10 && isAdmitted(other))
    }

    @Test func `while nothing answers, an instance goes by its share, or says so`() async {
        let (open, closed) = (limiter(access(), burst: 9, instances: 3), limiter(access(), burst: 9, failsOpen: false))
        state.turn(.away)
        var admitted = 0
        for _ in 0..<30 where isAdmitted(await open.answer(key: "k")) { admitted += 1 }
        let answer = await closed.answer(key: "k")

        #expect(admitted == 3 && answer == .unavailable)
    }

    @Test func `what does not answer is not asked for every request, and is found again`() async {
        let access = access()
        let limiter = limiter(access, burst: 1000)
        state.turn(.mute)
        for _ in 0..<200 { _ = await limiter.answer(key: "k") }
        let asked = state.questions
        state.turn(.well)
        let before = limiter.admit(key: "k", at: Stopwatch.nanoseconds())
        probe(access)
        let after = limiter.admit(key: "k", at: Stopwatch.nanoseconds())

        #expect(asked == BackendHealth.threshold, "\(asked) questions for 200 requests")
        #expect(before != nil, "decided here while it is down")
        #expect(access.isUp && after == nil, "and together afterwards")
    }

    @Test func `permits are shared, and each is given back exactly once`() async {
        let (one, two) = (permits(access(), "a", limit: 2), permits(access(), "b", limit: 2))
        var held: [Permit] = []
        for taker in [one, two, one, two] {
            if case .taken(let permit) = await taker.take() { held.append(permit) }
        }
        #expect(held.count == 2 && one.inUse + two.inUse == 2)
        held[0].giveBack()
        held[0].giveBack()
        held.removeFirst()
        var again = 0
        for _ in 0..<3 {
            if case .taken(let permit) = await two.take() {
                again += 1
                held.append(permit)
            }
        }
        #expect(again == 1, "one was free, although it was given back twice")
        held = []
        #expect(one.inUse + two.inUse == 0, "letting go of them gives them back")
    }

    @Test func `a permit that was taken and not told of is given back`() async throws {
        let access = access()
        let lost = permits(access, "a", limit: 1)
        state.turn(.mute)
        guard case .taken(let alone) = await lost.take() else {
            Issue.record("it goes by its own count")
            return
        }
        state.turn(.well)
        probe(access)
        probe(access)
        let other = try await state.takePermit(
            PermitRequest(key: "n", limit: 1, holder: "other", lease: .seconds(60)))

        #expect(other, "what nobody was told of is free")
        alone.giveBack()
        #expect(lost.inUse == 0 && access.errandCount == 0)
    }

    @Test func `without the shared state, an instance runs its share and no more`() async {
        let (open, closed) = (
            permits(access(), "a", limit: 6, instances: 3), permits(access(), "b", limit: 6, failsOpen: false)
        )
        state.turn(.away)
        var held: [Permit] = []
        for _ in 0..<5 { if case .taken(let permit) = await open.take() { held.append(permit) } }
        let count = held.count
        guard case .unavailable = await closed.take() else {
            Issue.record("it refuses")
            return
        }
        #expect(count == 2 && open.inUse == 2)
        held = []
        #expect(open.inUse == 0)
    }

    @Test func `a permit that is given back while it is renewed stays given back`() async throws {
        let access = access()
        let one = permits(access, "a", limit: 1)
        guard case .taken(let permit) = await one.take() else {
            Issue.record("there is one")
            return
        }
        one.renewOnce()
        let taken = try await state.takePermit(
            PermitRequest(key: "n", limit: 1, holder: "other", lease: .seconds(60)))
        permit.giveBack()
        one.renewOnce()
        let free = try await state.takePermit(
            PermitRequest(key: "n", limit: 1, holder: "other", lease: .seconds(60)))
        #expect(!taken && free)
    }

    private func take(_ claims: SharedClaims, _ key: String) async -> SharedClaims.Answer {
        await withCheckedContinuation { continuation in
            claims.take(key, for: .claims, lease: .seconds(60), lifetime: .seconds(60)) {
                continuation.resume(returning: $0)
            }
        }
    }

    @Test func `work is claimed once, and what came of it is told to all`() async {
        let (one, two) = (SharedClaims(instance: "a", access: access()), SharedClaims(instance: "b", access: access()))
        guard case .won(let claim) = await take(one, "k"), case .underWay = await take(two, "k") else {
            Issue.record("one wins")
            return
        }
        claim.settle(with: [1, 2])
        claim.settle(with: [3])
        guard case .settled([1, 2], _) = await take(two, "k") else {
            Issue.record("the other is told")
            return
        }
    }

    @Test func `a claim that is let go of without a word is free again`() async {
        let claims = SharedClaims(instance: "a", access: access())
        if case .won(let claim) = await take(claims, "k") { _ = claim }
        guard case .won = await take(claims, "k") else {
            Issue.record("it is free")
            return
        }
    }

    @Test func `what came of work while nothing answered is told when something does`() async throws {
        let access = access()
        let claims = SharedClaims(instance: "a", access: access)
        state.turn(.away)
        guard case .unavailable(let claim) = await take(claims, "k") else {
            Issue.record("it is away")
            return
        }
        claim.settle(with: [7])
        #expect(access.errandCount == 1)
        state.turn(.well)
        for _ in 0..<3 { probe(access) }
        let answer = try await state.claim("k", holder: "other", lease: .seconds(60))

        guard case .settled([7], _) = answer else {
            Issue.record("the others replay it: \(answer)")
            return
        }
        #expect(access.errandCount == 0)
    }
}
