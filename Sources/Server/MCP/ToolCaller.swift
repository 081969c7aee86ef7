import AdminAPI
import JSONTree
import Storage
import Vocabulary
import Workflows

/// Lists and calls tools for one request of a client.
struct ToolCaller {
    let api: AdminAPI
    let channels: any ChannelToolSource
    let principal: AdminKeys.Principal
    /// What the admin API is asked with.
    let administration: AdminRequest
    /// What a channel sees of the client.
    let data: AdminRequest

    private static let pageSize = 50
    private static let cursorPrefix = "after:"

    /// By name, so that a page goes on where the last one ended, whatever came or went in between.
    private func listings() -> [ToolListing] {
        let ofChannels = channels.tools().map { tool in
            ToolListing(
                name: tool.name, title: tool.channel, summary: tool.description, inputSchema: tool.inputSchema,
                hints: .init(openWorld: true))
        }
        return (AdminTools.all.map(\.listing) + ofChannels).sorted { $0.name < $1.name }
    }

    func list(_ params: JSONValue, id: JSONValue, into buffer: inout JSONByteBuffer) throws(JSONRPCFailure) {
        var after = ""
        if let cursor = params.member("cursor"), !cursor.isNull {
            guard let text = cursor.stringValue, text.hasPrefix(Self.cursorPrefix) else {
                throw JSONRPCFailure(.invalidParams, "The cursor is not one of ours.", id: id)
            }
            after = String(text.dropFirst(Self.cursorPrefix.count))
        }
        let rest = listings().drop { $0.name <= after }
        let page = rest.prefix(Self.pageSize)
        buffer.append("{\"tools\":[")
        for (place, tool) in page.enumerated() {
            if place > 0 { buffer.append(",") }
            tool.write(into: &buffer)
        }
        buffer.append("]")
        if rest.count > page.count, let last = page.last {
            buffer.append(",\"nextCursor\":")
            JSONWriter.write(Self.cursorPrefix + last.name, into: &buffer)
        }
        buffer.append("}")
    }

    /// - Returns: the JSON text of the result.
    func call(_ params: JSONValue, id: JSONValue) async throws(JSONRPCFailure) -> [UInt8] {
        guard let name = params.member("name")?.stringValue else {
            throw JSONRPCFailure(.invalidParams, "The params must have the `name` of a tool.", id: id)
        }
        let arguments = params.member("arguments").flatMap { $0.isNull ? nil : $0 }
        guard arguments?.isObject ?? true else {
            throw JSONRPCFailure(.invalidParams, "The `arguments` must be an object.", id: id)
        }
        if let tool = AdminTools.all.first(where: { $0.name == name }) {
            return Self.result(await run(tool, arguments))
        }
        if let tool = channels.tools().first(where: { $0.name == name }) {
            return Self.result(await run(tool, arguments))
        }
        throw JSONRPCFailure(.invalidParams, "There is no tool `\(name.prefix(128))`.", id: id)
    }

    private func run(_ tool: AdminTool, _ arguments: JSONValue?) async -> AdminResponse {
        let empty = OwnedJSON(copying: .null)
        let given = arguments ?? empty.value
        var reader = InputReader(given, at: "")
        reader.check(tool.fields)
        guard reader.details.isEmpty else {
            return .problem(
                Problem(.validation, "The arguments do not fit the tool.", details: reader.details),
                requestID: administration.requestID)
        }
        return await tool.run(AdminToolCall(arguments: given, api: api, request: administration))
    }

    private func run(_ tool: ChannelTool, _ arguments: JSONValue?) async -> AdminResponse {
        guard principal.scope >= .draft else {
            return .problem(
                Problem(.forbidden, "This key may only read; a call of a channel may do more."),
                requestID: data.requestID)
        }
        let text = arguments.map { JSONWriter.bytes($0) } ?? Array("{}".utf8)
        return await channels.call(tool.channel, arguments: text, for: data)
    }

    /// An answer as a tool's result: its text, the same as a structure where it is an object, and whether it went wrong.
    private static func result(_ answer: AdminResponse) -> [UInt8] {
        let json = try? OwnedJSON(parsing: answer.body)  // a shaped reply of a channel may be any text
        let isObject = json?.read { $0.isObject } ?? false
        let saysError = json?.read { $0.member("status")?.stringValue == "error" } ?? false
        var buffer = JSONByteBuffer(capacity: answer.body.count * 2 + 128)
        buffer.append("{\"content\":[{\"type\":\"text\",\"text\":")
        JSONWriter.write(String(decoding: answer.body, as: UTF8.self), into: &buffer)
        buffer.append("}]")
        if isObject {
            buffer.append(",\"structuredContent\":")
            buffer.append(answer.body)
        }
        buffer.append(answer.status >= 400 || saysError ? ",\"isError\":true}" : ",\"isError\":false}")
        return buffer.bytes
    }
}
