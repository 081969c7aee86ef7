package import AdminAPI
package import JSONTree
import Vocabulary

/// `/mcp`: the Model Context Protocol over streamable HTTP, without sessions: every request stands for itself, is
/// answered with JSON, and needs an admin key like any other.
package struct MCPEndpoint: Sendable {
    private let api: AdminAPI
    private let keys: AdminKeys
    private let channels: any ChannelToolSource
    private let version: String
    private let jsonLimits: JSONLimits

    /// Messages in one request of an old version.
    private static let mostInBatch = 50

    /// - Parameter version: this program's.
    package init(
        api: AdminAPI, keys: AdminKeys, channels: any ChannelToolSource, version: String, jsonLimits: JSONLimits
    ) {
        self.api = api
        self.keys = keys
        self.channels = channels
        self.version = version
        self.jsonLimits = jsonLimits
    }

    package func respond(to request: AdminRequest) async -> AdminResponse {
        do throws(Problem) {
            return try await answer(request)
        } catch {
            return AdminResponse.problem(error, requestID: request.requestID)
        }
    }

    private func answer(_ request: AdminRequest) async throws(Problem) -> AdminResponse {
        try checkOrigin(request)
        guard request.method == "POST" else {
            // No stream is offered, and there is no session that could be ended.
            var response = AdminResponse.problem(
                Problem(.methodNotAllowed, "This path answers to POST only."), requestID: request.requestID)
            response.headers.append(("allow", "POST"))
            return response
        }
        let administration = administration(request)
        let principal = try api.authenticate(administration)
        // Also what keeps pages of other sites out that send no Origin: a browser asks before it sends JSON elsewhere.
        guard request.header("content-type")?.lowercased().hasPrefix("application/json") == true else {
            throw Problem(.unsupportedMediaType, "Send JSON: the Content-Type must be application/json.")
        }
        var spoken = ProtocolVersion.assumed
        if let named = request.header("mcp-protocol-version") {
            guard let known = ProtocolVersion(rawValue: named) else {
                let all = ProtocolVersion.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem(.validation, "The MCP-Protocol-Version must be one of \(all).")
            }
            spoken = known
        }
        let caller = ToolCaller(
            api: api, channels: channels, principal: principal, administration: administration, data: data(request))
        return await answer(request.body, caller, spoken)
    }

    /// Against DNS rebinding (specification, Transports, "Security Warning"): a page shown by this machine itself, or one
    /// that may use the admin API across origins.
    private func checkOrigin(_ request: AdminRequest) throws(Problem) {
        guard let origin = request.header("origin"), !api.isTrusted(origin: origin) else { return }
        throw Problem(.forbidden, "Pages of this origin may not use /mcp; cors.allowed_origins names those that may.")
    }

    /// MCP clients know bearer tokens; where the settings name another header for the key, both are taken.
    private func key(_ request: AdminRequest) -> (header: String, value: String)? {
        if let value = keys.value(in: request) { return (keys.headerName, value) }
        return request.header("authorization").map { ("authorization", $0) }
    }

    private func administration(_ request: AdminRequest) -> AdminRequest {
        let passed = ["user-agent", "host", "origin", "x-weir-change-context", "x-orion-change-context"]
        var made = request
        made.headers = request.headers.filter { passed.contains($0.0) }
        if let key = key(request) { made.headers.append((keys.headerName, key.value)) }
        if !made.headers.contains(where: { $0.0.hasSuffix("-change-context") }) {
            made.headers.append(("x-weir-change-context", "mcp"))
        }
        return made
    }

    /// A channel must not see the admin key. Everything else it would see on the data plane it sees here too, its own
    /// callers' keys above all.
    private func data(_ request: AdminRequest) -> AdminRequest {
        let dropped = [
            "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "expect",
            "accept", "accept-encoding", "x-forwarded-for", "x-real-ip", "x-request-id",
        ]
        let carrier = key(request)?.header
        var made = request
        made.headers = request.headers.filter { name, _ in
            // Where there is no admin key at all, what the header carries is meant for the channel.
            if name == carrier || name == keys.headerName { return keys.isOpen }
            return !dropped.contains(name) && !name.hasPrefix("mcp-")
        }
        return made
    }
}

extension MCPEndpoint {
    private func answer(_ body: [UInt8], _ caller: ToolCaller, _ spoken: ProtocolVersion) async -> AdminResponse {
        let json: OwnedJSON
        do throws(JSONSyntaxError) { json = try OwnedJSON(parsing: body, limits: jsonLimits) } catch {
            return Self.refusal(JSONRPCFailure(.parseError, "The message is not JSON: \(error.message)"))
        }
        let value = json.value
        defer { withExtendedLifetime(json) {} }
        guard value.isArray else {
            do throws(JSONRPCFailure) {
                guard let answer = try await answer(JSONRPCMessage(value), caller) else { return Self.accepted }
                return AdminResponse(status: 200, body: answer)
            } catch {
                return Self.refusal(error)
            }
        }
        guard spoken.hasBatches, (1...Self.mostInBatch).contains(value.count) else {
            return Self.refusal(
                JSONRPCFailure(
                    .invalidRequest,
                    spoken.hasBatches
                        ? "A batch has 1 to \(Self.mostInBatch) messages."
                        : "MCP \(spoken.rawValue) has no batches: send one message."))
        }
        var answers: [[UInt8]] = []
        for place in 0..<value.count {
            do throws(JSONRPCFailure) {
                if let answer = try await answer(JSONRPCMessage(value[place]), caller) { answers.append(answer) }
            } catch {
                answers.append(Self.bytes(error))
            }
        }
        guard !answers.isEmpty else { return Self.accepted }
        return AdminResponse(
            status: 200, body: Array("[".utf8) + answers.joined(separator: Array(",".utf8)) + Array("]".utf8))
    }

    /// For what wants no answer.
    private static var accepted: AdminResponse { AdminResponse(status: 202, body: []) }

    private static func bytes(_ failure: JSONRPCFailure) -> [UInt8] {
        var buffer = JSONByteBuffer()
        failure.write(into: &buffer)
        return buffer.bytes
    }

    /// A message that cannot be read is the transport's failure too; a request that cannot be followed is not.
    private static func refusal(_ failure: JSONRPCFailure) -> AdminResponse {
        let isUnreadable = failure.code == .parseError || failure.code == .invalidRequest
        return AdminResponse(status: isUnreadable ? 400 : 200, body: bytes(failure))
    }

    /// - Returns: the answer to a request, nil to anything else.
    private func answer(_ message: JSONRPCMessage, _ caller: ToolCaller) async throws(JSONRPCFailure) -> [UInt8]? {
        guard case .request(let id, let method, let params) = message else { return nil }
        var result = JSONByteBuffer()
        switch method {
        case "initialize": try greet(params, id: id, into: &result)
        case "ping": result.append("{}")
        case "tools/list": try caller.list(params, id: id, into: &result)
        case "tools/call": result.append(try await caller.call(params, id: id))
        default: throw JSONRPCFailure(.methodNotFound, "There is no method `\(method.prefix(64))` here.", id: id)
        }
        var buffer = JSONByteBuffer(capacity: result.count + 128)
        buffer.append("{\"jsonrpc\":\"2.0\",\"id\":")
        JSONWriter.write(id, into: &buffer)
        buffer.append(",\"result\":")
        buffer.append(result.bytes)
        buffer.append("}")
        return buffer.bytes
    }

    private func greet(
        _ params: JSONValue, id: JSONValue, into buffer: inout JSONByteBuffer
    ) throws(JSONRPCFailure) {
        guard let wanted = params.member("protocolVersion")?.stringValue else {
            throw JSONRPCFailure(.invalidParams, "The params must have the `protocolVersion`.", id: id)
        }
        let agreed = ProtocolVersion(rawValue: wanted) ?? .latest
        buffer.append("{\"protocolVersion\":")
        JSONWriter.write(agreed.rawValue, into: &buffer)
        // Nobody is told of changes: there is no stream to tell it on.
        buffer.append(",\"capabilities\":{\"tools\":{\"listChanged\":false}},\"serverInfo\":{\"name\":\"weir\",")
        buffer.append("\"title\":\"Weir\",\"version\":")
        JSONWriter.write(version, into: &buffer)
        buffer.append("},\"instructions\":")
        JSONWriter.write(Self.instructions, into: &buffer)
        buffer.append("}")
    }

    private static let instructions = """
        Weir runs HTTP services that are definitions: a channel is an endpoint with its guards, a workflow is what it does, \
        in tasks that call functions. To build one: list_functions, validate_definition, save_draft, test_workflow; then \
        activate the workflow, and after it the channel that names it, which needs a full key. A payload must be read \
        with parse_json before rules can see it under data. Tools that begin with call_ are channels of this server.
        """
}
