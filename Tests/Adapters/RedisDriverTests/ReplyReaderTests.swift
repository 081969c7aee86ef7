import NIOCore
import Seeds
import Testing

@testable import RedisDriver

extension ReplyReader {
    /// Reads as a connection does, one reply.
    fileprivate mutating func next(_ input: inout ByteBuffer) throws(Fault) -> RedisReply? {
        var fault: Fault?
        var place = 0
        let reply = input.withUnsafeReadableBytes { bytes -> RedisReply? in
            do throws(Fault) { return try next(bytes, &place) } catch { fault = error }
            return nil
        }
        input.moveReaderIndex(forwardBy: place)
        if let fault { throw fault }
        return reply
    }
}

@Suite struct ReplyReaderTests {
    private static func random(_ depth: Int, _ random: inout SeededRandom) -> RedisReply {
        switch Int.random(in: 0..<(depth > 3 ? 5 : 6), using: &random) {
        case 0: .status(["OK", "PONG", "", "QUEUED é"].randomElement(using: &random) ?? "")
        case 1: .integer(Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random))
        case 2: .null
        case 3: .error(RedisError("ERR no \(random.next())"))
        case 4:
            .bytes(
                (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                    [13, 10, 36, 0, 255].randomElement(using: &random) ?? 0
                })
        default: .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in Self.random(depth + 1, &random) })
        }
    }

    private static func write(_ reply: RedisReply, to buffer: inout ByteBuffer) {
        switch reply {
        case .status(let text): buffer.writeString("+\(text)\r\n")
        case .integer(let number): buffer.writeString(":\(number)\r\n")
        case .null: buffer.writeString("$-1\r\n")
        case .error(let error): buffer.writeString("-\(error.message)\r\n")
        case .bytes(let bytes):
            buffer.writeString("$\(bytes.count)\r\n")
            buffer.writeBytes(bytes)
            buffer.writeString("\r\n")
        case .array(let elements):
            buffer.writeString("*\(elements.count)\r\n")
            for element in elements { write(element, to: &buffer) }
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `what was written is read, in whatever pieces it comes`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let replies = (0..<10).map { _ in Self.random(0, &random) }
        var whole = ByteBuffer()
        for reply in replies { Self.write(reply, to: &whole) }

        var reader = ReplyReader(mostBytes: 1 << 20)
        var input = ByteBuffer()
        var read: [RedisReply] = []
        while let piece = whole.readSlice(length: min(whole.readableBytes, .random(in: 1...20, using: &random))),
            piece.readableBytes > 0
        {
            input.writeImmutableBuffer(piece)
            while let reply = try reader.next(&input) { read.append(reply) }
        }

        #expect(read == replies, "seed \(seed)")
        #expect(input.readableBytes == 0)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `noise ends in a fault or in waiting, never in a trap`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var input = ByteBuffer()
        let letters = Array("*$:+-019\r\n".utf8)
        for _ in 0..<200 { input.writeInteger(letters.randomElement(using: &random) ?? 0) }
        var reader = ReplyReader(mostBytes: 100)

        do throws(ReplyReader.Fault) {
            while try reader.next(&input) != nil {}
        } catch { #expect(error == .malformed || error == .tooLarge) }
    }

    @Test(arguments: [
        ("$5000\r\n", ReplyReader.Fault.tooLarge), ("*5000\r\n", .tooLarge), ("$-2\r\n", .malformed),
        ("$5\r\nabcdefg", .malformed), (":x\r\n", .malformed), (":\r\n", .malformed), ("HTTP/1.1 200\r\n", .malformed),
        ("\r\n", .malformed), ("+a\rb\r\n", .malformed), ("%1\r\n", .malformed),
        (String(repeating: "*1\r\n", count: 40), .tooLarge), (":9223372036854775808\r\n", .malformed),
    ])
    func `what no server says is refused`(text: String, fault: ReplyReader.Fault) {
        var input = ByteBuffer(string: text)
        var reader = ReplyReader(mostBytes: 1000)
        #expect(throws: fault) { try reader.next(&input) }
    }

    @Test func `a line that never ends is not waited for`() {
        var input = ByteBuffer(repeating: UInt8(ascii: "+"), count: 70_000)
        var reader = ReplyReader(mostBytes: 1 << 20)
        #expect(throws: ReplyReader.Fault.malformed) { try reader.next(&input) }
    }
}
