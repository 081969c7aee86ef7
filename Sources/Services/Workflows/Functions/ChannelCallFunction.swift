import JSONLogic
import JSONTree

/// `channel_call`: runs another channel's workflow in this process, behind that channel's own gates.
final class ChannelCallFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "channel_call", category: .control, retrySafety: .dependsOnInput,
        summary: "Calls another channel in process and writes the data it answers with.",
        fields: [
            .init("channel", .logic, "the channel's name, or an expression for it"),
            .init("channel_logic", .logic, "an expression for the channel's name"),
            .init("data", .logic, "an expression for the payload; the caller's own payload where left out"),
            .init("data_logic", .logic, "the same"),
            .init("output", .path, default: "\"data\"", "where to write the answer"),
            .init("response_path", .path, "the same"),
            .init("timeout_ms", .integer, "how long it may take"),
        ])

    private let channel: JSONLogicRule?
    private let payload: JSONLogicRule?
    private let output: JSONPath
    private let timeoutMilliseconds: Int
    /// The channel's name, where it is written down.
    let staticChannel: String?

    init(input: inout InputReader) {
        channel = input.logic("channel") ?? input.logic("channel_logic")
        if channel == nil, input.details.isEmpty {
            input.report(.init(input.at("channel"), .required, "This field is required."))
        }
        staticChannel = channel?.constant?.stringValue
        payload = input.logic("data", templating: true) ?? input.logic("data_logic", templating: true)
        let written = input.path("output") ?? input.path("response_path")
        output = written ?? Self.dataRoot
        timeoutMilliseconds = input.integer("timeout_ms", in: 1...3_600_000) ?? 0
    }

    private static let dataRoot: JSONPath = {
        guard let path = try? JSONPath("data") else { preconditionFailure("`data` is a path") }
        return path
    }()

    func run(_ context: RunContext) -> TaskResult {
        guard let channel else { return .failed(TaskFailure("FUNCTION_ERROR", "No channel is named.")) }
        do throws(JSONLogicError) {
            guard let name = try context.evaluate(channel).stringValue, !name.isEmpty else {
                return .failed(TaskFailure("FUNCTION_ERROR", "The channel's name is not a string."))
            }
            let payload = try self.payload.map { rule throws(JSONLogicError) in try context.evaluate(rule) }
            let metadata = context.document.root.member("metadata") ?? .null
            payload?.markShared()
            metadata.markShared()
            return .call(
                NestedCall(
                    channel: name, payload: payload ?? context.payload, metadata: metadata,
                    timeoutMilliseconds: timeoutMilliseconds, arena: context.arena, chain: context.chain),
                output: output)
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The call's input failed: \(error.type)"))
        }
    }
}
