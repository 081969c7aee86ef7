import NIOCore
import NIOHPACK
import Seeds
import Testing
import Vocabulary

@testable import HTTPServing

@Suite struct HTTP2Tests {
    private func parse(_ fields: HPACKHeaders, limit: Int = 32_768) throws -> HTTPHead {
        let head = HTTPHead()
        try HTTP2Head.write(fields, into: &head.buffer, limit: limit)
        try head.buffer.withUnsafeReadableBytes { try HTTPHeadParser(maxHeaders: 100).parse($0, into: head) }
        return head
    }

    private func refusal(_ more: [(String, String)], path: String = "/a", limit: Int = 32_768) -> Problem.Code? {
        do {
            _ = try parse(request(more, path: path), limit: limit)
            return nil
        } catch { return (error as? Problem)?.code }
    }

    private func request(_ more: [(String, String)], path: String = "/a") -> HPACKHeaders {
        HPACKHeaders(
            [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "example.org")] + more)
    }

    private func headers(_ head: HTTPHead) -> [String] {
        head.buffer.withUnsafeReadableBytes { all in
            head.names.indices.map {
                String(decoding: head.names[$0].bytes(of: all), as: UTF8.self) + "="
                    + String(decoding: head.values[$0].bytes(of: all), as: UTF8.self)
            }
        }
    }

    @Test func `a header block is read as the same request in HTTP 1 would be`() throws {
        let head = try parse(
            request(
                [
                    ("content-length", "5"), ("cookie", "a=1"), ("accept-encoding", "gzip"), ("cookie", "b=2"),
                    ("te", "trailers"),
                ],
                path: "/a/b?c=d"))

        #expect(head.method == .post && head.framing == .length(5) && head.acceptsGzip && head.query != nil)
        #expect(
            headers(head) == [
                "host=example.org", "content-length=5", "accept-encoding=gzip", "te=trailers", "cookie=a=1; b=2",
            ])
    }

    /// What would be more than one header, or another request, once it is written out.
    @Test(arguments: [
        [("x", "a\r\nhost: evil")], [("x", "a\nb")], [("x", "a\0")], [("x: y", "z")], [("x y", "z")], [("", "z")],
        [("transfer-encoding", "chunked")], [("connection", "close")], [("host", "other.example")],
        [("content-length", "1"), ("content-length", "2")], [("cookie", "a\r\nb: c")],
    ])
    func `nothing is smuggled`(more: [(String, String)]) { #expect(refusal(more) == .validation) }

    @Test(arguments: ["", "a", "*", "/a HTTP/1.1\r\nx: y", "/a b", "/\u{7F}", "/a#b"])
    func `the path must be one`(path: String) { #expect(refusal([], path: path) == .validation) }

    /// The law behind it: every header arrives as it was sent, or the request is refused.
    @Test(arguments: 0..<500 as Range<UInt64>)
    func `headers arrive unchanged or not at all`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        func text(_ most: Int) -> String {
            String(
                decoding: (0..<Int.random(in: 1...most, using: &random)).map { _ in
                    random.chance(oneIn: 12)
                        ? UInt8.random(in: 0..<128, using: &random) : UInt8.random(in: 97...122, using: &random)
                }, as: UTF8.self)
        }
        let sent = (0..<3).map { _ in (name: "x-" + text(6), value: "v" + text(12) + "v") }

        guard let head = try? parse(request(sent.map { ($0.name, $0.value) })) else { return }

        #expect(headers(head) == ["host=example.org"] + sent.map { "\($0.name)=\($0.value)" })
    }

    @Test func `there is an end to heads`() {
        let large = [("x", String(repeating: "a", count: 2000))]

        #expect(refusal(large, limit: 1024) == .headersTooLarge && refusal(large, limit: 4096) == nil)
        #expect(refusal((0..<101).map { ("x\($0)", "y") }) == .headersTooLarge)
        #expect(refusal([], path: "/" + String(repeating: "a", count: 9000)) == .uriTooLong)
    }

    /// Every stream that enters is admitted at last, never too many at a time, in the order they came.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `large bodies take turns, and everybody gets one`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let most = Int.random(in: 1...4, using: &random)
        var turns = LargeBodies<Int>(most: most)
        var gathering: [Int] = []
        var waiting: [Int] = []
        var admitted: Set<Int> = []
        func leave(_ stream: Int) {
            gathering.removeAll { $0 == stream }
            waiting.removeAll { $0 == stream }
            guard let next = turns.leave(stream) else { return }
            #expect(next == waiting.first)
            waiting.removeFirst()
            gathering.append(next)
            admitted.insert(next)
        }
        var left: Set<Int> = []
        for stream in 0..<40 {
            if turns.enter(stream) {
                gathering.append(stream)
                admitted.insert(stream)
            } else {
                waiting.append(stream)
            }
            #expect(gathering.count <= most && turns.count == gathering.count)
            if random.chance(oneIn: 3), let one = (gathering + waiting).randomElement(using: &random) {
                left.insert(one)
                leave(one)
            }
        }
        while let one = gathering.first { leave(one) }

        #expect(waiting.isEmpty && admitted.union(left) == Set(0..<40))
    }
}
