import NIOCore

/// Takes replies out of what arrives, in whatever pieces (RESP2, redis.io/docs/reference/protocol-spec). It goes on where
/// it stood: a large reply is not read twice.
struct ReplyReader {
    enum Fault: Error, Equatable {
        case malformed
        case tooLarge
    }

    private struct OpenArray {
        var left: Int
        var elements: [RedisReply]
    }

    /// Bytes of one reply, its framing included.
    let mostBytes: Int
    private var open: [OpenArray] = []
    /// The length of the bulk string whose head was read.
    private var bulk: Int?
    /// Bytes of this reply so far.
    private var taken = 0

    private static let deepest = 16
    private static let longestLine = 64 << 10

    init(mostBytes: Int) { self.mostBytes = mostBytes }

    /// - Returns: the next reply; nil where more has to arrive first.
    mutating func next(_ input: inout ByteBuffer) throws(Fault) -> RedisReply? {
        while true {
            guard let value = try value(&input) else { return nil }
            if let reply = close(value) {
                taken = 0
                return reply
            }
        }
    }

    private enum Value {
        case whole(RedisReply)
        /// An array with elements began.
        case began
    }

    private mutating func close(_ value: Value) -> RedisReply? {
        guard case .whole(var reply) = value else { return nil }
        while let last = open.indices.last {
            open[last].elements.append(reply)
            open[last].left -= 1
            guard open[last].left == 0 else { return nil }
            reply = .array(open.removeLast().elements)
        }
        return reply
    }

    private mutating func value(_ input: inout ByteBuffer) throws(Fault) -> Value? {
        if let length = bulk { return try bulkString(length, &input) }
        guard let end = try endOfLine(input) else { return nil }
        let (kind, number, isNumber) = input.withUnsafeReadableBytes { bytes in
            let (number, isNumber) = Self.integer(bytes, 1..<end)
            return (bytes[0], number, isNumber)
        }
        switch kind {
        case UInt8(ascii: "$"):
            guard isNumber, number >= -1 else { throw .malformed }
            try pass(end + 2, &input)
            if number == -1 { return .whole(.null) }
            guard Int(number) <= mostBytes - taken else { throw .tooLarge }
            bulk = Int(number)
            return try bulkString(Int(number), &input)
        case UInt8(ascii: ":"):
            guard isNumber else { throw .malformed }
            try pass(end + 2, &input)
            return .whole(.integer(number))
        case UInt8(ascii: "+"):
            let text = line(end, input)
            try pass(end + 2, &input)
            return .whole(.status(text))
        case UInt8(ascii: "-"):
            let text = line(end, input)
            try pass(end + 2, &input)
            return .whole(.error(RedisError(text)))
        case UInt8(ascii: "*"):
            guard isNumber, number >= -1 else { throw .malformed }
            try pass(end + 2, &input)
            if number == -1 { return .whole(.null) }
            if number == 0 { return .whole(.array([])) }
            // Each element takes 4 bytes at least.
            guard open.count < Self.deepest, number <= Int64(mostBytes / 4) else { throw .tooLarge }
            var elements: [RedisReply] = []
            elements.reserveCapacity(min(Int(number), 1024))
            open.append(OpenArray(left: Int(number), elements: elements))
            return .began
        default: throw .malformed
        }
    }

    private mutating func bulkString(_ length: Int, _ input: inout ByteBuffer) throws(Fault) -> Value? {
        guard input.readableBytes >= length + 2 else { return nil }
        let bytes = input.withUnsafeReadableBytes { bytes -> [UInt8]? in
            guard bytes[length] == 13, bytes[length + 1] == 10 else { return nil }
            return Array(bytes[..<length])
        }
        guard let bytes else { throw .malformed }
        bulk = nil
        try pass(length + 2, &input)
        return .whole(.bytes(bytes))
    }

    private mutating func pass(_ count: Int, _ input: inout ByteBuffer) throws(Fault) {
        taken += count
        guard taken <= mostBytes else { throw .tooLarge }
        input.moveReaderIndex(forwardBy: count)
    }

    /// Where the line's CR is, counted from where reading goes on.
    private func endOfLine(_ input: ByteBuffer) throws(Fault) -> Int? {
        let (found, isWell) = input.withUnsafeReadableBytes { bytes -> (Int?, Bool) in
            let most = min(bytes.count, Self.longestLine)
            var place = 0
            while place < most {
                if bytes[place] == 13 {
                    guard place + 1 < bytes.count else { return (nil, true) }
                    return (place, place > 0 && bytes[place + 1] == 10)
                }
                place += 1
            }
            return (nil, place < Self.longestLine)
        }
        guard isWell else { throw .malformed }
        return found
    }

    private func line(_ end: Int, _ input: ByteBuffer) -> String {
        input.withUnsafeReadableBytes { String(decoding: $0[1..<end], as: UTF8.self) }
    }

    private static func integer(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> (Int64, Bool) {
        var place = range.lowerBound
        let isNegative = place < range.upperBound && bytes[place] == UInt8(ascii: "-")
        if isNegative { place += 1 }
        guard (1...19).contains(range.upperBound - place) else { return (0, false) }
        var number: UInt64 = 0
        while place < range.upperBound {
            let digit = bytes[place] &- 48
            guard digit <= 9 else { return (0, false) }
            number = number * 10 + UInt64(digit)
            place += 1
        }
        if isNegative {
            guard number <= UInt64(Int64.max) + 1 else { return (0, false) }
            return (number == UInt64(Int64.max) + 1 ? .min : -Int64(number), true)
        }
        guard number <= UInt64(Int64.max) else { return (0, false) }
        return (Int64(number), true)
    }
}
