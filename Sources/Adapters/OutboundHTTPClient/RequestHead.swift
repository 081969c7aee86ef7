import NIOCore
import Outbound

/// The head of a request as it goes over the wire.
enum RequestHead {
    /// - Returns: whether it could be written: no header may end its line early. Names were checked where they come from;
    ///   this is what keeps messages apart.
    static func write(
        _ request: OutboundRequest, path: String, host: String, into buffer: inout ByteBuffer
    ) -> Bool {
        buffer.writeString(request.method)
        buffer.writeStaticString(" ")
        buffer.writeString(path)
        buffer.writeStaticString(" HTTP/1.1\r\nhost: ")
        buffer.writeString(host)
        for (name, value) in request.headers where !isOurs(name) {
            guard isClean(name), isClean(value) else { return false }
            buffer.writeStaticString("\r\n")
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
        }
        if !request.body.isEmpty || !["GET", "HEAD", "DELETE"].contains(request.method) {
            buffer.writeStaticString("\r\ncontent-length: ")
            buffer.writeString(String(request.body.count))
        }
        buffer.writeStaticString("\r\n\r\n")
        return true
    }

    private static func isClean(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 != 13 && $0 != 10 && $0 != 0 }
    }

    /// What frames the message is ours to say.
    private static func isOurs(_ name: String) -> Bool {
        switch name.utf8.count {
        case 4: name.lowercased() == "host"
        case 10: name.lowercased() == "connection"
        case 14: name.lowercased() == "content-length"
        case 17: name.lowercased() == "transfer-encoding"
        default: false
        }
    }
}
