import Admission
import Channels
import HTTPServing
import NIOCore

/// The gates of a synchronous call after its checks, and then the call: whether its key was used before, whether its
/// reply is known, whether there is a permit. Each says so at once, or goes on here when it can.
///
/// Whatever way it ends, the arena goes back to the loop, once.
struct SyncGates {
    var call: SyncCall
    let gate: RepeatedCall
    let loop: LoopState

    /// - Throws: a refusal; the arena is the caller's then.
    func claimKey() throws(Refusal) {
        switch try gate.claimKey(call.intake.idempotencyKey, metadata: call.intake.metadata) {
        case .answer(let response): finish(response)
        case .proceed(let claims): try with(claims).lookUp()
        case .ask(let question):
            ask(question) { gates, outcome throws(Refusal) in
                switch outcome {
                case .proceed(let claims): try gates.with(claims).lookUp()
                case .answer(let response, _): gates.finish(RepeatedCall.replayed(response))
                case .underWay: throw gates.gate.underWay()
                case .refused: throw Refusal(.sharedStateIsAway)
                }
            }
        case .wait: break
        }
    }

    private func lookUp() throws(Refusal) {
        let intake = call.intake
        guard intake.channel.definition.config.cache != nil else { return try takePermit() }
        let key = gate.cacheKey(metadata: intake.metadata, payload: intake.payload, arena: intake.arena)
        let eventLoop = call.reply.eventLoop
        let waiting = NIOLoopBound(self, eventLoop: eventLoop)
        let outcome = gate.lookUp(key) { known in
            eventLoop.execute { waiting.value.goOn { gates throws(Refusal) in try gates.told(known) } }
        }
        switch outcome {
        case .answer(let response): finish(response)
        case .proceed(let claims): try asMiss(claims).takePermit()
        case .ask(let question):
            ask(question) { gates, outcome throws(Refusal) in
                switch outcome {
                case .proceed(let claims): try gates.asMiss(claims).takePermit()
                case .answer(let response, let age):
                    gates.finish(RepeatedCall.hit(response, age: UInt64(max(0, age.wholeMicroseconds)) * 1000))
                case .underWay: try gates.asMiss([]).takePermit()
                case .refused: throw Refusal(.sharedStateIsAway)
                }
            }
        case .wait: break
        }
    }

    /// It waited for another request's work: its reply, or the work itself where that came to nothing.
    private func told(_ known: HTTPResponse?) throws(Refusal) {
        guard let known else { return try takePermit() }
        finish(RepeatedCall.hit(known, age: 0))
    }

    private func takePermit() throws(Refusal) {
        let channel = call.intake.channel
        guard let permits = channel.sharedPermits else { return try call.start(loop: loop) }
        let eventLoop = call.reply.eventLoop
        let waiting = NIOLoopBound(self, eventLoop: eventLoop)
        permits.take { answer in
            eventLoop.execute {
                waiting.value.goOn { gates throws(Refusal) in
                    var call = gates.call
                    call.permit = try channel.permit(from: answer)
                    try call.start(loop: gates.loop)
                }
            }
        }
    }

    private func with(_ claims: [ReplyClaim]) -> SyncGates {
        var next = self
        next.call.claims += claims
        return next
    }

    private func asMiss(_ claims: [ReplyClaim]) -> SyncGates {
        var next = with(claims)
        next.call.isMiss = true
        return next
    }

    private func finish(_ response: HTTPResponse) {
        call.reply.send(response)
        call.settle(response)
        loop.giveBack(call.intake.arena)
    }

    private func ask(
        _ question: SharedQuestion,
        then step: @escaping (SyncGates, SharedQuestion.Outcome) throws(Refusal) -> Void
    ) {
        let waiting = NIOLoopBound((gates: self, step: step), eventLoop: call.reply.eventLoop)
        question.ask(on: call.reply.eventLoop) { outcome in
            let (gates, step) = waiting.value
            gates.goOn { gates throws(Refusal) in try step(gates, outcome) }
        }
    }

    /// Goes on after waiting: there is nobody any more to throw to.
    private func goOn(_ step: (SyncGates) throws(Refusal) -> Void) {
        do throws(Refusal) { try step(self) } catch {
            call.reply.send(Replies.refusal(error, requestID: call.intake.requestID))
            loop.giveBack(call.intake.arena)
        }
    }
}
