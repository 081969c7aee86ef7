import HTTPServing
import NIOCore
import Vocabulary

/// A reply as bytes, for other instances to give again: a version, the status, the problem's code, headers with their
/// lengths, the body.
enum StoredReply {
    private static let version: UInt8 = 1

    static func bytes(_ response: HTTPResponse) -> [UInt8] {
        var buffer = ByteBufferAllocator().buffer(capacity: response.body.readableBytes + 512)
        buffer.writeInteger(version)
        buffer.writeInteger(response.status)
        write(response.problem?.rawValue ?? "", to: &buffer)
        var headers = response.headers
        if let type = response.contentType { headers.append(("content-type", "\(type)")) }
        buffer.writeInteger(UInt16(clamping: headers.count))
        for (name, value) in headers.prefix(Int(UInt16.max)) {
            write(name, to: &buffer)
            write(value, to: &buffer)
        }
        var body = response.body
        buffer.writeBuffer(&body)
        return Array(buffer.readableBytesView)
    }

    /// - Returns: nil where the bytes are none of this version's.
    static func response(_ bytes: [UInt8]) -> HTTPResponse? {
        var buffer = ByteBuffer(bytes: bytes)
        guard buffer.readInteger(as: UInt8.self) == version, let status = buffer.readInteger(as: UInt16.self),
            (100...599).contains(status), let problem = text(&buffer), let count = buffer.readInteger(as: UInt16.self)
        else { return nil }
        var headers: [(String, String)] = []
        for _ in 0..<count {
            guard let name = text(&buffer), let value = text(&buffer) else { return nil }
            headers.append((name, value))
        }
        var response = HTTPResponse(status: status, contentType: nil, headers: headers, body: buffer.slice())
        response.problem = Problem.Code(rawValue: problem)
        return response
    }

    private static func write(_ text: String, to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(clamping: text.utf8.count))
        buffer.writeString(text)
    }

    private static func text(_ buffer: inout ByteBuffer) -> String? {
        guard let length = buffer.readInteger(as: UInt32.self), length <= buffer.readableBytes else { return nil }
        return buffer.readString(length: Int(length))
    }
}
