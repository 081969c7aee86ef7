import Channels
import Crypto
import HTTPServing
import JSONTree
import NIOCore
import Traces
import Vocabulary
import Workflows

/// An asynchronous call: on disk first, then `202` with the trace's name and the token that reads it.
struct AsyncCall {
    let services: DataServices
    let intake: Intake
    let reply: HTTPReplyHandle

    /// Goes on after other instances were asked.
    func goOn(_ outcome: SharedQuestion.Outcome, _ gate: RepeatedCall, loop: LoopState) {
        switch outcome {
        case .proceed(let claims): return accept(claims, loop: loop)
        case .answer(let response, _): reply.send(RepeatedCall.replayed(response))
        case .underWay: reply.send(Replies.refusal(gate.underWay(), requestID: intake.requestID))
        case .refused:
            reply.send(Replies.refusal(Refusal(.sharedStateIsAway), requestID: intake.requestID))
        }
        loop.giveBack(intake.arena)
    }

    /// Writes the call down. The arena goes back to the loop.
    func accept(_ claims: [ReplyClaim], loop: LoopState) {
        defer { loop.giveBack(intake.arena) }
        let now = services.clock.now()
        let id = loop.makeIdentifier(at: now)
        let token = TraceToken.make()
        loop.scratch.removeAll(keepingCapacity: true)
        loop.scratch.append("{\"payload\":")
        JSONWriter.write(intake.payload, into: &loop.scratch)
        loop.scratch.append(",\"metadata\":")
        JSONWriter.write(intake.metadata, into: &loop.scratch)
        loop.scratch.append(",\"request_id\":")
        JSONWriter.write(intake.requestID, into: &loop.scratch)
        if let bucket = intake.stickyBucket {
            loop.scratch.append(",\"sticky_bucket\":")
            loop.scratch.append(integer: Int64(bucket))
        }
        loop.scratch.append("}")
        let trace = QueuedTrace(
            id: id, channelID: intake.channel.id, channel: intake.channel.name,
            input: loop.scratch.withUnsafeBytes { [UInt8]($0) }, attempt: 0, epoch: 1, createdAt: now,
            traceparent: intake.traceparent?.stringValue ?? "")
        let headers = intake.rate.map(Replies.rateHeaders) ?? []
        let reply = reply
        let requestID = intake.requestID
        let span = span(id, at: now)
        services.queue.accept(trace, tokenHash: token.hash, lane: loop.lane) { problem in
            let response =
                problem.map { Replies.problem($0, requestID: requestID, headers: headers) }
                ?? Self.accepted(id, token, headers)
            span?(Int(response.status))
            for claim in claims { claim.settle(response, failed: problem != nil, hasErrors: false) }
            if reply.eventLoop.inEventLoop {
                reply.send(response)
            } else {
                reply.eventLoop.execute { reply.send(response) }
            }
        }
    }

    /// What ends the span of the acceptance, with the reply's status; nil where none is kept. Its name is the run's, so that
    /// every attempt, in whichever process, finds it.
    private func span(_ id: Identifier, at now: Timestamp) -> (@Sendable (Int) -> Void)? {
        guard let source = services.runSettings.spans else { return nil }
        var origin = RunOrigin(run: id, requestID: intake.requestID, traceparent: intake.traceparent)
        origin.traceContext = origin.traceContext.child(id.low)
        guard let span = CallSpan.begin(intake, origin, source: source, at: now) else { return nil }
        let channel = intake.channel
        let method = intake.metadata.member("http_method")?.stringValue ?? "POST"
        let (requestID, receivedAt) = (intake.requestID, intake.receivedAt)
        return { status in
            span.finishAccepted(
                channel, id: id, requestID: requestID, method: method, receivedAt: receivedAt, status: status)
        }
    }

    private static func accepted(
        _ id: Identifier, _ token: TraceToken, _ headers: [(String, String)]
    ) -> HTTPResponse {
        let body = "{\"trace_id\":\"\(id)\",\"trace_token\":\"\(token.text)\",\"status\":\"pending\"}"
        let location = [("location", "/api/v1/data/traces/\(id)")]
        return HTTPResponse(
            status: 202, contentType: Replies.json, headers: headers + location, body: ByteBuffer(string: body))
    }
}
