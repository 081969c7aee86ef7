import Connectors
import Outbound
import Seeds
import Testing

@Suite struct ConnectorDecisionTests {
    private let second: UInt64 = 1_000_000_000

    @Test func `a breaker opens after its threshold, and lets one call through when its time has come`() {
        var breaker = CircuitBreaker(threshold: 2, recovery: .seconds(10))

        var said: [Bool] = []
        said += [breaker.permits(at: 0), breaker.fail(at: 0)]
        said += [breaker.permits(at: 1), breaker.fail(at: second)]
        #expect(said == [true, false, true, true])
        let states = [breaker.state(at: 2 * second), breaker.state(at: 11 * second)]
        #expect(states == [.open, .halfOpen])

        said = [breaker.permits(at: 10 * second), breaker.permits(at: 11 * second), breaker.permits(at: 11 * second)]
        #expect(said == [false, true, false])

        said = [breaker.fail(at: 12 * second), breaker.permits(at: 13 * second), breaker.permits(at: 22 * second)]
        #expect(said == [true, false, true])
        breaker.abandon()
        said = [breaker.permits(at: 22 * second)]
        breaker.succeed()
        said.append(breaker.fail(at: 24 * second))
        #expect(said == [true, false] && breaker.state(at: 25 * second) == .closed)
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `an open breaker lets nothing through before its time, and never two probes at once`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var breaker = CircuitBreaker(threshold: Int.random(in: 1...4, using: &random), recovery: .seconds(5))
        var now: UInt64 = 0
        var openedAt: UInt64?
        var probes = 0
        for _ in 0..<200 {
            now += UInt64.random(in: 0...3 * second, using: &random)
            let state = breaker.state(at: now)
            guard breaker.permits(at: now) else {
                #expect(state != .closed, "seed \(seed)")
                if Bool.random(using: &random), probes > 0 {
                    breaker.succeed()
                    (probes, openedAt) = (0, nil)
                }
                continue
            }
            if state == .halfOpen {
                probes += 1
                #expect(probes == 1, "seed \(seed)")
                #expect(openedAt.map { now >= $0 + 5 * second } ?? true, "seed \(seed)")
            }
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                breaker.succeed()
                (probes, openedAt) = (0, nil)
            case 1 where state == .halfOpen: break  // the probe is still out
            default:
                if breaker.fail(at: now) { openedAt = now }
                probes = 0
            }
        }
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `a retry is never past the deadline, never of what is unsafe, never more than allowed`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let retry = CallRetry(
            maxRetries: Int.random(in: 0...5, using: &random),
            delay: .milliseconds(Int.random(in: 1...2000, using: &random)),
            repeatsUnsafeMethods: Bool.random(using: &random))
        let method = ["GET", "POST", "PUT", "PATCH", "DELETE"].randomElement(using: &random) ?? "GET"
        let attempts = Int.random(in: 1...7, using: &random)
        let remaining = Duration.milliseconds(Int.random(in: 0...10_000, using: &random))
        let wish = Bool.random(using: &random) ? Int.random(in: 0...5, using: &random) : nil

        let decision = retry.decide(
            method: method, attempts: attempts, isPassing: Bool.random(using: &random), retryAfter: wish,
            remaining: remaining, draw: Double.random(in: 0..<1, using: &random))

        guard case .again(let pause) = decision else { return }
        #expect(pause < remaining && attempts <= retry.maxRetries, "seed \(seed)")
        #expect(retry.repeatsUnsafeMethods || !["POST", "PATCH"].contains(method), "seed \(seed)")
        #expect(wish.map { pause >= .seconds($0) } ?? true, "seed \(seed)")
    }
}
