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
    /// The length of the bulk string whose head was read; below 0 where there is none.
    private var bulk = -1
    /// Bytes of this reply so far.
    private var taken = 0

    private static let deepest = 16
    private static let longestLine = 64 << 10

    init(mostBytes: Int) { self.mostBytes = mostBytes }

    /// - Parameters:
    ///   - bytes: what has arrived.
    ///   - place: where to read on.
    /// - Returns: the next reply; nil where more has to arrive first.
    mutating func next(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) throws(Fault) -> RedisReply? {
        while let value = try value(bytes, &place) {
            if let reply = open.isEmpty ? value : close(value) {
                taken = 0
                return reply
            }
        }
        return nil
    }

    /// - Returns: the outermost array, if that was its last element.
    private mutating func close(_ element: RedisReply) -> RedisReply? {
        var reply = element
        while let last = open.indices.last {
            open[last].elements.append(reply)
            open[last].left -= 1
            guard open[last].left == 0 else { return nil }
            reply = .array(open.removeLast().elements)
        }
        return reply
    }

    /// - Returns: what is no array, or an empty one; nil where more has to arrive first.
    private mutating func value(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) throws(Fault) -> RedisReply? {
        while true {
            if bulk >= 0 { return try bulkString(bytes, &place) }
            guard let end = try Self.endOfLine(bytes, place) else { return nil }
            let line = place + 1..<end
            let (number, isNumber) = Self.integer(bytes, line)
            switch bytes[place] {
            case UInt8(ascii: "$"):
                guard isNumber, number >= -1 else { throw .malformed }
                try pass(to: end + 2, &place)
                if number == -1 { return .null }
                guard Int(number) <= mostBytes - taken else { throw .tooLarge }
                bulk = Int(number)
            case UInt8(ascii: ":"):
                guard isNumber else { throw .malformed }
                try pass(to: end + 2, &place)
                return .integer(number)
            case UInt8(ascii: "+"):
                try pass(to: end + 2, &place)
                return .status(String(decoding: bytes[line], as: UTF8.self))
            case UInt8(ascii: "-"):
                try pass(to: end + 2, &place)
                return .error(RedisError(String(decoding: bytes[line], as: UTF8.self)))
            case UInt8(ascii: "*"):
                guard isNumber, number >= -1 else { throw .malformed }
                try pass(to: end + 2, &place)
                if number == -1 { return .null }
                if number == 0 { return .array([]) }
                // Each element takes 4 bytes at least.
                guard open.count < Self.deepest, number <= Int64(mostBytes / 4) else { throw .tooLarge }
                var elements: [RedisReply] = []
                elements.reserveCapacity(min(Int(number), 1024))
                open.append(OpenArray(left: Int(number), elements: elements))
            default: throw .malformed
            }
        }
    }

    private mutating func bulkString(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) throws(Fault) -> RedisReply? {
        let end = place + bulk
        guard bytes.count >= end + 2 else { return nil }
        guard bytes[end] == 13, bytes[end + 1] == 10 else { throw .malformed }
        let value = [UInt8](UnsafeRawBufferPointer(rebasing: bytes[place..<end]))
        bulk = -1
        try pass(to: end + 2, &place)
        return .bytes(value)
    }

    private mutating func pass(to end: Int, _ place: inout Int) throws(Fault) {
        taken += end - place
        guard taken <= mostBytes else { throw .tooLarge }
        place = end
    }

    /// Where the CR of the line is that begins at `start`.
    private static func endOfLine(_ bytes: UnsafeRawBufferPointer, _ start: Int) throws(Fault) -> Int? {
        let most = min(bytes.count, start + longestLine)
        var place = start
        while place < most {
            if bytes[place] == 13 {
                guard place + 1 < bytes.count else { return nil }
                guard place > start, bytes[place + 1] == 10 else { throw .malformed }
                return place
            }
            place += 1
        }
        guard place < start + longestLine else { throw .malformed }
        return nil
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
