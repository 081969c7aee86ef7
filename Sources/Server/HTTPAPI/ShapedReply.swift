import HTTPServing
import JSONTree
import NIOCore
import Workflows

/// A reply whose status, headers and body the workflow has set (`data._weir.response`, or `data._orion.response`).
enum ShapedReply {
    /// What a workflow may set; everything else, hop-by-hop headers above all, stays ours.
    private static let allowed: Set<String> = [
        "content-type", "location", "cache-control", "etag", "last-modified", "retry-after", "content-language", "link",
    ]

    static func make(_ shaped: RunResponse, data: JSONValue, headers: [(String, String)]) -> HTTPResponse {
        var headers = headers
        var hasType = false
        for (name, value) in shaped.headers {
            let name = name.lowercased()
            guard allowed.contains(name), !value.utf8.contains(where: { $0 < 32 || $0 == 127 }) else { continue }
            hasType = hasType || name == "content-type"
            headers.append((name, value))
        }
        let body: ByteBuffer
        if let raw = shaped.raw {
            body = ByteBuffer(string: raw)
        } else if let value = shaped.body {
            body = ByteBuffer(bytes: JSONWriter.bytes(value))
        } else {
            body = ByteBuffer()
        }
        return HTTPResponse(
            status: UInt16(clamping: shaped.status), contentType: hasType ? nil : Replies.json, headers: headers,
            body: body)
    }
}
