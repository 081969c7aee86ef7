import Admission
import HTTPServing
import Synchronization
import Vocabulary

/// The right to do the work behind a key, given back exactly once: with the reply, or by letting go of it.
final class ReplyClaim: Sendable {
    private enum Place {
        case here(ReplyMemories.Memory, key: String, lifetime: UInt64)
        case shared(SharedClaim)
    }

    private let place: Place
    /// Whether replies with errors of single tasks may be remembered.
    private let keepsErrors: Bool
    private let isSettled = Atomic<Bool>(false)

    init(_ memory: ReplyMemories.Memory, key: String, lifetimeSeconds: Int, keepsErrors: Bool) {
        place = .here(memory, key: key, lifetime: UInt64(lifetimeSeconds) * 1_000_000_000)
        self.keepsErrors = keepsErrors
    }

    /// A claim that all instances know of.
    init(_ claim: SharedClaim, keepsErrors: Bool) {
        place = .shared(claim)
        self.keepsErrors = keepsErrors
    }

    /// - Parameters:
    ///   - failed: the run did not come to its end; it may be done again.
    ///   - hasErrors: single tasks failed.
    func settle(_ response: HTTPResponse, failed: Bool, hasErrors: Bool) {
        let isKept = !failed && response.status < 500 && (keepsErrors || !hasErrors && response.status < 400)
        settle(isKept ? response : nil, age: .zero)
    }

    /// With what another instance's work came to.
    func settle(with response: HTTPResponse, age: Duration) { settle(response, age: age) }

    private func settle(_ response: HTTPResponse?, age: Duration) {
        guard !isSettled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        switch place {
        case .shared(let claim): claim.settle(with: response.map(StoredReply.bytes), age: age)
        case .here(let memory, let key, let lifetime):
            let headers = response?.headers.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count } ?? 0
            let now = Stopwatch.nanoseconds()
            // It counts from when it was made.
            let elapsed = min(UInt64(max(0, age.wholeMicroseconds)) * 1000, now, lifetime)
            memory.settle(
                key, with: response, bytes: (response?.body.readableBytes ?? 0) + headers + 256, lifetime: lifetime,
                at: now - elapsed)
        }
    }

    deinit { settle(nil, age: .zero) }
}
