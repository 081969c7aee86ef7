package import NIOCore
package import Vocabulary

/// What is sent back. Length, date, request id and the security headers are added on the way out.
package struct HTTPResponse: Sendable {
    package var status: UInt16
    package var contentType: StaticString?
    package var headers: [(String, String)]
    package var body: ByteBuffer
    /// What went wrong, where something did: for counting.
    package var problem: Problem.Code?

    package init(status: UInt16, contentType: StaticString?, headers: [(String, String)] = [], body: ByteBuffer) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }
}
