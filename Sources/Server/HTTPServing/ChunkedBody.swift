import NIOCore
import Vocabulary

/// Takes a chunked body apart (RFC 9112, section 7.1), as its bytes come in.
struct ChunkedBody {
    private enum State {
        case size
        case data(Int)
        case dataEnd, trailer, done
    }

    private var state = State.size
    private var trailerBytes = 0
    private(set) var body = ByteBuffer()
    private static let longestLine = 1024

    var isDone: Bool { if case .done = state { true } else { false } }

    mutating func take(from input: inout ByteBuffer, limit: Int) throws(Problem) {
        while true {
            switch state {
            case .size:
                guard let line = try Self.line(&input) else { return }
                let size = try Self.size(line)
                guard body.readableBytes + size <= limit else {
                    throw Problem(.payloadTooLarge, "The body has more than the \(limit) bytes allowed.")
                }
                state = size == 0 ? .trailer : .data(size)
            case .data(let left):
                let count = min(left, input.readableBytes)
                guard count > 0 else { return }
                if var slice = input.readSlice(length: count) { body.writeBuffer(&slice) }
                state = count == left ? .dataEnd : .data(left - count)
            case .dataEnd:
                guard input.readableBytes >= 2 else { return }
                guard input.readInteger(as: UInt16.self) == 0x0D0A else {
                    throw Problem(.validation, "A chunk of the body does not end where it says.")
                }
                state = .size
            case .trailer:
                guard let line = try Self.line(&input) else { return }
                trailerBytes += line.count
                guard trailerBytes <= 8192 else { throw Problem(.headersTooLarge, "The trailers are too large.") }
                if line.isEmpty { state = .done }
            case .done: return
            }
        }
    }

    private static func line(_ input: inout ByteBuffer) throws(Problem) -> [UInt8]? {
        let view = input.readableBytesView.prefix(longestLine + 2)
        guard let end = view.firstIndex(of: 10) else {
            guard view.count <= longestLine else { throw Problem(.validation, "A chunk line is too long.") }
            return nil
        }
        let length = end - view.startIndex
        guard length > 0, view[end - 1] == 13 else { throw Problem(.validation, "A chunk line is malformed.") }
        let line = Array(view.prefix(length - 1))
        guard !line.contains(13) else { throw Problem(.validation, "A chunk line is malformed.") }
        input.moveReaderIndex(forwardBy: length + 1)
        return line
    }

    private static func size(_ line: [UInt8]) throws(Problem) -> Int {
        let digits = line.prefix { $0 != UInt8(ascii: ";") }
        guard (1...8).contains(digits.count), let size = Int(String(decoding: digits, as: UTF8.self), radix: 16),
            digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
        else { throw Problem(.validation, "A chunk size is malformed.") }
        return size
    }
}
