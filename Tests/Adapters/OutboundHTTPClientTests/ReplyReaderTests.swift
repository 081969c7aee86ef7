import NIOCore
import OutboundHTTPClient
import Seeds
import Testing

@Suite struct ReplyReaderTests {
    private struct Outcome: Equatable {
        var status: Int
        var headers: [String]
        var body: String
        var keepsAlive: Bool
        var left: Int
    }

    private enum Result: Equatable {
        case reply(Outcome)
        case fault(ReplyReader.Fault)
        case unfinished
    }

    private func read(
        _ text: String, in pieces: [Int] = [], method: String = "GET", limit: Int = 100, ends: Bool = true
    ) -> Result {
        var reader = ReplyReader(method: method, maxBodyBytes: limit)
        let bytes = Array(text.utf8)
        var input = ByteBuffer()
        var place = 0
        do throws(ReplyReader.Fault) {
            for piece in pieces + [bytes.count] where place < bytes.count {
                let end = min(bytes.count, place + piece)
                input.writeBytes(bytes[place..<end])
                place = end
                if try reader.read(&input) { return .reply(outcome(reader, input.readableBytes + bytes.count - place)) }
            }
        } catch {
            return .fault(error)
        }
        return ends && reader.finish() ? .reply(outcome(reader, input.readableBytes)) : .unfinished
    }

    private func outcome(_ reader: ReplyReader, _ left: Int) -> Outcome {
        Outcome(
            status: reader.status, headers: reader.headers.map { "\($0.name)=\($0.value)" },
            body: String(decoding: reader.body, as: UTF8.self), keepsAlive: reader.keepsAlive, left: left)
    }

    private static let good = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello",
        "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nokHTTP/1.1",
    ]

    @Test func `replies are read as they are framed`() {
        let results = Self.good.map { read($0) }
        let replies = results.compactMap { if case .reply(let outcome) = $0 { outcome } else { nil } }

        #expect(replies.count == results.count, "\(results)")
        #expect(
            replies.map(\.body) == ["hello", "", "ok", "ok", "ok", "abcde", "until the end", "", "", "ok"])
        #expect(replies.map(\.status) == [200, 200, 200, 200, 200, 200, 200, 204, 304, 200])
        #expect(
            replies.map(\.keepsAlive) == [true, true, false, true, false, true, false, true, true, true])
        #expect(replies[0].headers == ["Content-Length=5", "X-A=b"])
        #expect(replies.map(\.left) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 8])
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `how the bytes are cut into pieces changes nothing`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for text in Self.good {
            let pieces = (0..<100).map { _ in Int.random(in: 1...7, using: &random) }
            #expect(read(text, in: pieces) == read(text), "\(text)")
        }
    }

    @Test(arguments: [
        "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 99 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "garbage garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx", "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n123456789\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc", "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: c\r\n\r\n", "HTTP/1.1 200 OK\r\na: b\u{1}\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
    ])
    func `what could be read in two ways is refused`(text: String) {
        #expect(read(text) == .fault(.malformed))
    }

    @Test func `more than is wanted is given up before it is read`() {
        #expect(read("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n") == .fault(.tooLarge))
        #expect(read("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n65\r\n") == .fault(.tooLarge))
        #expect(read("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "a", count: 101)) == .fault(.tooLarge))
        #expect(read("HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 20_000)) == .fault(.malformed))
        #expect(read("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n", method: "HEAD") != .fault(.tooLarge))
    }

    @Test func `an end in the middle is no reply`() {
        for text in Self.good where !text.contains("until") && !text.hasSuffix("HTTP/1.1") {
            for length in 0..<text.utf8.count {
                #expect(
                    read(String(decoding: text.utf8.prefix(length), as: UTF8.self)) == .unfinished, "\(text) \(length)")
            }
        }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `no mutation ends the process`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for text in Self.good {
            for _ in 0..<100 {
                var bytes = Array(text.utf8)
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                var reader = ReplyReader(method: "GET", maxBodyBytes: 50)
                var input = ByteBuffer(bytes: bytes)
                let isDone = try? reader.read(&input)
                if isDone == true { #expect((200...999).contains(reader.status) && reader.body.count <= 50) }
            }
        }
    }
}
