import Foundation
import JSONLogic
import JSONTree
import Vocabulary

/// `date`: a moment, moved and rounded on a calendar with a time zone, and written as it is wanted.
final class DateFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "date", category: .compute, retrySafety: .pure,
        summary: "Takes a moment (or now), adds to it, goes to the start of a day or month, and writes it.",
        fields: [
            .init("value", .logic, "RFC 3339 text, or seconds since 1970; now where left out"),
            .init("add", .object, "years, months, weeks, days, hours, minutes, seconds, each an expression"),
            .init(
                "start_of", .string, choices: ["year", "month", "day", "hour", "minute"], "go back to where it began"),
            .init("timezone", .string, default: "\"UTC\"", "an IANA name such as Europe/Berlin"),
            .init(
                "format", .string, default: "\"rfc3339\"",
                "rfc3339, date, unix, unix_ms, or a Unicode pattern such as yyyy-MM-dd HH:mm"),
            .init("output", .path, default: "\"data.date\"", "where to write it"),
        ])

    private static let parts: [(name: String, component: Calendar.Component)] = [
        ("years", .year), ("months", .month), ("weeks", .weekOfYear), ("days", .day), ("hours", .hour),
        ("minutes", .minute), ("seconds", .second),
    ]

    private let value: JSONLogicRule?
    private let additions: [(component: Calendar.Component, logic: JSONLogicRule)]
    private let startOf: Calendar.Component?
    private let calendar: Calendar
    private let format: String
    private let output: JSONPath?

    init(input: inout InputReader) {
        value = input.logic("value")
        var additions: [(component: Calendar.Component, logic: JSONLogicRule)] = []
        if let object = input.field("add"), object.isObject {
            var reader = InputReader(object, at: input.at("add"))
            reader.checkNames(Self.parts.map(\.name))
            for (name, component) in Self.parts {
                if let logic = reader.logic(name) { additions.append((component, logic)) }
            }
            input.absorb(reader)
        }
        self.additions = additions
        startOf = input.string("start_of").flatMap { word in
            Self.parts.first { $0.name == word + "s" }?.component
        }
        let zone = input.string("timezone") ?? "UTC"
        var calendar = Calendar(identifier: .gregorian)
        if let known = TimeZone(identifier: zone) {
            calendar.timeZone = known
        } else {
            input.report(.init(input.at("timezone"), .invalid, "There is no such time zone.", got: zone))
        }
        self.calendar = calendar
        format = input.string("format", maxLength: 128) ?? "rfc3339"
        output = input.path("output") ?? (try? JSONPath("data.date"))  // this is a path
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let output else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no output path.")) }
        do throws(JSONLogicError) {
            let given = try value.map { rule throws(JSONLogicError) in try context.evaluate(rule) }
            guard var moment = Self.moment(given, now: context.now) else {
                return .failed(TaskFailure("FUNCTION_ERROR", "The value is no moment."))
            }
            for (component, logic) in additions {
                guard let count = try context.evaluate(logic).intValue, count.magnitude < 1_000_000_000,
                    let moved = calendar.date(byAdding: component, value: Int(count), to: moment),
                    moved.timeIntervalSince1970 < 253_402_300_800, moved.timeIntervalSince1970 >= -62_167_219_200
                else {
                    return .failed(TaskFailure("FUNCTION_ERROR", "What is added is no whole number of a sane size."))
                }
                moment = moved
            }
            if let startOf, let start = calendar.dateInterval(of: startOf, for: moment)?.start { moment = start }
            return context.set(output, to: written(moment, in: context.arena))
                ? .status(200) : .failed(TaskFailure("FUNCTION_ERROR", "Nothing can be written at `\(output.text)`."))
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The input failed: \(error.type)"))
        }
    }

    private static func moment(_ value: JSONValue?, now: @autoclosure () -> Timestamp) -> Date? {
        guard let value else { return Date(timeIntervalSince1970: Double(now().microseconds) / 1e6) }
        if let seconds = value.doubleValue { return abs(seconds) < 1e11 ? Date(timeIntervalSince1970: seconds) : nil }
        return value.stringValue.flatMap(Timestamp.init(rfc3339:)).map {
            Date(timeIntervalSince1970: Double($0.microseconds) / 1e6)
        }
    }

    private func written(_ moment: Date, in arena: JSONArena) -> JSONValue {
        switch format {
        case "unix": return .int(Int64(moment.timeIntervalSince1970.rounded(.down)))
        case "unix_ms": return .int(Int64((moment.timeIntervalSince1970 * 1000).rounded(.down)))
        case "rfc3339": return .string(pattern("yyyy-MM-dd'T'HH:mm:ssXXXXX", moment), in: arena)
        case "date": return .string(pattern("yyyy-MM-dd", moment), in: arena)
        default: return .string(pattern(format, moment), in: arena)
        }
    }

    private func pattern(_ text: String, _ moment: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.calendar = calendar
        formatter.timeZone = calendar.timeZone
        formatter.dateFormat = text
        return formatter.string(from: moment)
    }
}
