import NIOCore
import Vocabulary

/// The head of the request a connection is at: offsets into its bytes, in tables that are reused.
final class HTTPHead {
    struct Span {
        var start: Int32
        var end: Int32

        var count: Int { Int(end - start) }
        func bytes(of all: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: all[Int(start)..<Int(end)])
        }
    }

    enum Framing: Equatable {
        case none
        case length(Int)
        case chunked
    }

    /// The head alone, from the request line to the empty line.
    var buffer = ByteBuffer()
    var method = HTTPMethod.other
    var methodName = Span(start: 0, end: 0)
    var path = Span(start: 0, end: 0)
    var query: Span?
    var names: ContiguousArray<Span> = []
    var values: ContiguousArray<Span> = []
    var framing = Framing.none
    var keepsAlive = true
    var isHTTP10 = false
    var expectsContinue = false
    var acceptsGzip = false
    var isGzipped = false
    var requestID: Span?

    func reset() {
        names.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        query = nil
        framing = .none
        keepsAlive = true
        isHTTP10 = false
        expectsContinue = false
        acceptsGzip = false
        isGzipped = false
        requestID = nil
    }

    /// The same head, for a request that has to wait while its connection reads on.
    func copy() -> HTTPHead {
        let copy = HTTPHead()
        (copy.buffer, copy.method, copy.methodName, copy.path, copy.query) = (buffer, method, methodName, path, query)
        (copy.names, copy.values, copy.framing, copy.keepsAlive) = (names, values, framing, keepsAlive)
        (copy.isHTTP10, copy.expectsContinue, copy.acceptsGzip, copy.isGzipped, copy.requestID) =
            (isHTTP10, expectsContinue, acceptsGzip, isGzipped, requestID)
        return copy
    }
}
