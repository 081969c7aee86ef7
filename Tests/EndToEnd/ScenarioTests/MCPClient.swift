import Foundation

/// An AI client's side of the Model Context Protocol, over HTTP and spoken by hand.
final class MCPClient {
    let http: Client
    private var headers: [String]
    private var nextID = 1

    init(_ port: Int, key: String? = nil, more: [String] = []) {
        http = Client(port)
        headers = (key.map { ["Authorization: Bearer \($0)"] } ?? []) + more
    }

    func post(_ text: String, more: [String] = []) throws -> Client.Reply {
        try http.call("POST", "/mcp", text, headers: headers + more)
    }

    /// The whole answer to a request.
    func ask(_ method: String, _ params: [String: Any] = [:]) throws -> [String: Any] {
        nextID += 1
        let message: [String: Any] = ["jsonrpc": "2.0", "id": nextID, "method": method, "params": params]
        let reply = try post(String(decoding: try JSONSerialization.data(withJSONObject: message), as: UTF8.self))
        guard reply.object["id"] as? Int == nextID, reply.object["jsonrpc"] as? String == "2.0" else {
            throw RunningWeir.Failure("no answer to \(method): \(String(decoding: reply.body, as: UTF8.self))")
        }
        return reply.object
    }

    func result(_ method: String, _ params: [String: Any] = [:]) throws -> [String: Any] {
        let answer = try ask(method, params)
        guard let result = answer["result"] as? [String: Any] else {
            throw RunningWeir.Failure("\(method): \(answer)")
        }
        return result
    }

    struct ToolResult {
        var isError: Bool
        var text: String
        var structure: [String: Any]
        var data: [String: Any] { structure["data"] as? [String: Any] ?? [:] }
        var code: String? { (structure["error"] as? [String: Any])?["code"] as? String }
    }

    func call(_ tool: String, _ arguments: [String: Any] = [:]) throws -> ToolResult {
        Self.toolResult(try result("tools/call", ["name": tool, "arguments": arguments]))
    }

    static func toolResult(_ result: [String: Any]) -> ToolResult {
        let content = (result["content"] as? [[String: Any]])?.first ?? [:]
        return ToolResult(
            isError: result["isError"] as? Bool ?? true, text: content["text"] as? String ?? "",
            structure: result["structuredContent"] as? [String: Any] ?? [:])
    }

    /// Every tool, over all pages.
    func tools() throws -> [[String: Any]] {
        var all: [[String: Any]] = []
        var cursor: String?
        repeat {
            let page = try result("tools/list", cursor.map { ["cursor": $0] } ?? [:])
            all += page["tools"] as? [[String: Any]] ?? []
            cursor = page["nextCursor"] as? String
        } while cursor != nil && all.count < 10_000
        return all
    }
}
