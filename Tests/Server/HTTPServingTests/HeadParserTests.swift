import NIOCore
import Testing
import Vocabulary

@testable import HTTPServing

@Suite struct HeadParserTests {
    private func parse(_ text: String, maxHeaders: Int = 100) throws -> HTTPHead {
        let head = HTTPHead()
        head.buffer = ByteBuffer(string: text)
        try head.buffer.withUnsafeReadableBytes { try HTTPHeadParser(maxHeaders: maxHeaders).parse($0, into: head) }
        return head
    }

    private func refusal(_ text: String, maxHeaders: Int = 100) -> Problem.Code? {
        do {
            _ = try parse(text, maxHeaders: maxHeaders)
            return nil
        } catch { return (error as? Problem)?.code }
    }

    private func text(_ span: HTTPHead.Span?, _ head: HTTPHead) -> String? {
        span.map { span in head.buffer.withUnsafeReadableBytes { String(decoding: span.bytes(of: $0), as: UTF8.self) } }
    }

    @Test func `a plain request is read whole`() throws {
        let head = try parse(
            "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nX-Request-ID: r-1\r\nAccept-Encoding: br, gzip;q=0.5\r\n\r\n"
        )

        #expect(head.method == .post && text(head.path, head) == "/a/b" && text(head.query, head) == "c=d")
        #expect(head.framing == .length(12) && head.keepsAlive && head.acceptsGzip)
        #expect(text(head.requestID, head) == "r-1")
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true), ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false), ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: x-own ,\tClose\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: closed, x, ,\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive,x\r\n\r\n", true),
    ])
    func `connections are kept as the version and the header say`(request: String, keeps: Bool) throws {
        #expect(try parse(request).keepsAlive == keeps)
    }

    @Test func `the absolute form is read as its path`() throws {
        let head = try parse("GET http://example.org/a?b HTTP/1.1\r\nHost: example.org\r\n\r\n")

        #expect(text(head.path, head) == "/a" && text(head.query, head) == "b")
    }

    /// What two servers could read differently, and what no request may be.
    @Test(arguments: [
        "GET /\r\nHost: x\r\n\r\n", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", "GET x HTTP/1.1\r\nHost: x\r\n\r\n", "GET /#f HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost: x\r\n: v\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999\r\n\r\n",
    ])
    func `doubtful heads are refused`(request: String) { #expect(refusal(request) == .validation) }

    @Test func `there is an end to headers`() {
        let many = (0..<4).map { "h\($0): v\r\n" }.joined()

        #expect(refusal("GET / HTTP/1.1\r\nHost: x\r\n\(many)\r\n", maxHeaders: 4) == .headersTooLarge)
        #expect(refusal("GET / HTTP/1.1\r\nHost: x\r\n\(many)\r\n", maxHeaders: 5) == nil)
    }

    @Test func `there is an end to targets`() {
        let parser = HTTPHeadParser(maxHeaders: 10, maxTargetBytes: 20)
        func refusal(_ target: String) -> Problem.Code? {
            let head = HTTPHead()
            let buffer = ByteBuffer(string: "GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
            do {
                try buffer.withUnsafeReadableBytes { try parser.parse($0, into: head) }
                return nil
            } catch { return (error as? Problem)?.code }
        }

        #expect(refusal("/" + String(repeating: "a", count: 19)) == nil)
        #expect(refusal("/a?" + String(repeating: "a", count: 18)) == .uriTooLong)
    }

    @Test func `a request id that could break a log is not taken over`() throws {
        let spaced = try parse("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\n\r\n")
        let quoted = try parse("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\"b\r\n\r\n")
        let long = try parse("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: \(String(repeating: "a", count: 129))\r\n\r\n")

        #expect(spaced.requestID == nil && quoted.requestID == nil && long.requestID == nil)
    }

    @Test func `the authority of an absolute target ends before its query`() throws {
        let head = try parse("GET http://a.example/b?c HTTP/1.1\r\nHost: x\r\n\r\n")

        #expect(text(head.path, head) == "/b")
        for target in ["http://evil?/health", "http://evil#/health", "http:///health", "http://evil"] {
            #expect(refusal("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n") == .validation, "\(target)")
        }
    }
}
