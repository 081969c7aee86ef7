import JSONLogic
import JSONTree

/// `http_call`: calls another system through a connector and writes its reply into the message.
final class HTTPCallFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "http_call", category: .connector, retrySafety: .dependsOnInput,
        summary: "Calls another system through an http connector and writes its reply.",
        fields: [
            .init("connector", .string, required: true, "the connector's name"),
            .init(
                "method", .string, default: "\"GET\"", choices: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
                "the HTTP method"),
            .init("path", .logic, "an expression for what follows the connector's URL"),
            .init("path_logic", .logic, "the same"),
            .init("headers", .object, default: "{}", "names and expressions for their values"),
            .init("body", .logic, "an expression for the body; objects are templates"),
            .init("body_logic", .logic, "the same, an expression alone"),
            .init(
                "body_format", .string, default: "\"json\"", choices: ["json", "form", "text"],
                "how the body is written"),
            .init(
                "response_format", .string, default: "\"json\"", choices: ["json", "text"], "how the reply is read"),
            .init("output", .path, default: "\"data\"", "where to write the reply"),
            .init("response_path", .path, "the same"),
            .init("timeout_ms", .integer, default: "30000", "how long one attempt may take"),
        ])

    private enum BodyFormat: String, Sendable { case json, form, text }

    private let connector: String
    private let method: String
    private let path: JSONLogicRule?
    private let headers: [(name: String, logic: JSONLogicRule)]
    private let body: JSONLogicRule?
    private let bodyFormat: BodyFormat
    private let readsText: Bool
    private let output: JSONPath?
    private let timeoutMilliseconds: Int

    init(input: inout InputReader) {
        connector = input.string("connector") ?? ""
        method = input.string("method") ?? "GET"
        path = input.logic("path") ?? input.logic("path_logic")
        var headers: [(name: String, logic: JSONLogicRule)] = []
        if let object = input.field("headers"), object.isObject {
            var reader = InputReader(object, at: input.at("headers"))
            for index in 0..<object.count {
                let name = object.key(at: index).stringValue ?? ""
                guard Self.isHeaderName(name) else {
                    reader.report(.init(reader.at(name), .invalid, "This is no name of a header.", got: name))
                    continue
                }
                if let logic = reader.compile(object.value(at: index), field: name) { headers.append((name, logic)) }
            }
            input.absorb(reader)
        }
        self.headers = headers
        body = input.logic("body", templating: true) ?? input.logic("body_logic")
        bodyFormat = input.string("body_format").flatMap(BodyFormat.init(rawValue:)) ?? .json
        readsText = input.string("response_format") == "text"
        output = input.path("output") ?? input.path("response_path") ?? (try? JSONPath("data"))  // `data` is a path
        timeoutMilliseconds = input.integer("timeout_ms", in: 1...3_600_000) ?? 30_000
    }

    private static func isHeaderName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                    || [33, 35, 36, 37, 38, 39, 42, 43, 45, 46, 94, 95, 96, 124, 126].contains($0)
            }
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let output else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no output path.")) }
        do throws(JSONLogicError) {
            var call = ConnectorCall(
                connector: connector, channel: context.chain.last ?? "", method: method,
                path: try path.map { rule throws(JSONLogicError) in Self.text(try context.evaluate(rule)) } ?? "",
                headers: [], body: nil, timeoutMilliseconds: timeoutMilliseconds, deadline: context.budget.deadline,
                origin: context.origin)
            call.spans = context.spans
            for (name, logic) in headers { call.headers.append((name, Self.text(try context.evaluate(logic)))) }
            guard !call.headers.contains(where: { $0.value.utf8.contains { $0 < 32 && $0 != 9 || $0 == 127 } }) else {
                return .failed(TaskFailure("FUNCTION_ERROR", "The value of a header has a control character."))
            }
            if let body {
                let value = try context.evaluate(body)
                call.body = write(value)
                if !call.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
                    call.headers.append(("content-type", contentType))
                }
            }
            let connectors = context.connectors
            let readsText = readsText
            let sent = call
            return .wait { await Self.send(sent, through: connectors, readsText: readsText, output: output) }
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The call's input failed: \(error.type)"))
        }
    }

    private static func send(
        _ call: ConnectorCall, through connectors: any ConnectorCalling, readsText: Bool, output: JSONPath
    ) async -> WaitResult {
        do throws(TaskFailure) {
            let reply = try await connectors.callHTTP(call)
            return .value(try read(reply.body, asText: readsText), output: output)
        } catch {
            return .failed(error)
        }
    }

    private static func read(_ body: [UInt8], asText: Bool) throws(TaskFailure) -> OwnedJSON {
        if asText {
            let arena = JSONArena()
            return OwnedJSON(copying: .string(String(decoding: body, as: UTF8.self), in: arena))
        }
        guard !body.isEmpty else { return OwnedJSON(copying: .null) }
        do throws(JSONSyntaxError) { return try OwnedJSON(parsing: body) } catch {
            throw TaskFailure("DESERIALIZATION_ERROR", "The reply is not JSON: \(error.message)")
        }
    }

    private var contentType: String {
        switch bodyFormat {
        case .json: "application/json"
        case .form: "application/x-www-form-urlencoded"
        case .text: "text/plain; charset=utf-8"
        }
    }

    private func write(_ value: JSONValue) -> [UInt8] {
        switch bodyFormat {
        case .json: return JSONWriter.bytes(value)
        case .text: return Array(Self.text(value).utf8)
        case .form:
            guard value.isObject else { return Array(Self.text(value).utf8) }
            let pairs = (0..<value.count).map { index in
                Self.escaped(value.key(at: index).stringValue ?? "") + "="
                    + Self.escaped(Self.text(value.value(at: index)))
            }
            return Array(pairs.joined(separator: "&").utf8)
        }
    }

    /// As the HTML standard's form encoding has it, but for spaces, which are `%20`: both are understood everywhere.
    private static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 42: result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }

    private static func text(_ value: JSONValue) -> String {
        value.stringValue ?? (value.isNull ? "" : JSONWriter.string(value))
    }
}
