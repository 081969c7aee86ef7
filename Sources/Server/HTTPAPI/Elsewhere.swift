import HTTPServing
import NIOCore
import Vocabulary

/// What callers of channels are told that other instances serve.
package struct Elsewhere: Sendable {
    private let redirects: Bool
    private let addresses: @Sendable (_ channel: String) -> [String]

    /// - Parameters:
    ///   - redirects: whether they are sent there.
    ///   - addresses: of live instances that serve a channel, such as `http://10.0.0.5:8080`.
    package init(redirects: Bool, addresses: @escaping @Sendable (String) -> [String]) {
        self.redirects = redirects
        self.addresses = addresses
    }

    package static let unknown = Elsewhere(redirects: false, addresses: { _ in [] })

    func answer(to request: HTTPRequest, channel: String, requestID: String) -> HTTPResponse {
        guard redirects else {
            return Replies.problem(
                Problem(.notFound, "This instance does not serve the channel `\(channel)`; others do."),
                requestID: requestID)
        }
        guard let address = addresses(channel).randomElement() else {
            return Replies.problem(
                Problem(
                    .unavailable, "No live instance serves the channel `\(channel)`.", retryAfter: .seconds(1)),
                requestID: requestID)
        }
        // With the method and the body it came with.
        let target = request.path + (request.query.map { "?" + $0 } ?? "")
        return HTTPResponse(
            status: 307, contentType: nil, headers: [("location", address + target), ("cache-control", "no-store")],
            body: ByteBuffer())
    }
}
