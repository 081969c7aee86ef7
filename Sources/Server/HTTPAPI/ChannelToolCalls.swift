package import AdminAPI
import Channels
import Definitions
import HTTPServing
import JSONTree
package import MCP
package import NIOCore
import Vocabulary

/// Calls channels for AI clients: on an event loop, through every gate of the data plane.
package struct ChannelToolCalls: ChannelToolSource {
    private let services: DataServices
    private let loops: LoopStates
    private let group: any EventLoopGroup

    package init(services: DataServices, loops: LoopStates, group: any EventLoopGroup) {
        self.services = services
        self.loops = loops
        self.group = group
    }

    package func tools() -> [ChannelTool] {
        services.state.current.channels.values.compactMap { channel in
            channel.definition.config.tool.map {
                ChannelTool(channel: channel.name, description: $0.description, inputSchema: $0.inputSchema)
            }
        }
    }

    package func call(_ channel: String, arguments: [UInt8], for request: AdminRequest) async -> AdminResponse {
        let loop = group.next()
        return await withCheckedContinuation { continuation in
            loop.execute {
                do throws(Problem) {
                    try begin(channel, arguments, request, on: loop) { continuation.resume(returning: Self.answer($0)) }
                } catch {
                    continuation.resume(returning: .problem(error, requestID: request.requestID))
                }
            }
        }
    }

    private static func answer(_ response: HTTPResponse) -> AdminResponse {
        var answer = AdminResponse(status: Int(response.status), body: Array(response.body.readableBytesView))
        answer.problem = response.problem
        return answer
    }

    private func begin(
        _ name: String, _ arguments: [UInt8], _ request: AdminRequest, on loop: any EventLoop,
        answered: @escaping @Sendable (HTTPResponse) -> Void
    ) throws(Problem) {
        let state = loops.current()
        let snapshot = state.snapshot(of: services.state)
        // It may have gone, or been marked otherwise, since the tools were listed.
        guard let channel = snapshot.channels[name], channel.definition.config.tool != nil else {
            throw Problem(.notFound, "There is no such tool any more.")
        }
        let parameters = try Self.parameters(of: channel, in: arguments)
        let isWhole = channel.definition.config.bodyMode == .payload
        // In an envelope, so that arguments named `data` or `metadata` are the payload's and not taken for one.
        let body = isWhole ? arguments : Array("{\"data\":".utf8) + arguments + Array("}".utf8)
        let limit = min(services.bodyLimits.data, channel.definition.config.maxPayloadSize ?? .max)
        guard body.count <= limit else {
            throw Problem(.payloadTooLarge, "The body has more than the \(limit) bytes allowed.")
        }
        let method = channel.allows("POST") ? "POST" : channel.methods.first ?? "POST"
        var headers = request.headers.filter { $0.0 != "host" }
        headers += [("host", request.header("host") ?? "localhost"), ("content-type", "application/json")]
        try InsideCall.begin(
            method, "/api/v1/data/" + PercentEncoding.segment(name), headers: headers, body: body,
            peer: request.client, requestID: request.requestID, on: loop, answered: answered
        ) { request, reply in
            DataPlane(services: services).serve(
                request, channel: channel, parameters: parameters, isAsync: channel.definition.isAsync,
                snapshot: snapshot, reply: reply, loop: state)
        }
    }

    /// Arguments that stand for parameters of the channel's route.
    private static func parameters(
        of channel: ServedChannel, in arguments: [UInt8]
    ) throws(Problem) -> [(name: String, value: String)] {
        guard let pattern = channel.routePattern, pattern.contains("{") else { return [] }
        let json = try? OwnedJSON(parsing: arguments)  // written by us
        var found: [(name: String, value: String)] = []
        for segment in pattern.split(separator: "/") where segment.hasPrefix("{") {
            let name = String(segment.dropFirst().dropLast())
            let value = json?.read { arguments in
                arguments.member(name).flatMap { $0.stringValue ?? ($0.isNumber ? JSONWriter.string($0) : nil) }
            }
            guard let value else {
                throw Problem(
                    .validation, "The argument `\(name)` is part of the channel's route.",
                    details: [.init(name, .required, "This must be a string or a number.")])
            }
            found.append((name, value))
        }
        return found
    }
}
