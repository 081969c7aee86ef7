import NIOCore
import Seeds
import Testing
import Vocabulary

@testable import HTTPServing

@Suite struct BodyTests {
    private func read(_ text: String, pieces: Int, limit: Int = 1000) throws -> (body: String, isDone: Bool, rest: Int)
    {
        var chunked = ChunkedBody()
        var input = ByteBuffer()
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            input.writeBytes(bytes[start..<min(bytes.count, start + pieces)])
            try chunked.take(from: &input, limit: limit)
        }
        return (String(buffer: chunked.body), chunked.isDone, input.readableBytes)
    }

    @Test(arguments: 1...40)
    func `chunks are put together however they come in`(pieces: Int) throws {
        let read = try read("5\r\nhello\r\n1;ext=x\r\n \r\n0005\r\nworld\r\n0\r\nTrailer: x\r\n\r\n", pieces: pieces)

        #expect(read.body == "hello world" && read.isDone && read.rest == 0)
    }

    @Test(arguments: [
        "x\r\n", "-1\r\n", "+1\r\n", "\r\n", "123456789\r\n", "1\nA\r\n", "1\r\nABC", "1\r\nA\rB", "0x1\r\n",
    ])
    func `a malformed chunk is refused`(text: String) {
        #expect(throws: Problem.self) { try read(text, pieces: 100) }
    }

    @Test func `a body has a limit, and so has a chunk's line`() {
        #expect(throws: Problem.self) { try read("5\r\nhello\r\n6\r\n", pieces: 100, limit: 10) }
        #expect(throws: Problem.self) { try read(String(repeating: "0", count: 2000), pieces: 100) }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `what is compressed comes back the same`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let words = ["alpha", "beta", "gamma", "\u{1F600}", " "]
        let text = (0..<Int.random(in: 100...5000, using: &random)).map { _ in words.randomElement(using: &random) ?? ""
        }
        let body = ByteBuffer(string: text.joined())

        let packed = try #require(Gzip.compress(body))

        #expect(packed.readableBytes < body.readableBytes)
        #expect(try Gzip.expand(packed, limit: body.readableBytes) == body)
        #expect(throws: Problem.self) { try Gzip.expand(packed, limit: body.readableBytes - 1) }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `damaged gzip is refused or the same, never more`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let body = ByteBuffer(repeating: 65, count: 4000)
        var packed = try #require(Gzip.compress(body))
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = packed.readerIndex + Int.random(in: 0..<packed.readableBytes, using: &random)
            packed.setInteger(UInt8.random(in: 0...255, using: &random), at: place)
        }

        if let expanded = try? Gzip.expand(packed, limit: 5000) { #expect(expanded.readableBytes <= 5000) }
        #expect(throws: Problem.self) { try Gzip.expand(packed.getSlice(at: 0, length: 12) ?? packed, limit: 5000) }
    }
}
