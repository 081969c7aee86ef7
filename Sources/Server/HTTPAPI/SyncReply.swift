import Channels
import HTTPServing
import JSONTree
import NIOCore
import Vocabulary
import Workflows

/// What a synchronous call is answered, from how its run ended and how the channel wants it said.
enum SyncReply {
    static func make(
        _ run: WorkflowRun, channel: ServedChannel, id: Identifier, requestID: String, headers: [(String, String)],
        maxBytes: Int, scratch: inout JSONByteBuffer
    ) -> HTTPResponse {
        let answersEnveloped = channel.definition.config.responseMode == .enveloped
        if let failure = run.failure, !answersEnveloped || failure.code == .timeout {
            return Replies.problem(failure, requestID: requestID, headers: headers)
        }
        if channel.definition.config.responseMode == .shaped, let shaped = run.response {
            return ShapedReply.make(shaped, data: run.data, headers: headers)
        }
        scratch.removeAll(keepingCapacity: true)
        ReplyEnvelope.write(run, id: id, requestID: requestID, into: &scratch)
        guard scratch.count <= maxBytes else {
            return Replies.problem(
                Problem(.responseTooLarge, "The result has \(scratch.count) bytes; \(maxBytes) are allowed."),
                requestID: requestID, headers: headers)
        }
        let body = scratch.withUnsafeBytes { ByteBuffer(bytes: $0) }
        return HTTPResponse(status: 200, contentType: Replies.json, headers: headers, body: body)
    }
}
