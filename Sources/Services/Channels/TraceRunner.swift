import Admission
package import JSONTree
import Synchronization
import Telemetry
package import Traces
import Vocabulary
import Workflows

/// Runs queued traces on the channels of the current snapshot, behind the same gates as a synchronous call.
package final class TraceRunner: TraceRunning {
    private let state: ServingState
    private let settings: RunSettings
    private let jsonLimits: JSONLimits
    private let maxResultBytes: Int
    /// How long a run waits before it asks again for a permit of a channel that is at capacity.
    private let permitPause: Duration

    /// Tasks between two looks at whether others want the thread.
    private static let stepsBetweenYields = 2048

    package init(
        state: ServingState, settings: RunSettings, jsonLimits: JSONLimits, maxResultBytes: Int,
        permitPause: Duration = .milliseconds(5)
    ) {
        self.state = state
        self.settings = settings
        self.jsonLimits = jsonLimits
        self.maxResultBytes = maxResultBytes
        self.permitPause = permitPause
    }

    package func run(_ trace: QueuedTrace, attempt: Int, timeout: Duration) async -> RunResult {
        let snapshot = state.current
        guard let channel = snapshot.channels[trace.channel] else {
            let problem =
                snapshot.quarantined[trace.channel]?.problem
                ?? Problem(.notFound, "The channel `\(trace.channel)` is not served any more.")
            return .failed(problem, isRetryable: true, steps: [])
        }
        let arena = JSONArena()
        let message: JSONValue
        do throws(JSONSyntaxError) {
            message = try JSONReader.parse(trace.input, in: arena, limits: JSONLimits(depth: jsonLimits.depth + 2))
        } catch {
            return .failed(
                Problem(.engine, "The stored input is not readable: \(error.message)"), isRetryable: false, steps: [])
        }
        let ceiling = Int(timeout.wholeMilliseconds)
        let milliseconds = min(channel.definition.config.timeoutMilliseconds ?? ceiling, ceiling)
        let startedAt = Stopwatch.nanoseconds()
        var origin = RunOrigin(
            run: trace.id, requestID: message.member("request_id")?.stringValue ?? trace.id.description,
            traceparent: message.member("metadata")?.member("headers")?.member("traceparent"))
        let spans = beginSpans(trace, &origin)
        var options = settings.options(
            startedAt: startedAt, timeoutMilliseconds: milliseconds, tracing: channel.definition.config.tracing,
            caller: ChannelCaller(snapshot: snapshot, settings: settings, caller: channel.name, origin: origin),
            chain: [channel.name], origin: origin)
        options.attempt = attempt
        options.spans = spans.map { SpanPlace(log: $0, parent: $0.context.parent) }
        options.connectors = snapshot.connectors
        let sticky = message.member("sticky_bucket")?.intValue.map { Int($0) }
        let bucket = sticky ?? Int.random(in: 0..<100)
        let stored = message.member("metadata") ?? .null
        let metadata = trace.mode == .cron ? Self.stamped(stored, attempt: attempt, in: arena) : stored
        var attempts = 0
        while true {
            attempts += 1
            do throws(Refusal) {
                let permit = try await Self.permit(of: channel)
                let run = try ChannelRun(
                    channel: channel, workflow: channel.workflow(bucket: bucket),
                    payload: message.member("payload") ?? .null, metadata: metadata,
                    arena: arena, options: options, startedAt: startedAt, shared: permit)
                let result = await finish(run)
                if let spans { end(spans, trace, channel.workflow(bucket: bucket), attempt, startedAt, result) }
                return result
            } catch {
                // At capacity: the work is accepted, so it waits for its turn, within its own time.
                guard Stopwatch.nanoseconds() - startedAt < UInt64(milliseconds) * 1_000_000 else {
                    return .failed(error.problem, isRetryable: true, steps: [])
                }
                // Cancelled: the next turn ends it by its deadline.
                try? await Task.sleep(for: pause(before: attempts + 1, shares: channel.sharedPermits != nil))
            }
        }
    }

    /// The right to run, where instances share it.
    private static func permit(of channel: ServedChannel) async throws(Refusal) -> Permit? {
        guard let permits = channel.sharedPermits else { return nil }
        return try channel.permit(from: await permits.take())
    }

    /// - Parameter shares: whether asking costs the others something.
    private func pause(before attempt: Int, shares: Bool) -> Duration {
        guard shares else { return permitPause }
        let backoff = Backoff(base: permitPause, cap: max(permitPause, .milliseconds(100)))
        return backoff.delay(afterAttempt: attempt - 1, draw: .random(in: 0..<1))
    }

    /// Which attempt at the occurrence this is, and when it began: not known when it was claimed.
    private static func stamped(_ metadata: JSONValue, attempt: Int, in arena: JSONArena) -> JSONValue {
        var document = JSONDocument(root: metadata, arena: arena)
        let stamps = [
            ("attempt", JSONValue.int(Int64(attempt))), ("started_at", .string(Timestamp.now().rfc3339, in: arena)),
        ]
        for (name, value) in stamps {
            guard let path = try? JSONPath("trigger.\(name)") else { continue }  // these are paths
            _ = document.set(path, to: value)
        }
        return document.root
    }

    /// Each attempt is a span of its own, below the one of its acceptance, whose name is the run's.
    private func beginSpans(_ trace: QueuedTrace, _ origin: inout RunOrigin) -> SpanLog? {
        guard let source = settings.spans,
            source.isSampled(origin.traceContext, caller: TraceContext(traceparent: trace.traceparent))
        else { return nil }
        origin.traceContext = origin.traceContext.sampled.child()
        return SpanLog(
            context: origin.traceContext, caller: trace.id.low, wall: .now(), stopwatch: Stopwatch.nanoseconds())
    }

    private func end(
        _ spans: SpanLog, _ trace: QueuedTrace, _ workflow: CompiledWorkflow, _ attempt: Int, _ startedAt: UInt64,
        _ result: RunResult
    ) {
        var attributes: [Span.Attribute] = [
            .init("weir.channel", trace.channel), .init("weir.trace_id", trace.id.description),
            .init("weir.attempt", attempt), .init("weir.workflow.id", workflow.id),
            .init("weir.workflow.version", workflow.version),
        ]
        var failure: String?
        if case .failed(let problem, _, _) = result {
            attributes.append(.init("error.type", problem.code.rawValue))
            failure = problem.message
        }
        settings.spans?.deliver(
            spans.finish(
                "process \(trace.channel)", .consumer, start: startedAt, attributes: attributes, failure: failure),
            Int(truncatingIfNeeded: trace.id.low & 0xFF))
    }

    private func finish(_ held: ChannelRun) async -> RunResult {
        let run = held.run
        loop: while true {
            switch run.advance(steps: Self.stepsBetweenYields) {
            case .finished: break loop
            case .yielded: await Task.yield()
            case .waiting(let work): run.resume(with: await work())
            }
        }
        held.returnPermit()
        count(held)
        var buffer = JSONByteBuffer()
        run.writeSteps(into: &buffer)
        let steps = buffer.withUnsafeBytes { [UInt8]($0) }
        if let failure = run.failure {
            return .failed(failure, isRetryable: failure.code != .validation, steps: steps)
        }
        buffer.removeAll(keepingCapacity: true)
        MessageDocument.write(run, masking: settings.maskedFields, into: &buffer)
        guard buffer.count <= maxResultBytes else {
            return .failed(
                Problem(.responseTooLarge, "The result has \(buffer.count) bytes; \(maxResultBytes) are allowed."),
                isRetryable: false, steps: steps)
        }
        return .completed(result: buffer.withUnsafeBytes { [UInt8]($0) }, steps: steps)
    }

    private func count(_ held: ChannelRun) {
        let meters = held.channel.meters
        meters.duration.observe(seconds: Double(Stopwatch.nanoseconds() - held.startedAt) / 1e9)
        guard let failure = held.run.failure else {
            meters.ok.increment()
            return
        }
        if failure.code == .timeout { meters.timedOut.increment() } else { meters.failed.increment() }
    }
}
