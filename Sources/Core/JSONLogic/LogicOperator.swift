/// Every operator, by the name it has in rules.
package enum LogicOperator: String, Sendable, CaseIterable {
    case `var`, val, exists, missing, missingSome = "missing_some"
    case equals = "==", strictEquals = "===", notEquals = "!=", strictNotEquals = "!=="
    case less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
    case and, or, not = "!", truthy = "!!", `if`, ternary = "?:", coalesce = "??"
    case `switch`, match, type, `try`, `throw`
    case plus = "+", minus = "-", times = "*", divide = "/", modulo = "%", max, min, abs, ceil, floor, round
    case cat, substr, `in`, length, upper, lower, trim, split, join, startsWith = "starts_with"
    case endsWith = "ends_with"
    case merge, map, filter, reduce, all, some, none, sort, slice, distinct, keys, values, entries
    case groupBy = "group_by"
    case now, datetime, parseDate = "parse_date", formatDate = "format_date", dateDiff = "date_diff", timestamp
    case base64Encode = "base64_encode", base64Decode = "base64_decode", hexEncode = "hex_encode"
    case hexDecode = "hex_decode", urlEncode = "url_encode", urlDecode = "url_decode", random
    case semVer = "sem_ver", fractional, preserve

    /// How many arguments it takes.
    var arity: ClosedRange<Int> {
        switch self {
        case .var, .val, .exists, .missing, .and, .or, .if, .ternary, .coalesce, .plus, .times, .cat, .merge,
            .preserve, .type, .now, .random, .not, .truthy, .switch, .match, .semVer, .fractional, .trim:
            0...Int.max
        case .equals, .strictEquals, .notEquals, .strictNotEquals, .less, .lessOrEqual, .greater, .greaterOrEqual,
            .modulo:
            2...Int.max
        case .missingSome: 2...2
        case .minus, .divide, .max, .min, .try: 1...Int.max
        case .throw, .abs, .ceil, .floor, .length, .upper, .lower, .distinct, .keys, .values, .entries,
            .datetime, .timestamp, .base64Encode, .base64Decode, .hexEncode, .hexDecode, .urlEncode, .urlDecode:
            1...Int.max
        case .round: 1...2
        case .substr: 2...3
        case .in, .startsWith, .endsWith, .parseDate, .formatDate, .split: 2...2
        case .join: 1...2
        case .map, .filter, .all, .some, .none, .groupBy: 2...2
        case .reduce: 2...3
        case .sort: 1...3
        case .slice: 1...4
        case .dateDiff: 3...3
        }
    }

    /// Whether it needs its arguments in an array; a single value would be a slip.
    var needsList: Bool {
        switch self {
        case .and, .or, .if, .ternary, .map, .filter, .reduce, .all, .some, .none, .equals, .strictEquals, .notEquals,
            .strictNotEquals, .less, .lessOrEqual, .greater, .greaterOrEqual, .switch, .match:
            true
        default: false
        }
    }

    static let byName: [String: LogicOperator] = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })
}
