package import NIOCore

/// Reads one reply of an HTTP/1.1 server out of its bytes as they come (RFC 9112).
///
/// As strict as our own server: what could be framed in two ways is refused, so that no byte of one reply is taken for
/// the next.
package struct ReplyReader {
    package enum Fault: Error, Equatable {
        case malformed
        /// The body has more bytes than are wanted.
        case tooLarge
    }

    private enum State {
        case head, chunkSize, chunkEnd, trailer, untilEnd, done
        case length(Int)
        case chunk(Int)
    }

    package private(set) var status = 0
    package private(set) var headers: [(name: String, value: String)] = []
    package private(set) var body: [UInt8] = []
    /// Whether the connection may be used again.
    package private(set) var keepsAlive = false
    private var state = State.head
    private var scanned = 0
    private var headBytes = 0
    private let isBodiless: Bool
    private let maxBodyBytes: Int

    private static let mostHeadBytes = 64 * 1024
    private static let longestLine = 1024

    /// - Parameters:
    ///   - method: of the request: HEAD has no body, whatever its reply says.
    ///   - maxBodyBytes: beyond it the reply is given up.
    package init(method: String, maxBodyBytes: Int) {
        isBodiless = method == "HEAD"
        self.maxBodyBytes = maxBodyBytes
    }

    /// Whether anything of a final reply has been understood.
    package var hasHead: Bool { if case .head = state { false } else { true } }

    /// - Returns: whether the reply is complete; bytes behind it stay in `input`.
    package mutating func read(_ input: inout ByteBuffer) throws(Fault) -> Bool {
        while true {
            switch state {
            case .head: guard try readHead(&input) else { return false }
            case .length(let left):
                let count = take(min(left, input.readableBytes), of: &input)
                guard count == left else {
                    state = .length(left - count)
                    return false
                }
                state = .done
            case .untilEnd:
                guard body.count + input.readableBytes <= maxBodyBytes else { throw .tooLarge }
                _ = take(input.readableBytes, of: &input)
                return false
            case .chunkSize:
                guard let line = try line(&input) else { return false }
                let size = try Self.chunkSize(line)
                guard body.count + size <= maxBodyBytes else { throw .tooLarge }
                state = size == 0 ? .trailer : .chunk(size)
            case .chunk(let left):
                let count = take(min(left, input.readableBytes), of: &input)
                guard count == left else {
                    state = .chunk(left - count)
                    return false
                }
                state = .chunkEnd
            case .chunkEnd:
                guard input.readableBytes >= 2 else { return false }
                guard input.readInteger(as: UInt16.self) == 0x0D0A else { throw .malformed }
                state = .chunkSize
            case .trailer:
                guard let line = try line(&input) else { return false }
                headBytes += line.count
                guard headBytes <= Self.mostHeadBytes else { throw .malformed }
                if line.isEmpty { state = .done }
            case .done: return true
            }
        }
    }

    /// The other side has ended its half.
    ///
    /// - Returns: whether that ends the reply, and not in the middle.
    package mutating func finish() -> Bool {
        guard case .untilEnd = state else { return false }
        state = .done
        return true
    }

    private mutating func take(_ count: Int, of input: inout ByteBuffer) -> Int {
        guard count > 0 else { return 0 }
        body += input.readableBytesView.prefix(count)
        input.moveReaderIndex(forwardBy: count)
        return count
    }

    /// A line of the chunked framing, which is read along with its end.
    private func line(_ input: inout ByteBuffer) throws(Fault) -> [UInt8]? {
        let view = input.readableBytesView.prefix(Self.longestLine + 2)
        guard let end = view.firstIndex(of: 10) else {
            guard view.count <= Self.longestLine else { throw .malformed }
            return nil
        }
        let length = end - view.startIndex
        guard length > 0, view[end - 1] == 13 else { throw .malformed }
        let line = Array(view.prefix(length - 1))
        guard !line.contains(13) else { throw .malformed }
        input.moveReaderIndex(forwardBy: length + 1)
        return line
    }

    private static func chunkSize(_ line: [UInt8]) throws(Fault) -> Int {
        var size = 0
        var digits = 0
        for byte in line {
            let digit: UInt8
            switch byte {
            case 48...57: digit = byte - 48
            case 65...70: digit = byte - 55
            case 97...102: digit = byte - 87
            case UInt8(ascii: ";"), 32, 9:
                guard digits > 0 else { throw .malformed }
                return size
            default: throw .malformed
            }
            digits += 1
            guard digits <= 8 else { throw .malformed }
            size = size << 4 | Int(digit)
        }
        guard digits > 0 else { throw .malformed }
        return size
    }

    // MARK: The head

    private mutating func readHead(_ input: inout ByteBuffer) throws(Fault) -> Bool {
        let from = max(0, scanned - 3)
        let found = input.withUnsafeReadableBytes { bytes -> Int? in
            var place = from
            while place + 3 < bytes.count {
                guard bytes[place + 3] == 10 else {
                    place += 1
                    continue
                }
                if bytes[place] == 13, bytes[place + 1] == 10, bytes[place + 2] == 13 { return place + 4 }
                place += 1
            }
            return nil
        }
        guard let length = found else {
            scanned = input.readableBytes
            guard scanned <= Self.mostHeadBytes else { throw .malformed }
            return false
        }
        guard headBytes + length <= Self.mostHeadBytes else { throw .malformed }
        headBytes += length
        scanned = 0
        let head = input.withUnsafeReadableBytes { Self.parse(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
        input.moveReaderIndex(forwardBy: length)
        guard let head else { throw .malformed }
        // Notes on the way to the reply (100, 103) say nothing about it.
        if (100..<200).contains(head.status) {
            guard head.status != 101 else { throw .malformed }
            return true
        }
        status = head.status
        headers = head.headers
        try frame(head)
        return true
    }

    private struct Head {
        var status = 0
        var headers: [(name: String, value: String)] = []
        var length: Int?
        var isChunked = false
        var keepsAlive = false
    }

    private mutating func frame(_ head: Head) throws(Fault) {
        keepsAlive = head.keepsAlive
        if isBodiless || head.status == 204 || head.status == 304 {
            state = .done
        } else if head.isChunked {
            guard head.length == nil else { throw .malformed }
            state = .chunkSize
        } else if let length = head.length {
            guard length <= maxBodyBytes else { throw .tooLarge }
            body.reserveCapacity(length)
            state = .length(length)
        } else {
            keepsAlive = false
            state = .untilEnd
        }
    }

    /// - Returns: nil where it is malformed.
    private static func parse(_ bytes: UnsafeRawBufferPointer) -> Head? {
        // "HTTP/1.1 200 OK\r\n"; the reason may be left out, with its space.
        guard bytes.count >= 16, bytes.starts(with: "HTTP/1.".utf8), bytes[7] == 48 || bytes[7] == 49, bytes[8] == 32
        else { return nil }
        var head = Head()
        for place in 9..<12 {
            guard (48...57).contains(bytes[place]) else { return nil }
            head.status = head.status * 10 + Int(bytes[place] - 48)
        }
        guard head.status >= 100, bytes[12] == 32 || bytes[12] == 13 else { return nil }
        head.keepsAlive = bytes[7] == 49
        guard var place = end(of: 12, bytes).map({ $0 + 2 }) else { return nil }
        while bytes[place] != 13 {
            guard let end = end(of: place, bytes), let colon = bytes[place..<end].firstIndex(of: UInt8(ascii: ":")),
                colon > place, bytes[place..<colon].allSatisfy(isTokenByte)
            else { return nil }
            var first = colon + 1
            var last = end
            while first < last, bytes[first] == 32 || bytes[first] == 9 { first += 1 }
            while last > first, bytes[last - 1] == 32 || bytes[last - 1] == 9 { last -= 1 }
            let value = UnsafeRawBufferPointer(rebasing: bytes[first..<last])
            guard value.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 }) else { return nil }
            let name = UnsafeRawBufferPointer(rebasing: bytes[place..<colon])
            guard note(name, value, &head) else { return nil }
            head.headers.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
            place = end + 2
        }
        return place + 2 == bytes.count ? head : nil
    }

    /// Where the line ends that `place` is in: at its CR, which LF follows.
    private static func end(of place: Int, _ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let end = bytes[place...].firstIndex(where: { $0 == 13 || $0 == 10 }), bytes[end] == 13,
            end + 1 < bytes.count, bytes[end + 1] == 10
        else { return nil }
        return end
    }

    /// Takes what frames the reply.
    ///
    /// - Returns: whether it can be framed in one way only.
    private static func note(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ head: inout Head
    ) -> Bool {
        switch name.count {
        case 14 where isEqual(name, "content-length"):
            guard (1...18).contains(value.count), value.allSatisfy({ (48...57).contains($0) }) else { return false }
            let length = value.reduce(0) { $0 * 10 + Int($1 - 48) }
            guard head.length == nil || head.length == length else { return false }
            head.length = length
        case 17 where isEqual(name, "transfer-encoding"):
            guard !head.isChunked, isEqual(value, "chunked") else { return false }
            head.isChunked = true
        case 10 where isEqual(name, "connection"):
            let words = String(decoding: value, as: UTF8.self).lowercased().split { $0 == "," || $0 == " " }
            if words.contains("close") {
                head.keepsAlive = false
            } else if words.contains("keep-alive") {
                head.keepsAlive = true
            }
        default: break
        }
        return true
    }

    private static func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for place in 0..<bytes.count {
            let byte = bytes[place]
            guard (byte >= 65 && byte <= 90 ? byte | 32 : byte) == text.utf8Start[place] else { return false }
        }
        return true
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, 33, 35...39, 42, 43, 45, 46, 94...96, 124, 126: true
        default: false
        }
    }
}
