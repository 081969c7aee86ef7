import JSONLogic
import JSONTree
import Outbound

/// What `db_read` and `db_write` have in common: one statement, its parameters as expressions.
struct DatabaseInput: Sendable {
    static let fields: [FunctionDescription.Field] = [
        .init("connector", .string, required: true, "the name of a db connector"),
        .init("query", .string, required: true, "one SQL statement; values come in as parameters"),
        .init("params", .array, default: "[]", "an expression for each parameter, in order"),
        .init("output", .path, default: "\"data\"", "where to write the result"),
    ]

    private let connector: String
    private let statement: String
    private let parameters: [JSONLogicRule]
    private let output: JSONPath?

    init(_ input: inout InputReader) {
        connector = input.string("connector") ?? ""
        statement = input.string("query") ?? ""
        output = input.path("output") ?? (try? JSONPath("data"))  // this is a path
        var parameters: [JSONLogicRule] = []
        if let list = input.field("params"), list.isArray {
            for index in 0..<list.count {
                if let rule = input.compile(list[index], field: "params[\(index)]") { parameters.append(rule) }
            }
        }
        self.parameters = parameters
    }

    /// The first word of the statement, in capitals.
    var verb: String {
        String(statement.drop { $0.isWhitespace || $0 == "(" }.prefix { $0.isLetter }).uppercased()
    }

    func run(_ context: RunContext, writes: Bool) -> TaskResult {
        guard let output else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no output path.")) }
        do throws(JSONLogicError) {
            var values: [SQLValue] = []
            for rule in parameters { values.append(Self.value(try context.evaluate(rule))) }
            var made = DatabaseCall(
                connector: connector, channel: context.chain.last ?? "", statement: statement, parameters: values,
                writes: writes, deadline: context.budget.deadline)
            made.spans = context.spans
            let call = made
            let connectors = context.connectors
            return .wait {
                do throws(TaskFailure) {
                    return .value(try WaitResult.json(try await connectors.callDatabase(call)), output: output)
                } catch { return .failed(error) }
            }
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "A parameter failed: \(error.type)"))
        }
    }

    /// What is no single value goes as JSON text.
    private static func value(_ value: JSONValue) -> SQLValue {
        if let text = value.stringValue { return .text(text) }
        if let whole = value.intValue { return .integer(whole) }
        if let flag = value.boolValue { return .bool(flag) }
        if value.isNull { return .null }
        if value.kind == .double, let real = value.doubleValue { return .real(real) }
        return .json(JSONWriter.bytes(value))
    }
}

extension WaitResult {
    /// What a connector answered, as a value.
    static func json(_ bytes: [UInt8]) throws(TaskFailure) -> OwnedJSON {
        do throws(JSONSyntaxError) { return try OwnedJSON(parsing: bytes) } catch {
            throw TaskFailure("DESERIALIZATION_ERROR", "The answer is not JSON: \(error.message)")
        }
    }
}

/// `db_read`: rows of a database, as objects.
final class DatabaseReadFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "db_read", category: .connector, retrySafety: .read,
        summary: "Asks a database with one statement and parameters; writes the rows as objects.",
        fields: DatabaseInput.fields)

    private let input: DatabaseInput

    init(input: inout InputReader) {
        self.input = DatabaseInput(&input)
        if !["SELECT", "WITH", "VALUES", "TABLE"].contains(self.input.verb), input.details.isEmpty {
            input.report(
                .init(
                    input.at("query"), .invalid, "A statement that reads begins with SELECT, WITH, VALUES or TABLE.",
                    got: self.input.verb))
        }
    }

    func run(_ context: RunContext) -> TaskResult { input.run(context, writes: false) }
}

/// `db_write`: changes rows of a database.
final class DatabaseWriteFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "db_write", category: .connector, retrySafety: .unsafeWrite,
        summary: "Changes a database with one statement with parameters; writes rows_affected, last_insert_id, rows.",
        fields: DatabaseInput.fields)

    private let input: DatabaseInput

    init(input: inout InputReader) { self.input = DatabaseInput(&input) }

    func run(_ context: RunContext) -> TaskResult { input.run(context, writes: true) }
}
