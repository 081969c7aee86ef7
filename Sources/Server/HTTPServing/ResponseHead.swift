import NIOCore
import Vocabulary

/// Writes status line and headers, most of them from bytes made beforehand.
struct ResponseHead {
    /// The same on every reply; `default-src 'none'` suits an API that serves no pages.
    private static let fixed: StaticString = """
        x-content-type-options: nosniff\r
        x-frame-options: DENY\r
        content-security-policy: default-src 'none'; frame-ancestors 'none'\r
        referrer-policy: strict-origin-when-cross-origin\r
        permissions-policy: camera=(), microphone=(), geolocation=()\r

        """

    private var date: (second: Int64, text: String) = (-1, "")

    mutating func write(
        _ response: HTTPResponse, bodyLength: Int, requestID: RequestID, keepsAlive: Bool, isGzipped: Bool,
        into buffer: inout ByteBuffer
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
        buffer.writeStaticString(Self.fixed)
        for (name, value) in response.headers {
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString(keepsAlive ? "\r\n" : "connection: close\r\n\r\n")
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
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
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
