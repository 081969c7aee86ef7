import NIOCore
import NIOHPACK
import Vocabulary

/// Writes status line and headers, most of them from bytes made beforehand.
struct ResponseHead {
    private let fixed: FixedHeaders
    private var date: (second: Int64, text: String) = (-1, "")

    init(fixed: FixedHeaders) { self.fixed = fixed }

    mutating func write(
        _ response: HTTPResponse, bodyLength: Int, requestID: RequestID, more: [(String, String)], keepsAlive: Bool,
        isGzipped: Bool, into buffer: inout ByteBuffer
    ) {
        buffer.clear(minimumCapacity: 512 + bodyLength)
        if response.status == 200 {
            buffer.writeStaticString("HTTP/1.1 200 OK\r\n")
        } else {
            buffer.writeStaticString("HTTP/1.1 ")
            buffer.writeString(String(response.status))
            buffer.writeStaticString(" ")
            buffer.writeString(Self.reason(response.status))
            buffer.writeStaticString("\r\n")
        }
        if response.status != 204 {
            buffer.writeStaticString("content-length: ")
            Self.write(decimal: bodyLength, into: &buffer)
            buffer.writeStaticString("\r\n")
        }
        if let type = response.contentType {
            buffer.writeStaticString("content-type: ")
            buffer.writeStaticString(type)
            buffer.writeStaticString("\r\n")
        }
        if isGzipped { buffer.writeStaticString("content-encoding: gzip\r\nvary: accept-encoding\r\n") }
        buffer.writeStaticString("date: ")
        buffer.writeString(currentDate())
        buffer.writeStaticString("\r\nx-request-id: ")
        requestID.write(into: &buffer)
        buffer.writeStaticString("\r\n")
        buffer.writeImmutableBuffer(fixed.block)
        Self.write(response.headers, into: &buffer)
        Self.write(more, into: &buffer)
        buffer.writeStaticString(keepsAlive ? "\r\n" : "connection: close\r\n\r\n")
    }

    /// The same as an HTTP/2 header block. What differs with every reply stays out of the compression table.
    mutating func fields(
        _ response: HTTPResponse, bodyLength: Int, requestID: RequestID, more: [(String, String)], isGzipped: Bool
    ) -> HPACKHeaders {
        var fields = HPACKHeaders()
        fields.reserveCapacity(6 + fixed.pairs.count + response.headers.count + more.count)
        fields.add(name: ":status", value: response.status == 200 ? "200" : String(response.status))
        if response.status != 204 {
            fields.add(name: "content-length", value: String(bodyLength), indexing: .nonIndexable)
        }
        if let type = response.contentType { fields.add(name: "content-type", value: type.description) }
        if isGzipped {
            fields.add(name: "content-encoding", value: "gzip")
            fields.add(name: "vary", value: "accept-encoding")
        }
        fields.add(name: "date", value: currentDate())
        fields.add(name: "x-request-id", value: requestID.text, indexing: .nonIndexable)
        for (name, value) in fixed.pairs { fields.add(name: name, value: value) }
        for (name, value) in response.headers {
            fields.add(name: name.lowercased(), value: value, indexing: .nonIndexable)
        }
        for (name, value) in more { fields.add(name: name, value: value) }
        return fields
    }

    private static func write(_ headers: [(String, String)], into buffer: inout ByteBuffer) {
        for (name, value) in headers {
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
    }

    private static func write(decimal value: Int, into buffer: inout ByteBuffer) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value
            var start = 20
            repeat {
                start -= 1
                digits[start] = UInt8(48 + rest % 10)
                rest /= 10
            } while rest > 0
            buffer.writeBytes(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: digits[start..<20])))
        }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7), made once a second.
    private mutating func currentDate() -> String {
        let now = Timestamp.now()
        let second = now.microseconds / 1_000_000
        guard second != date.second else { return date.text }
        let civil = now.civil
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let text =
            "\(days[Int(second / 86_400 % 7)]), \(two(civil.day)) \(months[civil.month - 1]) \(civil.year) "
            + "\(two(civil.hour)):\(two(civil.minute)):\(two(civil.second)) GMT"
        date = (second, text)
        return text
    }

    private static func reason(_ status: UInt16) -> String {
        switch status {
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "Status"
        }
    }
}

/// The name of a request in replies, errors and logs: the caller's, or one made here.
enum RequestID {
    case given(String)
    case made(Identifier)

    var text: String {
        switch self {
        case .given(let text): text
        case .made(let identifier): identifier.description
        }
    }

    func write(into buffer: inout ByteBuffer) {
        switch self {
        case .given(let text): buffer.writeString(text)
        case .made(let identifier):
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 36) { room in
                guard let start = room.baseAddress else { return 0 }
                identifier.write(into: start.assumingMemoryBound(to: UInt8.self))
                return 36
            }
        }
    }
}
