package import AdminAPI
import Channels
import HTTPServing
import NIOCore
import Vocabulary

/// Takes requests that may wait for the database off the event loop and brings their answers back.
package struct AdminBridge: Sendable {
    private let respond: @Sendable (AdminRequest) async -> AdminResponse
    private let background: BackgroundRuns
    private let platformLimits: PlatformLimits
    private let clientAddress: ClientAddress

    package init(
        background: BackgroundRuns, platformLimits: PlatformLimits, clientAddress: ClientAddress,
        respond: @escaping @Sendable (AdminRequest) async -> AdminResponse
    ) {
        self.clientAddress = clientAddress
        self.respond = respond
        self.background = background
        self.platformLimits = platformLimits
    }

    func handle(_ request: HTTPRequest, reply: HTTPReplyHandle) { handle(request, reply: reply, progress: nil) }

    private func handle(_ request: HTTPRequest, reply: HTTPReplyHandle, progress: GateProgress?) {
        let client = clientAddress.client(of: request)
        if let refusal = platformLimits.check(.admin, client: client, at: request.receivedAt, progress: progress) {
            if let remedy = refusal.remedy {
                let kept = NIOLoopBound(request.kept(), eventLoop: reply.eventLoop)
                let isWaiting = background.start(on: reply.eventLoop) {
                    let progress = await remedy()
                    reply.eventLoop.execute { handle(kept.value, reply: reply, progress: progress) }
                }
                if isWaiting { return }
            }
            reply.send(Replies.refusal(refusal, requestID: reply.requestID))
            return
        }
        var headers: [(String, String)] = []
        request.forEachHeader { name, value in
            headers.append((String(decoding: name, as: UTF8.self).lowercased(), String(decoding: value, as: UTF8.self)))
        }
        let call = AdminRequest(
            method: request.methodName, path: request.path, query: request.query, headers: headers,
            body: Array(request.body.readableBytesView), client: client, requestID: reply.requestID)
        let respond = respond
        let hasRoom = background.start {
            let answer = await respond(call)
            reply.eventLoop.execute { reply.send(Self.response(answer)) }
        }
        guard !hasRoom else { return }
        reply.send(
            Replies.problem(
                Problem(
                    .unavailable, "Too many requests are being worked on; try again later.", retryAfter: .seconds(1)),
                requestID: reply.requestID))
    }

    private static func response(_ answer: AdminResponse) -> HTTPResponse {
        var response = HTTPResponse(
            status: UInt16(answer.status), contentType: answer.body.isEmpty ? nil : Replies.json,
            headers: answer.headers, body: ByteBuffer(bytes: answer.body))
        response.problem = answer.problem
        return response
    }
}
