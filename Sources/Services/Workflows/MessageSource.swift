import JSONTree

/// Where the parsing functions take their text from and put what they made of it: `source` and `target`.
struct MessageSource: Sendable {
    private let source: JSONPath?
    private let readsPayload: Bool
    let target: JSONPath?

    init(input: inout InputReader) {
        let text = input.string("source") ?? "payload"
        readsPayload = text == "payload" || text.hasPrefix("payload.")
        if text == "payload" {
            source = nil
        } else if readsPayload {
            source = input.makePath(String(text.dropFirst(8)), field: "source", roots: [])
        } else {
            source = input.makePath(text, field: "source", roots: ["payload", "data", "metadata", "temp_data"])
        }
        let name = input.string("target") ?? ""
        target = name.isEmpty ? nil : input.makePath("data." + name, field: "target", roots: ["data"])
        if input.field("target") != nil, name.isEmpty {
            input.report(.init(input.at("target"), .invalid, "The target must not be empty."))
        }
    }

    func value(in context: RunContext) -> JSONValue {
        let root = readsPayload ? context.payload : context.document.root
        return source.map { $0.read(from: root) ?? .null } ?? root
    }

    /// Why the source cannot be read. What the caller sent is the caller's to mend.
    func unreadable(_ reason: String) -> TaskResult {
        .failed(TaskFailure("DESERIALIZATION_ERROR", reason, problem: readsPayload ? .validation : nil))
    }

    func write(_ value: JSONValue, in context: RunContext) -> TaskResult {
        guard let target, context.set(target, to: value) else {
            return .failed(TaskFailure("FUNCTION_ERROR", "The target cannot be written."))
        }
        return .status(200)
    }
}
