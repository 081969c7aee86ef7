package import NIOCore
package import Vocabulary

/// One request, while it is being handed over: the head's bytes stay where they were read, so nothing here may be kept
/// after ``HTTPHandling/handle(_:reply:)`` returns, except `body` and what ``kept()`` gives.
package struct HTTPRequest {
    let head: HTTPHead
    package let body: ByteBuffer
    /// ``Stopwatch`` nanoseconds when its head was complete.
    package let receivedAt: UInt64
    /// The peer's address as text.
    package let peer: String

    init(head: HTTPHead, body: ByteBuffer, receivedAt: UInt64, peer: String) {
        self.head = head
        self.body = body
        self.receivedAt = receivedAt
        self.peer = peer
    }

    /// A request that came over no connection: for trying a channel out.
    ///
    /// - Parameters:
    ///   - head: from the request line through the empty line; it is read as strictly as any.
    ///   - peer: whom handlers are to see as the client.
    package init(head text: String, body: [UInt8], peer: String = "127.0.0.1") throws(Problem) {
        let head = HTTPHead()
        head.buffer = ByteBuffer(string: text)
        let read = head.buffer.withUnsafeReadableBytes { bytes -> Problem? in
            do throws(Problem) {
                try HTTPHeadParser(maxHeaders: 128).parse(bytes, into: head)
                return nil
            } catch { return error }
        }
        if let read { throw read }
        self.init(head: head, body: ByteBuffer(bytes: body), receivedAt: Stopwatch.nanoseconds(), peer: peer)
    }

    /// A copy that may be kept.
    package func kept() -> HTTPRequest {
        HTTPRequest(head: head.copy(), body: body, receivedAt: receivedAt, peer: peer)
    }

    package var method: HTTPMethod { head.method }

    package var methodName: String {
        head.method == .other ? text(head.methodName) : head.method.name
    }

    package var path: String { text(head.path) }
    package var query: String? { head.query.map(text) }

    /// Bytes of the body as its head promises them; nil where only reading it will tell.
    package var declaredLength: Int? {
        switch head.framing {
        case .none: 0
        case .length(let length): head.isGzipped ? nil : length
        case .chunked: nil
        }
    }

    package func pathStarts(with prefix: StaticString) -> Bool {
        head.buffer.withUnsafeReadableBytes { all in
            let path = head.path.bytes(of: all)
            guard path.count >= prefix.utf8CodeUnitCount else { return false }
            return path.prefix(prefix.utf8CodeUnitCount).elementsEqual(
                UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
        }
    }

    private func text(_ span: HTTPHead.Span) -> String {
        head.buffer.withUnsafeReadableBytes { String(decoding: span.bytes(of: $0), as: UTF8.self) }
    }

    /// The first header of that name, which is given in lower case.
    package func header(_ name: StaticString) -> String? {
        withHeader(name) { bytes in bytes.map { String(decoding: $0, as: UTF8.self) } }
    }

    /// The same for a name that is known only now, in lower case.
    package func headerValue(_ name: String) -> String? {
        head.buffer.withUnsafeReadableBytes { all in
            for index in head.names.indices {
                let known = head.names[index].bytes(of: all)
                guard known.count == name.utf8.count,
                    zip(known, name.utf8).allSatisfy({ ($0 >= 65 && $0 <= 90 ? $0 | 32 : $0) == $1 })
                else { continue }
                return String(decoding: head.values[index].bytes(of: all), as: UTF8.self)
            }
            return nil
        }
    }

    package func withHeader<Result>(_ name: StaticString, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        head.buffer.withUnsafeReadableBytes { all in
            for index in head.names.indices where head.names[index].bytes(of: all).isCaseless(name) {
                return body(head.values[index].bytes(of: all))
            }
            return body(nil)
        }
    }

    package func forEachHeader(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void) {
        head.buffer.withUnsafeReadableBytes { all in
            for index in head.names.indices {
                body(head.names[index].bytes(of: all), head.values[index].bytes(of: all))
            }
        }
    }
}
