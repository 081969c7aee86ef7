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
        let channel: ServedChannel
        let parameters: [(name: String, value: String)]
        switch snapshot.match(path: name, method: request.methodName) {
        case .found(let found, let bound):
            channel = found
            parameters = bound
        case .refused(let problem, let allow):
            let headers = allow.isEmpty ? [] : [("allow", allow.joined(separator: ", "))]
            reply.send(Replies.problem(problem, requestID: requestID, headers: headers))
            return
        }
        let arena = loop.borrowArena()
        do throws(Refusal) {
            let intake = try take(
                request, channel: channel, parameters: parameters, arena: arena, requestID: requestID)
            if isAsync {
                AsyncCall(services: services, intake: intake, reply: reply).accept(loop: loop)
                loop.giveBack(arena)
            } else {
                try SyncCall(services: services, intake: intake, reply: reply, snapshot: snapshot).start(loop: loop)
            }
        } catch {
            reply.send(Replies.refusal(error, requestID: requestID))
            loop.giveBack(arena)
        }
    }

    /// Reads and checks everything that comes before the permit: body, metadata, the platform's and the channel's gates.
    private func take(
        _ request: HTTPRequest, channel: ServedChannel, parameters: [(name: String, value: String)], arena: JSONArena,
        requestID: String
    ) throws(Refusal) -> Intake {
        let client = services.clientAddress.client(of: request)
        if let refusal = services.platformLimits.check(.data, client: client, at: request.receivedAt) { throw refusal }
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
        let usesKey = channel.definition.config.rateLimit?.keyLogic != nil
        let rate = try channel.check(
            AdmissionInput(
                client: client,
                headers: usesKey
                    ? RequestMetadata.headers(of: request, masksCredentials: false, in: arena) : headers,
                payload: body.payload, metadata: metadata, arena: arena,
                nanoseconds: request.receivedAt))
        // A masked header would put everybody into one bucket; its value is hashed and not kept.
        let sticky = services.stickyHeader.isEmpty ? nil : request.headerValue(services.stickyHeader)
        return Intake(
            channel: channel, payload: body.payload, metadata: metadata, arena: arena, requestID: requestID,
            receivedAt: request.receivedAt, rate: rate, stickyBucket: sticky.map { ServedChannel.bucket(of: $0) },
            traceparent: RequestMetadata.traceparent(in: headers))
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
}
