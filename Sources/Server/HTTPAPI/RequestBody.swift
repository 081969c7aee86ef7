import Definitions
import HTTPServing
import JSONTree
import NIOCore
import Vocabulary

/// A data request's body, told apart into the payload and what the caller says about it.
struct RequestBody {
    var payload: JSONValue
    var metadata: JSONValue?

    /// `auto`: an object with a top-level `data` or `metadata` is the envelope, anything else is the payload.
    /// `payload`: the whole body is the payload.
    static func read(
        _ request: HTTPRequest, wholeIsPayload: Bool, limits: JSONLimits, in arena: JSONArena
    ) throws(Problem) -> RequestBody {
        guard request.body.readableBytes > 0 else {
            return RequestBody(payload: JSONObjectBuilder(capacity: 1, in: arena).finish(), metadata: nil)
        }
        guard isJSON(request) else {
            throw Problem(
                .unsupportedMediaType, "Send JSON: the Content-Type must be application/json or end in +json.")
        }
        let body = try parse(request.body, limits: limits, in: arena)
        guard !wholeIsPayload, body.kind == .object else { return RequestBody(payload: body, metadata: nil) }
        let data = body.member("data")
        let metadata = body.member("metadata")
        guard data != nil || metadata != nil else { return RequestBody(payload: body, metadata: nil) }
        if let metadata, metadata.kind != .object {
            throw Problem(
                .validation, "The request's metadata is not an object.",
                details: [.init("body.metadata", .typeMismatch, "This must be an object.", expected: "object")])
        }
        return RequestBody(payload: data ?? .null, metadata: metadata)
    }

    private static func parse(
        _ bytes: ByteBuffer, limits: JSONLimits, in arena: JSONArena
    ) throws(Problem) -> JSONValue {
        let parsed = bytes.withUnsafeReadableBytes { bytes -> Result<JSONValue, JSONSyntaxError> in
            do throws(JSONSyntaxError) {
                return .success(try JSONReader.parse(bytes, in: arena, limits: limits))
            } catch {
                return .failure(error)
            }
        }
        switch parsed {
        case .success(let value): return value
        case .failure(let error):
            throw Problem(.validation, "The body is not valid JSON: \(error.message)")
        }
    }

    private static func isJSON(_ request: HTTPRequest) -> Bool {
        request.withHeader("content-type") { bytes in
            guard let bytes else { return false }
            let type = "application/json".utf8
            if bytes.count >= type.count, zip(bytes, type).allSatisfy({ $0 | 0x20 == $1 }) { return true }
            return String(decoding: bytes, as: UTF8.self).lowercased().contains("+json")
        }
    }
}
