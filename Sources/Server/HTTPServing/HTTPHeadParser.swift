import Vocabulary

/// Reads one request head, strictly (RFC 9112): whatever two servers could read differently is refused, because that
/// is how requests are smuggled.
struct HTTPHeadParser {
    let maxHeaders: Int
    var maxTargetBytes = 8 * 1024

    /// - Parameter bytes: from the first byte of the request line through the empty line.
    func parse(_ bytes: UnsafeRawBufferPointer, into head: HTTPHead) throws(Problem) {
        head.reset()
        guard let lineEnd = Self.lineEnd(bytes, from: 0) else { throw Self.bad("The request line is malformed.") }
        try parseRequestLine(bytes, upTo: lineEnd, into: head)
        var facts = Facts()
        var at = lineEnd + 2
        while at < bytes.count - 2 {
            guard let end = Self.lineEnd(bytes, from: at) else { throw Self.bad("A header line is malformed.") }
            guard head.names.count < maxHeaders else {
                throw Problem(.headersTooLarge, "The request has more than \(maxHeaders) headers.")
            }
            try parseHeader(bytes, at..<end, into: head, &facts)
            at = end + 2
        }
        try settle(facts, into: head)
    }

    /// What has to agree over all headers.
    private struct Facts {
        var hosts = 0
        var length: Int?
        var isChunked = false
        var connectionCloses = false
        var connectionKeeps = false
    }

    static func targetTooLong(_ limit: Int) -> Problem {
        Problem(.uriTooLong, "The request's path and query have more than \(limit) bytes.")
    }

    private static func bad(_ message: String) -> Problem { Problem(.validation, message) }

    /// The place of the next CR LF; `nil` where a lone CR, a lone LF or a NUL comes first.
    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var at = start
        while at < bytes.count {
            let byte = bytes[at]
            if byte < 32, byte != 9 {
                guard byte == 13, at + 1 < bytes.count, bytes[at + 1] == 10 else { return nil }
                return at
            }
            at += 1
        }
        return nil
    }

    private func parseRequestLine(
        _ bytes: UnsafeRawBufferPointer, upTo end: Int, into head: HTTPHead
    ) throws(Problem) {
        var at = 0
        while at < end, Self.isToken(bytes[at]) { at += 1 }
        guard at > 0, at < 32, at < end, bytes[at] == 32 else { throw Self.bad("The request line is malformed.") }
        head.methodName = .init(start: 0, end: Int32(at))
        head.method = HTTPMethod(UnsafeRawBufferPointer(rebasing: bytes[0..<at]))
        var targetStart = at + 1
        at = targetStart
        while at < end, bytes[at] > 32, bytes[at] != 127 { at += 1 }
        let targetEnd = at
        guard targetEnd > targetStart, end - at == 9, bytes[at] == 32 else {
            throw Self.bad("The request line is malformed.")
        }
        guard targetEnd - targetStart <= maxTargetBytes else { throw Self.targetTooLong(maxTargetBytes) }
        let version = UnsafeRawBufferPointer(rebasing: bytes[(at + 1)..<end])
        if version.elementsEqual("HTTP/1.0".utf8) {
            head.isHTTP10 = true
            head.keepsAlive = false
        } else if !version.elementsEqual("HTTP/1.1".utf8) {
            throw Self.bad("Weir speaks HTTP/1.1.")
        }
        if bytes[targetStart] != UInt8(ascii: "/") {
            targetStart = try Self.originForm(bytes, targetStart, targetEnd)
        }
        var pathEnd = targetStart
        while pathEnd < targetEnd, bytes[pathEnd] != UInt8(ascii: "?"), bytes[pathEnd] != UInt8(ascii: "#") {
            pathEnd += 1
        }
        guard pathEnd == targetEnd || bytes[pathEnd] == UInt8(ascii: "?") else {
            throw Self.bad("The request target has a fragment.")
        }
        head.path = .init(start: Int32(targetStart), end: Int32(pathEnd))
        if pathEnd < targetEnd { head.query = .init(start: Int32(pathEnd + 1), end: Int32(targetEnd)) }
    }

    /// Skips `http://host` of the absolute form.
    private static func originForm(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) throws(Problem) -> Int {
        for scheme in ["http://", "https://"] {
            let length = scheme.utf8.count
            guard end - start > length, bytes[start..<(start + length)].elementsEqual(scheme.utf8) else { continue }
            var at = start + length
            // The authority ends where the path, the query or a fragment begins; only a path is taken here.
            while at < end, ![UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains(bytes[at]) { at += 1 }
            if at < end, at > start + length, bytes[at] == UInt8(ascii: "/") { return at }
        }
        throw bad("The request target must be a path.")
    }

    private func parseHeader(
        _ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, into head: HTTPHead, _ facts: inout Facts
    ) throws(Problem) {
        var at = line.lowerBound
        while at < line.upperBound, Self.isToken(bytes[at]) { at += 1 }
        guard at > line.lowerBound, at < line.upperBound, bytes[at] == UInt8(ascii: ":") else {
            throw Self.bad("A header line is malformed.")  // also a line that starts with space (obs-fold)
        }
        let name = HTTPHead.Span(start: Int32(line.lowerBound), end: Int32(at))
        var start = at + 1
        var end = line.upperBound
        while start < end, bytes[start] == 32 || bytes[start] == 9 { start += 1 }
        while end > start, bytes[end - 1] == 32 || bytes[end - 1] == 9 { end -= 1 }
        for place in start..<end where bytes[place] == 127 { throw Self.bad("A header has a control character.") }
        let value = HTTPHead.Span(start: Int32(start), end: Int32(end))
        head.names.append(name)
        head.values.append(value)
        try notice(name.bytes(of: bytes), value.bytes(of: bytes), value, head, &facts)
    }

    private func notice(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ span: HTTPHead.Span, _ head: HTTPHead,
        _ facts: inout Facts
    ) throws(Problem) {
        switch name.count {
        case 4 where name.isCaseless("host"): facts.hosts += 1
        case 6 where name.isCaseless("expect"): head.expectsContinue = value.isCaseless("100-continue")
        case 10 where name.isCaseless("connection"):
            if value.hasElement("close") { facts.connectionCloses = true }
            if value.hasElement("keep-alive") { facts.connectionKeeps = true }
        case 12 where name.isCaseless("x-request-id"):
            if (1...128).contains(value.count), value.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 34 && $0 != 92 }) {
                head.requestID = span
            }
        case 14 where name.isCaseless("content-length"):
            let length = try Self.length(value)
            guard facts.length == nil || facts.length == length else {
                throw Self.bad("The request has two different Content-Length headers.")
            }
            facts.length = length
        case 15 where name.isCaseless("accept-encoding"): head.acceptsGzip = Self.acceptsGzip(value)
        case 16 where name.isCaseless("content-encoding"):
            guard value.isCaseless("gzip") || value.isCaseless("identity") else {
                throw Problem(.unsupportedMediaType, "The body's Content-Encoding must be gzip or identity.")
            }
            head.isGzipped = value.isCaseless("gzip")
        case 17 where name.isCaseless("transfer-encoding"):
            guard value.isCaseless("chunked"), !facts.isChunked else {
                throw Self.bad("The only Transfer-Encoding Weir reads is chunked.")
            }
            facts.isChunked = true
        default: break
        }
    }

    private func settle(_ facts: Facts, into head: HTTPHead) throws(Problem) {
        guard facts.hosts <= 1, facts.hosts == 1 || head.isHTTP10 else {
            throw Self.bad("The request must have exactly one Host header.")
        }
        guard !(facts.isChunked && (facts.length != nil || head.isHTTP10)) else {
            throw Self.bad("The request says its length in two ways.")
        }
        if facts.isChunked {
            head.framing = .chunked
        } else if let length = facts.length, length > 0 {
            head.framing = .length(length)
        }
        if facts.connectionCloses { head.keepsAlive = false } else if facts.connectionKeeps { head.keepsAlive = true }
    }

    private static func length(_ value: UnsafeRawBufferPointer) throws(Problem) -> Int {
        guard (1...15).contains(value.count), value.allSatisfy({ (48...57).contains($0) }) else {
            throw bad("The Content-Length is not a number.")
        }
        return value.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    private static func acceptsGzip(_ value: UnsafeRawBufferPointer) -> Bool {
        let text = String(decoding: value, as: UTF8.self).lowercased()
        return text.split(separator: ",").contains { part in
            let pieces = part.split(separator: ";").map { $0.filter { $0 != " " } }
            guard pieces.first == "gzip" || pieces.first == "*" else { return false }
            return !pieces.dropFirst().contains { $0 == "q=0" || $0 == "q=0.0" || $0 == "q=0.00" || $0 == "q=0.000" }
        }
    }

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        case 33, 35, 36, 37, 38, 39, 42, 43, 45, 46, 94, 95, 96, 124, 126: true
        default: false
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Same letters, whatever their case; `text` is lower case.
    @inline(__always)
    func isCaseless(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let other = text.utf8Start
        for place in 0..<count {
            let byte = self[place]
            let lower = byte >= 65 && byte <= 90 ? byte | 0x20 : byte
            if lower != other[place] { return false }
        }
        return true
    }

    /// Whether a comma-separated list has this element (RFC 9110, section 5.6.1).
    func hasElement(_ text: StaticString) -> Bool {
        guard contains(UInt8(ascii: ",")) else { return isCaseless(text) }
        return split(separator: UInt8(ascii: ",")).contains { part in
            var (start, end) = (part.startIndex, part.endIndex)
            while start < end, self[start] == 32 || self[start] == 9 { start += 1 }
            while end > start, self[end - 1] == 32 || self[end - 1] == 9 { end -= 1 }
            return UnsafeRawBufferPointer(rebasing: self[start..<end]).isCaseless(text)
        }
    }
}
