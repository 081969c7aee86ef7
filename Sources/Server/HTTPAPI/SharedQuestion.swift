import Admission
import HTTPServing
import NIOCore
import Vocabulary

/// Work that is new to this instance: whether it is new to the others, too.
struct SharedQuestion {
    let claims: SharedClaims
    let key: String
    let guardian: SharedGuard
    /// The longest that the work can take.
    let lease: Duration
    let lifetime: Duration
    let keepsErrors: Bool
    let failsOpen: Bool
    /// ``Stopwatch`` nanoseconds until which to wait for another instance's work; nil for not at all.
    let waitsUntil: UInt64?
    /// The claim on this instance: whoever asks here meanwhile is told what comes of it.
    let local: ReplyClaim

    enum Outcome: Sendable {
        /// Do the work, and settle the claims with its reply.
        case proceed([ReplyClaim])
        /// Another instance did it, this long ago.
        case answer(HTTPResponse, age: Duration)
        /// Another instance is at it.
        case underWay
        case refused
    }

    private static let backoff = Backoff(base: .milliseconds(10), cap: .milliseconds(200))

    /// - Parameter told: called on the loop, once.
    func ask(on loop: any EventLoop, attempt: Int = 1, told: @escaping @Sendable (Outcome) -> Void) {
        claims.take(key, for: guardian, lease: lease, lifetime: lifetime) { answer in
            if loop.inEventLoop {
                take(answer, on: loop, attempt: attempt, told: told)
            } else {
                loop.execute { take(answer, on: loop, attempt: attempt, told: told) }
            }
        }
    }

    private func take(
        _ answer: SharedClaims.Answer, on loop: any EventLoop, attempt: Int,
        told: @escaping @Sendable (Outcome) -> Void
    ) {
        switch answer {
        case .won(let claim): told(.proceed([local, ReplyClaim(claim, keepsErrors: keepsErrors)]))
        case .unavailable(let claim):
            // What comes of it is kept for the others, once they can be told.
            told(failsOpen ? .proceed([local, ReplyClaim(claim, keepsErrors: keepsErrors)]) : .refused)
        case .settled(let bytes, let age):
            // What another version wrote is nothing this one can give.
            guard let response = StoredReply.response(bytes) else { return told(.proceed([local])) }
            local.settle(with: response, age: age)
            told(.answer(response, age: age))
        case .underWay:
            guard let waitsUntil else { return told(.underWay) }
            guard Stopwatch.nanoseconds() < waitsUntil else { return told(.proceed([local])) }
            let pause = Self.backoff.delay(afterAttempt: attempt, draw: .random(in: 0..<1))
            loop.scheduleTask(in: .microseconds(pause.wholeMicroseconds)) {
                ask(on: loop, attempt: attempt + 1, told: told)
            }
        }
    }
}
