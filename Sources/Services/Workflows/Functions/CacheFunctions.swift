import JSONLogic
import JSONTree

/// Evaluates keys of a cache.
enum CacheKeys {
    static let longest = 1024

    /// A text as it is, anything else as JSON; nil where it is empty or too long.
    static func text(_ value: JSONValue) -> String? {
        let text = value.stringValue ?? (value.isNull ? "" : JSONWriter.string(value))
        return (1...longest).contains(text.utf8.count) ? text : nil
    }

    static func list(_ value: JSONValue) -> [String]? {
        guard value.isArray, value.count <= 1000 else { return nil }
        let keys = (0..<value.count).compactMap { text(value[$0]) }
        return keys.count == value.count ? keys : nil
    }

    static let badKey = TaskFailure("FUNCTION_ERROR", "A key must have 1 to \(longest) bytes, and there may be 1000.")

    /// A call on behalf of a run.
    static func call(_ connector: String, _ operation: CacheCall.Operation, _ context: RunContext) -> CacheCall {
        var call = CacheCall(
            connector: connector, operation: operation, channel: context.chain.last ?? "",
            deadline: context.budget.deadline)
        call.spans = context.spans
        return call
    }

    static func send(
        _ connector: String, _ operation: CacheCall.Operation, _ context: RunContext, to output: JSONPath?
    ) -> TaskResult {
        let call = call(connector, operation, context)
        let connectors = context.connectors
        return .wait {
            do throws(TaskFailure) {
                let answer = try await connectors.callCache(call)
                guard let output else { return .done }
                return .value(try WaitResult.json(answer), output: output)
            } catch { return .failed(error) }
        }
    }
}

/// `cache_read`: what is kept under a key, or under several.
final class CacheReadFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "cache_read", category: .connector, retrySafety: .read,
        summary: "Reads a key, or several as an array; what is not there is null.",
        fields: [
            .init("connector", .string, required: true, "the name of a cache connector"),
            .init("key", .logic, "an expression for the key"),
            .init("keys", .logic, "an expression for a list of keys"),
            .init("output", .path, default: "\"data\"", "where to write it"),
        ])

    private let connector: String
    private let key: JSONLogicRule?
    private let keys: JSONLogicRule?
    private let output: JSONPath?

    init(input: inout InputReader) {
        connector = input.string("connector") ?? ""
        key = input.logic("key")
        keys = input.logic("keys")
        output = input.path("output") ?? (try? JSONPath("data"))  // this is a path
        if input.value.member("key") == nil, input.value.member("keys") == nil {
            input.report(.init(input.at("key"), .required, "A key or keys are needed."))
        }
    }

    func run(_ context: RunContext) -> TaskResult {
        do throws(JSONLogicError) {
            if let keys {
                guard let names = CacheKeys.list(try context.evaluate(keys)) else { return .failed(CacheKeys.badKey) }
                return CacheKeys.send(connector, .read(names), context, to: output)
            }
            guard let key, let name = CacheKeys.text(try context.evaluate(key)) else {
                return .failed(CacheKeys.badKey)
            }
            let connectors = context.connectors
            let call = CacheKeys.call(connector, .read([name]), context)
            guard let output else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no output path.")) }
            return .wait {
                do throws(TaskFailure) {
                    let list = try WaitResult.json(try await connectors.callCache(call))
                    return .value(list.read { OwnedJSON(copying: $0.count > 0 ? $0[0] : .null) }, output: output)
                } catch { return .failed(error) }
            }
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The key failed: \(error.type)"))
        }
    }
}

/// `cache_write`: keeps a value under a key for a while.
final class CacheWriteFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "cache_write", category: .connector, retrySafety: .idempotentWrite,
        summary: "Keeps a value under a key, for ttl_secs or until there is no room.",
        fields: [
            .init("connector", .string, required: true, "the name of a cache connector"),
            .init("key", .logic, required: true, "an expression for the key"),
            .init("value", .logic, required: true, "an expression for the value; objects are templates"),
            .init("ttl_secs", .integer, "how long it is kept"),
        ])

    private let connector: String
    private let key: JSONLogicRule?
    private let value: JSONLogicRule?
    private let seconds: Int?

    init(input: inout InputReader) {
        connector = input.string("connector") ?? ""
        key = input.logic("key")
        value = input.logic("value", templating: true)
        seconds = input.integer("ttl_secs", in: 1...31_536_000)
    }

    func run(_ context: RunContext) -> TaskResult {
        do throws(JSONLogicError) {
            guard let key, let value, let name = CacheKeys.text(try context.evaluate(key)) else {
                return .failed(CacheKeys.badKey)
            }
            let bytes = JSONWriter.bytes(try context.evaluate(value))
            return CacheKeys.send(connector, .write(name, bytes, seconds: seconds), context, to: nil)
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The input failed: \(error.type)"))
        }
    }
}

/// `cache_delete`: forgets keys.
final class CacheDeleteFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "cache_delete", category: .connector, retrySafety: .idempotentWrite,
        summary: "Forgets keys; writes how many were there.",
        fields: [
            .init("connector", .string, required: true, "the name of a cache connector"),
            .init("keys", .logic, required: true, "an expression for a list of keys"),
            .init("output", .path, default: "\"data.cache\"", "where to write {deleted}"),
        ])

    private let connector: String
    private let keys: JSONLogicRule?
    private let output: JSONPath?

    init(input: inout InputReader) {
        connector = input.string("connector") ?? ""
        keys = input.logic("keys")
        output = input.path("output") ?? (try? JSONPath("data.cache"))  // this is a path
    }

    func run(_ context: RunContext) -> TaskResult {
        do throws(JSONLogicError) {
            guard let keys, let names = CacheKeys.list(try context.evaluate(keys)) else {
                return .failed(CacheKeys.badKey)
            }
            return CacheKeys.send(connector, .delete(names), context, to: output)
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The keys failed: \(error.type)"))
        }
    }
}

/// `cache_incr`: counts under a key.
final class CacheIncrementFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "cache_incr", category: .connector, retrySafety: .unsafeWrite,
        summary: "Adds to a number under a key, which begins at 0; writes the new number.",
        fields: [
            .init("connector", .string, required: true, "the name of a cache connector"),
            .init("key", .logic, required: true, "an expression for the key"),
            .init("by", .logic, default: "1", "an expression for what is added"),
            .init("ttl_secs", .integer, "how long it is kept, from when it was made"),
            .init("output", .path, default: "\"data.count\"", "where to write the number"),
        ])

    private let connector: String
    private let key: JSONLogicRule?
    private let by: JSONLogicRule?
    private let seconds: Int?
    private let output: JSONPath?

    init(input: inout InputReader) {
        connector = input.string("connector") ?? ""
        key = input.logic("key")
        by = input.logic("by")
        seconds = input.integer("ttl_secs", in: 1...31_536_000)
        output = input.path("output") ?? (try? JSONPath("data.count"))  // this is a path
    }

    func run(_ context: RunContext) -> TaskResult {
        do throws(JSONLogicError) {
            guard let key, let name = CacheKeys.text(try context.evaluate(key)) else {
                return .failed(CacheKeys.badKey)
            }
            let step = try by.map { rule throws(JSONLogicError) in try context.evaluate(rule).intValue } ?? 1
            guard let step else { return .failed(TaskFailure("FUNCTION_ERROR", "What is added is no whole number.")) }
            return CacheKeys.send(connector, .increment(name, by: step, seconds: seconds), context, to: output)
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The input failed: \(error.type)"))
        }
    }
}
