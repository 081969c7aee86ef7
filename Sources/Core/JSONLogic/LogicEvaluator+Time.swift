import CJSON
import JSONTree
import Vocabulary

extension LogicEvaluator {
    mutating func time(
        _ name: LogicOperator, _ node: UnsafeMutablePointer<LogicNode>
    ) throws(JSONLogicError) -> JSONValue {
        if name == .now {
            let now = budget.now ?? Timestamp.now()
            return moment(LogicMoment(microseconds: now.microseconds / 1_000_000 * 1_000_000))
        }
        let values = try arguments(node)
        guard values.count > 0 else { throw .invalidArguments }
        switch name {
        case .datetime:
            guard let found = Self.moment(of: values[0]) else { throw .invalidArguments }
            return moment(found)
        case .timestamp:
            guard let found = Self.span(of: values[0]) else { throw .invalidArguments }
            return span(found)
        case .parseDate:
            guard values.count >= 2, let text = values[0].stringValue, let pattern = values[1].stringValue,
                let found = DatePattern(pattern).parse(text)
            else { throw .invalidArguments }
            return moment(found)
        case .formatDate:
            guard values.count >= 2, let found = Self.moment(of: values[0]), let pattern = values[1].stringValue else {
                throw .invalidArguments
            }
            return .string(DatePattern(pattern).format(found), in: arena)
        default: return try difference(values)
        }
    }

    private func difference(_ values: JSONValue) throws(JSONLogicError) -> JSONValue {
        guard values.count >= 3, let left = Self.moment(of: values[0]), let right = Self.moment(of: values[1]),
            let unit = values[2].stringValue
        else { throw .invalidArguments }
        let microseconds = left.microseconds - right.microseconds
        switch unit {
        case "milliseconds", "millisecond": return .int(microseconds / 1000)
        case "seconds", "second": return .int(microseconds / 1_000_000)
        case "minutes", "minute": return .int(microseconds / 60_000_000)
        case "hours", "hour": return .int(microseconds / 3_600_000_000)
        case "days", "day": return .int(microseconds / 86_400_000_000)
        case "weeks", "week": return .int(microseconds / 604_800_000_000)
        default: throw .invalidArguments
        }
    }

    func moment(_ value: LogicMoment) -> JSONValue {
        JSONValue.string(value.text, in: arena).flagged(JSONValue.momentFlag)
    }

    func span(_ value: LogicSpan) -> JSONValue {
        JSONValue.string(value.text, in: arena).flagged(JSONValue.spanFlag)
    }

    /// A moment in any of its guises: made here, `{"datetime":…}` in data, or text in RFC 3339.
    static func moment(of value: JSONValue) -> LogicMoment? {
        if let text = value.stringValue { return LogicMoment(text) }
        return value.member("datetime")?.stringValue.flatMap { LogicMoment($0) }
    }

    static func span(of value: JSONValue) -> LogicSpan? {
        if let text = value.stringValue { return LogicSpan(text) }
        return value.member("timestamp")?.stringValue.flatMap { LogicSpan($0) }
    }

    private static func isTime(_ value: JSONValue) -> Bool {
        value.isString
            ? value.isMoment || value.isSpan
            : value.isObject && value.count == 1
                && (value.member("datetime") != nil || value.member("timestamp") != nil)
    }

    /// Both as microseconds, where they are both moments or both spans and at least one says so.
    static func timePair(_ left: JSONValue, _ right: JSONValue) -> (left: Int64, right: Int64)? {
        guard isTime(left) || isTime(right) else { return nil }
        if let one = moment(of: left), let other = moment(of: right) { return (one.microseconds, other.microseconds) }
        if let one = span(of: left), let other = span(of: right) { return (one.microseconds, other.microseconds) }
        return nil
    }

    private func moved(_ from: LogicMoment, by span: Int64) throws(JSONLogicError) -> JSONValue {
        guard let to = from.adding(span) else { throw .notANumber }
        return moment(to)
    }

    func timeArithmetic(
        _ name: LogicOperator, _ left: JSONValue, _ right: JSONValue
    ) throws(JSONLogicError) -> JSONValue? {
        guard Self.isTime(left) || Self.isTime(right) else { return nil }
        if let one = Self.moment(of: left) {
            if let other = Self.span(of: right), name == .plus || name == .minus {
                return try moved(one, by: name == .plus ? other.microseconds : -other.microseconds)
            }
            if let other = Self.moment(of: right), name == .minus {
                return span(LogicSpan(microseconds: one.microseconds - other.microseconds))
            }
            throw .notANumber
        }
        if let one = Self.span(of: left) {
            if let other = Self.span(of: right), name == .plus || name == .minus {
                let sign: Int64 = name == .plus ? 1 : -1
                return span(LogicSpan(microseconds: one.microseconds + sign * other.microseconds))
            }
            if let other = Self.moment(of: right), name == .plus { return try moved(other, by: one.microseconds) }
            let factor = try Self.number(right)
            guard name == .times || name == .divide && factor != 0 else { throw .notANumber }
            let scaled = name == .times ? Double(one.microseconds) * factor : Double(one.microseconds) / factor
            guard abs(scaled) < 9e18 else { throw .notANumber }
            return span(LogicSpan(microseconds: Int64(scaled)))
        }
        throw .notANumber
    }
}

extension JSONValue {
    static let momentFlag: UInt8 = 1
    static let spanFlag: UInt8 = 2

    /// A string that is a moment, made by `datetime` and its like.
    var isMoment: Bool { raw.flags == Self.momentFlag }
    /// A string that is a length of time, made by `timestamp`.
    var isSpan: Bool { raw.flags == Self.spanFlag }
}
