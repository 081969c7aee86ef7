import NIOCore
import NIOHPACK
import Vocabulary

/// Writes an HTTP/2 header block as HTTP/1.1 would have it, so that one strict parser decides about requests of both.
enum HTTP2Head {
    /// - Parameter limit: bytes the head may have.
    static func write(
        _ fields: HPACKHeaders, into head: inout ByteBuffer, limit: Int
    ) throws(Problem) {
        var pseudo = Pseudo()
        for (name, value, _) in fields where name.utf8.first == UInt8(ascii: ":") { pseudo.take(name, value) }
        guard let method = pseudo.method, let path = pseudo.path, isPlain(method), isPlain(path) else {
            throw Problem(.validation, "The request needs a :method and a :path.")
        }
        head.writeString(method)
        head.writeStaticString(" ")
        head.writeString(path)
        head.writeStaticString(" HTTP/1.1\r\n")
        if let authority = pseudo.authority { try write("host", authority, into: &head) }
        var cookies = ""
        for (name, value, _) in fields where name.utf8.first != UInt8(ascii: ":") {
            switch name {
            case "cookie": cookies += cookies.isEmpty ? value : "; " + value  // RFC 9113, section 8.2.3
            case "host" where value == pseudo.authority: break
            case "connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection":
                throw Problem(.validation, "HTTP/2 has no header \(name).")
            default: try write(name, value, into: &head)
            }
            guard head.readableBytes + cookies.utf8.count <= limit else {
                throw Problem(.headersTooLarge, "The request's head has more than \(limit) bytes.")
            }
        }
        if !cookies.isEmpty { try write("cookie", cookies, into: &head) }
        head.writeStaticString("\r\n")
    }

    private struct Pseudo {
        var method: String?
        var path: String?
        var authority: String?

        mutating func take(_ name: String, _ value: String) {
            switch name {
            case ":method": method = value
            case ":path": path = value
            case ":authority": authority = value
            default: break  // the scheme says nothing we do not know
            }
        }
    }

    /// A name or value that could end its line, or a name that could end before its colon, would be a way to smuggle.
    private static func write(_ name: String, _ value: String, into head: inout ByteBuffer) throws(Problem) {
        guard !name.isEmpty, name.utf8.allSatisfy(HTTPHeadParser.isToken), isPlain(value) else {
            throw Problem(.validation, "A header has a character that it may not have.")
        }
        head.writeString(name)
        head.writeStaticString(": ")
        head.writeString(value)
        head.writeStaticString("\r\n")
    }

    private static func isPlain(_ text: String) -> Bool {
        !text.utf8.contains { $0 < 32 && $0 != 9 || $0 == 127 }
    }
}
