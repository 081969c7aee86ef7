import Admission
import Authentication
import Channels
import Definitions
import HTTPServing
import JSONTree
import NIOCore
import Storage
import Traces
import Vocabulary
import Workflows

/// `/api/v1/data/…`: the path of one request, from bytes to reply.
///
/// Runs on the event loop without an async hop while the workflow needs no waiting; a run that uses up its slice goes
/// on in the background and answers from there.
struct DataPlane: Sendable {
    let services: DataServices

    /// How many tasks a run may execute before it leaves the event loop to others.
    static let stepsOnLoop = 512

    func handle(_ request: HTTPRequest, path: Substring, reply: HTTPReplyHandle, loop: LoopState) {
        let requestID = reply.requestID
        let (name, isAsync) = Self.splitAsync(path)
        let snapshot = loop.snapshot(of: services.state)
        if request.method == .options, let question = CrossOrigin.Preflight(request),
            let policy = policy(snapshot.match(path: name, method: question.method))
        {
            reply.send(question.answer(policy))
            return
        }
        switch snapshot.match(path: name, method: request.methodName) {
        case .found(let channel, let parameters):
            serve(
                request, channel: channel, parameters: parameters, isAsync: isAsync, snapshot: snapshot, reply: reply,
                loop: loop)
        case .refused(let problem, let allow):
            CrossOrigin.promise(services.crossOrigin.platform, to: request, on: reply)
            let headers = allow.isEmpty ? [] : [("allow", allow.joined(separator: ", "))]
            reply.send(Replies.problem(problem, requestID: requestID, headers: headers))
        }
    }

    /// The path of a request whose channel is known.
    ///
    /// - Parameter progress: how far it came before a gate had to wait.
    func serve(
        _ request: HTTPRequest, channel: ServedChannel, parameters: [(name: String, value: String)], isAsync: Bool,
        snapshot: ServingSnapshot, reply: HTTPReplyHandle, loop: LoopState, progress: GateProgress? = nil
    ) {
        let requestID = reply.requestID
        reply.mark(channel: channel.name)
        CrossOrigin.promise(policy(of: channel), to: request, on: reply)
        let arena = loop.borrowArena()
        do throws(Refusal) {
            let intake = try take(
                request, channel: channel, parameters: parameters, arena: arena, requestID: requestID,
                progress: progress)
            if isAsync {
                try accept(intake, reply: reply, loop: loop)
            } else {
                try answer(intake, reply: reply, snapshot: snapshot, loop: loop)
            }
        } catch {
            loop.giveBack(arena)
            if let remedy = error.remedy {
                let isWaiting = wait(for: remedy, request, reply: reply, loop: loop) { request, loop, progress in
                    serve(
                        request, channel: channel, parameters: parameters, isAsync: isAsync, snapshot: snapshot,
                        reply: reply, loop: loop, progress: progress)
                }
                if isWaiting { return }
            }
            reply.send(Replies.refusal(error, requestID: requestID))
        }
    }

    /// Takes the request up again when what it needs is there.
    ///
    /// - Returns: whether there is room to wait.
    private func wait(
        for remedy: @escaping Refusal.Remedy, _ request: HTTPRequest, reply: HTTPReplyHandle,
        loop: LoopState, then goOn: @escaping @Sendable (HTTPRequest, LoopState, GateProgress) -> Void
    ) -> Bool {
        let kept = NIOLoopBound((request: request.kept(), loop: loop), eventLoop: reply.eventLoop)
        return services.background.start(on: reply.eventLoop) {
            let progress = await remedy()
            reply.eventLoop.execute { goOn(kept.value.request, kept.value.loop, progress) }
        }
    }

    private func policy(of channel: ServedChannel) -> CORSPolicy? {
        channel.definition.config.cors ?? services.crossOrigin.platform
    }

    private func policy(_ match: ChannelMatch) -> CORSPolicy? {
        guard case .found(let channel, _) = match else { return services.crossOrigin.platform }
        return policy(of: channel)
    }

    /// What replies to this request promise where it never gets as far as ``handle(_:path:reply:loop:)``.
    func policy(of request: HTTPRequest, path: Substring, loop: LoopState) -> CORSPolicy? {
        policy(match(request, path, loop))
    }

    private func match(_ request: HTTPRequest, _ path: Substring, _ loop: LoopState) -> ChannelMatch {
        loop.snapshot(of: services.state).match(path: Self.splitAsync(path).name, method: request.methodName)
    }

    /// Bytes the body may have: the channel's limit where it has one, never more than `platform`.
    func bodyLimit(of request: HTTPRequest, path: Substring, platform: Int, loop: LoopState) -> Int {
        guard case .found(let channel, _) = match(request, path, loop) else { return platform }
        return min(platform, channel.definition.config.maxPayloadSize ?? platform)
    }

    private func repeated(_ intake: Intake) -> RepeatedCall {
        RepeatedCall(
            memories: services.memories, channel: intake.channel, requestID: intake.requestID, rate: intake.rate,
            receivedAt: intake.receivedAt,
            timeoutMilliseconds: intake.channel.definition.config.timeoutMilliseconds
                ?? services.runSettings.syncTimeoutMilliseconds)
    }

    private func accept(_ intake: Intake, reply: HTTPReplyHandle, loop: LoopState) throws(Refusal) {
        let gate = repeated(intake)
        let call = AsyncCall(services: services, intake: intake, reply: reply)
        switch try gate.claimKey(intake.idempotencyKey, metadata: intake.metadata) {
        case .answer(let response):
            loop.giveBack(intake.arena)
            reply.send(response)
        case .proceed(let claims): call.accept(claims, loop: loop)
        case .ask(let question):
            let waiting = NIOLoopBound((call: call, gate: gate, loop: loop), eventLoop: reply.eventLoop)
            question.ask(on: reply.eventLoop) { outcome in
                let (call, gate, loop) = waiting.value
                call.goOn(outcome, gate, loop: loop)
            }
        case .wait: break
        }
    }

    private func answer(
        _ intake: Intake, reply: HTTPReplyHandle, snapshot: ServingSnapshot, loop: LoopState
    ) throws(Refusal) {
        try SyncGates(
            call: SyncCall(services: services, intake: intake, reply: reply, snapshot: snapshot),
            gate: repeated(intake), loop: loop
        ).claimKey()
    }

    /// Reads and checks everything that comes before the permit: body, metadata, the platform's and the channel's gates.
    private func take(
        _ request: HTTPRequest, channel: ServedChannel, parameters: [(name: String, value: String)], arena: JSONArena,
        requestID: String, progress: GateProgress?
    ) throws(Refusal) -> Intake {
        let client = services.clientAddress.client(of: request)
        if progress?.isPastPlatform != true,
            let refusal = services.platformLimits.check(
                .data, client: client, at: request.receivedAt, progress: progress)
        {
            throw refusal
        }
        let body: RequestBody
        do throws(Problem) {
            body = try RequestBody.read(
                request, wholeIsPayload: channel.definition.config.bodyMode == .payload, limits: services.jsonLimits,
                in: arena)
        } catch {
            throw Refusal(error)
        }
        let headers = RequestMetadata.headers(of: request, in: arena)
        let metadata = RequestMetadata.make(
            for: request, channel: channel.name, parameters: parameters, supplied: body.metadata, headers: headers,
            in: arena)
        var input = AdmissionInput(
            client: client,
            headers: channel.keysSeeHeaders
                ? RequestMetadata.headers(of: request, masksCredentials: false, in: arena) : headers,
            payload: body.payload, metadata: metadata, arena: arena, nanoseconds: request.receivedAt)
        let rate =
            channel.looksAtCallers
            ? try check(channel, &input, request, progress) : try channel.check(input, progress: progress)
        // A masked header would put everybody into one bucket; its value is hashed and not kept.
        let sticky = services.stickyHeader.isEmpty ? nil : request.headerValue(services.stickyHeader)
        return Intake(
            channel: channel, payload: body.payload, metadata: input.metadata, arena: arena, requestID: requestID,
            receivedAt: request.receivedAt, rate: rate, stickyBucket: sticky.map { ServedChannel.bucket(of: $0) },
            traceparent: RequestMetadata.traceparent(in: headers),
            idempotencyKey: channel.definition.config.deduplication.flatMap {
                request.headerValue($0.header.lowercased())
            }, path: services.runSettings.spans == nil ? nil : request.path)
    }

    private func check(
        _ channel: ServedChannel, _ input: inout AdmissionInput, _ request: HTTPRequest,
        _ progress: GateProgress?
    ) throws(Refusal) -> RateDecision? {
        let now = Stopwatch.nanoseconds()
        let outcome = request.body.withUnsafeReadableBytes { bytes -> Result<RateDecision?, Refusal> in
            let evidence = CallerEvidence(
                header: { request.headerValue($0) }, body: bytes,
                unixSeconds: services.clock.now().microseconds / 1_000_000, nanoseconds: now, arena: input.arena,
                mayWait: progress?.hasWaitedForKeys != true)
            do throws(Refusal) {
                return .success(try channel.check(&input, evidence: evidence, progress: progress))
            } catch {
                return .failure(error)
            }
        }
        let rate = try outcome.get()
        if let check = channel.callerCheck, check.hasUpkeep, let work = check.upkeep(at: now) {
            // Where there is no room, the next request asks again.
            _ = services.background.start(work)
        }
        return rate
    }

    private static func splitAsync(_ path: Substring) -> (name: String, isAsync: Bool) {
        var path = path
        while path.hasSuffix("/") { path = path.dropLast() }
        if path == "async" { return ("", true) }
        guard path.hasSuffix("/async") else { return (String(path), false) }
        return (String(path.dropLast(6)), true)
    }
}

/// A request that has passed every gate but the permit.
struct Intake {
    var channel: ServedChannel
    var payload: JSONValue
    var metadata: JSONValue
    var arena: JSONArena
    var requestID: String
    var receivedAt: UInt64
    var rate: RateDecision?
    var stickyBucket: Int?
    /// The caller's W3C trace context, where it is well formed.
    var traceparent: JSONValue?
    var idempotencyKey: String?
    /// Only where spans are exported.
    var path: String?
}
