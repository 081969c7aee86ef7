import Testing
import Traces
import Vocabulary

@Suite struct QueueDecisionTests {
    @Test(arguments: 1...8)
    func `retries grow with jitter and end in a dead letter`(attempt: Int) {
        let policy = RetryPolicy(isEnabled: true, maxRetries: 5)
        let now = Timestamp(microseconds: 0)

        let decision = policy.decide(attempt: attempt, isRetryable: true, at: now, draw: 0.5)

        if attempt > 5 {
            #expect(decision == .deadLetter)
        } else if case .retry(let dueAt) = decision {
            let ceiling = Double(1 << (attempt - 1))
            #expect((dueAt - now).inSeconds >= ceiling * 0.5 && (dueAt - now).inSeconds <= ceiling)
        } else {
            Issue.record("no retry")
        }
        #expect(policy.decide(attempt: attempt, isRetryable: false, at: now, draw: 0) == .fail)
    }

    @Test func `without retries the first failure is a dead letter`() {
        let policy = RetryPolicy(isEnabled: false, maxRetries: 5)

        #expect(policy.decide(attempt: 1, isRetryable: true, at: Timestamp(microseconds: 0), draw: 0) == .deadLetter)
    }

    @Test func `queue bounds give back what they lend`() {
        let bounds = QueueBounds(maxCount: 2, maxBytes: 100)

        #expect(bounds.reserve(bytes: 60) == nil)
        #expect(bounds.reserve(bytes: 60) == .memory)
        #expect(bounds.reserve(bytes: 10) == nil)
        #expect(bounds.reserve(bytes: 1) == .full)
        bounds.giveBack(bytes: 60)
        bounds.giveBack(bytes: 10)
        #expect(bounds.count == 0 && bounds.bytes == 0)
    }

    @Test func `what waits elsewhere counts against the bounds`() {
        let bounds = QueueBounds(maxCount: 3, maxBytes: 100)
        bounds.setElsewhere(count: 2, bytes: 50)

        #expect(bounds.reserve(bytes: 60) == .memory)
        #expect(bounds.reserve(bytes: 10) == nil)
        #expect(bounds.reserve(bytes: 10) == .full)
        #expect(bounds.totalCount == 3 && bounds.totalBytes == 60)
        bounds.setElsewhere(count: -5, bytes: -5)
        #expect(bounds.totalCount == 1)
    }
}
