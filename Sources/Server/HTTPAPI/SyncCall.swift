import Admission
import Channels
import HTTPServing
import JSONTree
import NIOCore
import Storage
import Synchronization
import Telemetry
import Traces
import Vocabulary
import Workflows

/// A synchronous call: run now, answer with what came out.
struct SyncCall {
    let services: DataServices
    let intake: Intake
    let reply: HTTPReplyHandle
    let snapshot: ServingSnapshot
    /// Keys this call is the first to work on.
    var claims: [ReplyClaim] = []
    /// The reply was looked for and not found.
    var isMiss = false
    /// Where instances share the channel's.
    var permit: Permit?

    /// For a reply that was known: whoever else waits for the same key is told.
    func settle(_ response: HTTPResponse) {
        for claim in claims { claim.settle(response, failed: false, hasErrors: false) }
    }

    func start(loop: LoopState) throws(Refusal) {
        let channel = intake.channel
        let settings = services.runSettings
        let timeout = channel.definition.config.timeoutMilliseconds ?? settings.syncTimeoutMilliseconds
        let tracing = channel.definition.config.tracing
        let bucket = intake.stickyBucket ?? (channel.workflows.count > 1 ? loop.drawBucket() : 0)
        let now = services.clock.now()
        let id = loop.makeIdentifier(at: now)
        var origin = RunOrigin(run: id, requestID: intake.requestID, traceparent: intake.traceparent)
        let span = CallSpan.begin(intake, origin, source: settings.spans, at: now)
        if let span { origin.traceContext = span.log.context }
        var options = settings.options(
            startedAt: intake.receivedAt, timeoutMilliseconds: timeout, tracing: tracing,
            caller: ChannelCaller(snapshot: snapshot, settings: settings, caller: channel.name, origin: origin),
            chain: [channel.name], origin: origin)
        options.connectors = snapshot.connectors
        options.spans = span.map { SpanPlace(log: $0.log, parent: $0.log.context.parent) }
        let run = try ChannelRun(
            channel: channel, workflow: channel.workflow(bucket: bucket), payload: intake.payload,
            metadata: intake.metadata, arena: intake.arena, options: options, startedAt: intake.receivedAt,
            shared: permit)
        let finish = SyncFinish(
            services: services, requestID: intake.requestID, id: id, createdAt: now,
            traceparent: intake.traceparent?.stringValue ?? "",
            rate: intake.rate, policy: tracing.mode, sampleRate: tracing.sampleRate, input: intake.payload,
            lane: loop.lane, reply: reply, claims: claims, isMiss: isMiss, span: span)
        switch run.run.advance(steps: DataPlane.stepsOnLoop) {
        case .finished:
            run.returnPermit()
            let reply = reply
            finish.complete(run, scratch: &loop.scratch) { reply.send($0) }
            loop.giveBack(intake.arena)
        case .yielded: goOn(run, finish, on: nil)
        case .waiting: goOn(run, finish, on: reply.eventLoop)
        }
    }

    /// - Parameter loop: where it goes on; nil for the threads that compute.
    private func goOn(_ run: consuming ChannelRun, _ finish: SyncFinish, on loop: (any EventLoop)?) {
        let handOver = HandOver(run, finish)
        let hasRoom = services.background.start(on: loop) { await handOver.go(sharesThread: loop != nil) }
        if !hasRoom {
            reply.send(
                Replies.problem(
                    Problem(.unavailable, "Too many long runs; try again later.", retryAfter: .seconds(1)),
                    requestID: intake.requestID))
        }
    }
}
