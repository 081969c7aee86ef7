package import Definitions
import HTTPServing
import NIOCore

/// What pages of other origins are told, where no channel says better.
package struct CrossOrigin: Sendable {
    /// For channels without `cors`, and everything that is no channel.
    let platform: CORSPolicy?
    /// For the admin API.
    package let admin: CORSPolicy?

    package init(platform: CORSPolicy?, admin: CORSPolicy?) {
        self.platform = platform
        self.admin = admin
    }

    /// The headers every reply to this request carries, errors too: a page must be able to read why.
    static func promise(_ policy: CORSPolicy?, to request: HTTPRequest, on reply: HTTPReplyHandle) {
        guard let policy else { return }
        reply.promise(headers: policy.replyHeaders(to: request.header("origin")))
    }

    /// A browser's question before the request it wants to send.
    struct Preflight {
        let origin: String
        let method: String
        let headers: String?

        init?(_ request: HTTPRequest) {
            guard request.method == .options, let origin = request.header("origin"),
                let method = request.header("access-control-request-method")
            else { return nil }
            self.origin = origin
            self.method = method
            headers = request.header("access-control-request-headers")
        }

        /// Nothing runs and nobody is asked who they are: browsers send no credentials with the question.
        func answer(_ policy: CORSPolicy) -> HTTPResponse {
            HTTPResponse(
                status: 204, contentType: nil,
                headers: policy.preflightHeaders(to: origin, requestedHeaders: headers), body: ByteBuffer())
        }
    }
}
