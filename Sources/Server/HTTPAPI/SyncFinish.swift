import Admission
import Channels
import Definitions
import HTTPServing
import JSONTree
import NIOCore
import Storage
import Traces
import Vocabulary
import Workflows

/// The end of a synchronous call: its reply, its trace, its counters.
struct SyncFinish: Sendable {
    let services: DataServices
    let requestID: String
    let id: Identifier
    let createdAt: Timestamp
    /// As the caller sent it; empty where there was none.
    let traceparent: String
    let rate: RateDecision?
    let policy: ChannelConfig.TraceMode
    let sampleRate: Double
    let input: JSONValue
    let lane: Int
    let reply: HTTPReplyHandle
    let claims: [ReplyClaim]
    let isMiss: Bool
    /// Nil where no spans are kept of this call.
    let span: CallSpan?

    /// - Parameter send: called once with the response, at once or when the trace is on disk.
    func complete(
        _ ended: ChannelRun, scratch: inout JSONByteBuffer, send: @escaping @Sendable (HTTPResponse) -> Void
    ) {
        let channel = ended.channel
        let run = ended.run
        let failure = run.failure
        let send = settling(send, failed: failure != nil, hasErrors: !run.errors.isEmpty)
        count(ended, failure)
        let answered = response(to: run, channel: channel, scratch: &scratch)
        span?.finish(ended, id: id, requestID: requestID, status: Int(answered.status), lane: lane)
        let isFailed = failure != nil
        let isWanted = isFailed || policy != .failures && isSampled
        guard policy != .off, isWanted else {
            send(answered)
            return
        }
        let record = record(of: run, channel: channel, response: answered, scratch: &scratch)
        guard policy == .sync || services.writer.isFull else {
            services.writer.insert(record, lane: lane)
            send(answered)
            return
        }
        let requestID = requestID
        let eventLoop = reply.eventLoop
        services.writer.insert(record, lane: lane) { isCommitted in
            let response =
                isCommitted
                ? answered
                : Replies.problem(
                    Problem(.unavailable, "The call ran, but its trace could not be stored."), requestID: requestID)
            if eventLoop.inEventLoop { send(response) } else { eventLoop.execute { send(response) } }
        }
    }

    /// What is sent is also what is remembered, once it is on disk where it has to be.
    private func settling(
        _ send: @escaping @Sendable (HTTPResponse) -> Void, failed: Bool, hasErrors: Bool
    ) -> @Sendable (HTTPResponse) -> Void {
        guard !claims.isEmpty || isMiss else { return send }
        let claims = claims
        let isMiss = isMiss
        return { response in
            var response = response
            for claim in claims { claim.settle(response, failed: failed, hasErrors: hasErrors) }
            if isMiss { response.headers.append(("x-cache", "MISS")) }
            send(response)
        }
    }

    /// Drawn from the run's name, so that asking again gives the same answer.
    private var isSampled: Bool { sampleRate >= 1 || Double(id.low % 10_000) < sampleRate * 10_000 }

    private func count(_ ended: ChannelRun, _ failure: Problem?) {
        let meters = ended.channel.meters
        meters.duration.observe(seconds: Double(Stopwatch.nanoseconds() - ended.startedAt) / 1e9)
        guard let failure else {
            meters.ok.increment()
            return
        }
        if failure.code == .timeout { meters.timedOut.increment() } else { meters.failed.increment() }
    }

    private func response(
        to run: WorkflowRun, channel: ServedChannel, scratch: inout JSONByteBuffer
    ) -> HTTPResponse {
        SyncReply.make(
            run, channel: channel, id: id, requestID: requestID, headers: rate.map(Replies.rateHeaders) ?? [],
            maxBytes: services.maxResultBytes, scratch: &scratch)
    }

    private func record(
        of run: WorkflowRun, channel: ServedChannel, response: HTTPResponse, scratch: inout JSONByteBuffer
    ) -> TraceRecord {
        let now = services.clock.now()
        scratch.removeAll(keepingCapacity: true)
        run.writeSteps(into: &scratch)
        let steps = scratch.withUnsafeBytes { [UInt8]($0) }
        let masks = services.runSettings.maskedFields
        let result =
            masks.isEmpty || run.failure != nil
            ? [UInt8](response.body.readableBytesView) : masked(run, masks, scratch: &scratch)
        return TraceRecord(
            id: id, channelID: channel.id, channel: channel.name, mode: .sync,
            status: run.failure == nil ? .completed : .failed, result: result, steps: steps,
            errorMessage: run.failure?.message ?? "", attempt: 1, dueAt: createdAt, createdAt: createdAt,
            startedAt: createdAt, completedAt: now, traceparent: traceparent)
    }

    private func masked(_ run: WorkflowRun, _ masks: MaskedFields, scratch: inout JSONByteBuffer) -> [UInt8] {
        scratch.removeAll(keepingCapacity: true)
        ReplyEnvelope.write(run, id: id, requestID: requestID, into: &scratch, masking: masks)
        return scratch.withUnsafeBytes { [UInt8]($0) }
    }
}
