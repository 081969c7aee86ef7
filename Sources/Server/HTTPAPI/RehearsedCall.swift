import Admission
package import Channels
import HTTPServing
package import JSONTree
package import Vocabulary
package import Workflows

/// A call answered without a server: the data plane's own reading, gates, run and reply, and no queue, trace or memory of
/// other calls. What a caller has to prove is not asked for.
package struct RehearsedCall {
    package struct Outcome: Sendable {
        package var status: Int
        package var headers: [(name: String, value: String)] = []
        package var body: [UInt8] = []
        /// What each task did, as a JSON array.
        package var steps: [UInt8] = Array("[]".utf8)
        package var errors: [RunError] = []
    }

    private let snapshot: ServingSnapshot
    private let settings: RunSettings
    private let rehearsal: Rehearsal
    private let maxBytes: Int
    private let limits: JSONLimits

    package init(
        snapshot: ServingSnapshot, settings: RunSettings, rehearsal: Rehearsal, maxBytes: Int,
        limits: JSONLimits = JSONLimits()
    ) {
        self.snapshot = snapshot
        self.settings = settings
        self.rehearsal = rehearsal
        self.maxBytes = maxBytes
        self.limits = limits
    }

    private static let requestID = "case"
    private static let steps = 2048

    /// - Parameters:
    ///   - path: what follows `/api/v1/data/`.
    ///   - headers: as a client sends them; a body without a content type is JSON.
    package func answer(
        _ method: String, path: String, query: String, headers: [(name: String, value: String)], body: [UInt8]
    ) async throws(Problem) -> Outcome {
        var head = "\(method) /\(path)\(query.isEmpty ? "" : "?" + query) HTTP/1.1\r\nhost: case\r\n"
        if !body.isEmpty, !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            head += "content-type: application/json\r\n"
        }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        let request = try HTTPRequest(head: head + "\r\n", body: body)
        switch snapshot.match(path: path, method: method) {
        case .refused(let problem, let allow):
            let headers = allow.isEmpty ? [] : [("allow", allow.joined(separator: ", "))]
            return Self.outcome(Replies.problem(problem, requestID: Self.requestID, headers: headers))
        case .elsewhere(let channel):
            let problem = Problem(.notFound, "The channel `\(channel)` is not served.")
            return Self.outcome(Replies.problem(problem, requestID: Self.requestID))
        case .found(let channel, let parameters):
            do throws(Refusal) { return try await run(channel, parameters, request) } catch {
                return Self.outcome(Replies.refusal(error, requestID: Self.requestID))
            }
        }
    }

    private func run(
        _ channel: ServedChannel, _ parameters: [(name: String, value: String)], _ request: HTTPRequest
    ) async throws(Refusal) -> Outcome {
        let arena = JSONArena()
        let body: RequestBody
        do throws(Problem) {
            body = try RequestBody.read(
                request, wholeIsPayload: channel.definition.config.bodyMode == .payload, limits: limits, in: arena)
        } catch {
            throw Refusal(error)
        }
        let headers = RequestMetadata.headers(of: request, in: arena)
        let metadata = RequestMetadata.make(
            for: request, channel: channel.name, parameters: parameters, supplied: body.metadata, headers: headers,
            in: arena)
        let input = AdmissionInput(
            client: request.peer, headers: RequestMetadata.headers(of: request, masksCredentials: false, in: arena),
            payload: body.payload, metadata: metadata, arena: arena, nanoseconds: request.receivedAt)
        let rate = try channel.check(input)
        let id = rehearsal.makeIdentifier()
        let run = try ChannelRun(
            channel: channel, workflow: channel.workflow(bucket: 0), payload: body.payload, metadata: metadata,
            arena: arena, options: options(channel, id, RequestMetadata.traceparent(in: headers)),
            startedAt: request.receivedAt)
        await HandOver.drive(run.run, steps: Self.steps)
        run.returnPermit()
        var scratch = JSONByteBuffer()
        let reply = SyncReply.make(
            run.run, channel: channel, id: id, requestID: Self.requestID,
            headers: rate.map(Replies.rateHeaders) ?? [], maxBytes: maxBytes, scratch: &scratch)
        return Self.outcome(reply, of: run.run, scratch: &scratch)
    }

    private func options(_ channel: ServedChannel, _ id: Identifier, _ traceparent: JSONValue?) -> WorkflowRunOptions {
        var settings = settings
        settings.maskedFields = MaskedFields([])
        var tracing = channel.definition.config.tracing
        tracing.mode = .sync
        tracing.taskDetails = true
        tracing.maskFields = []
        let origin = RunOrigin(run: id, requestID: Self.requestID, traceparent: traceparent)
        var options = settings.options(
            startedAt: Stopwatch.nanoseconds(),
            timeoutMilliseconds: channel.definition.config.timeoutMilliseconds ?? settings.syncTimeoutMilliseconds,
            tracing: tracing,
            caller: ChannelCaller(snapshot: snapshot, settings: settings, caller: channel.name, origin: origin),
            chain: [channel.name], origin: origin)
        options.connectors = snapshot.connectors
        options.rehearsal = rehearsal
        options.recordLimits.output = 1 << 20
        options.recordLimits.steps = 16 << 20
        return options
    }

    private static func outcome(_ response: HTTPResponse) -> Outcome {
        Outcome(
            status: Int(response.status), headers: response.headers.map { (name: $0.0, value: $0.1) },
            body: [UInt8](response.body.readableBytesView))
    }

    private static func outcome(
        _ response: HTTPResponse, of run: WorkflowRun, scratch: inout JSONByteBuffer
    ) -> Outcome {
        var made = outcome(response)
        scratch.removeAll()
        run.writeSteps(into: &scratch)
        made.steps = scratch.bytes
        made.errors = run.errors
        return made
    }
}
