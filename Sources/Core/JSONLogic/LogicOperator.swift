/// Every operator, by the name it has in rules.
package enum LogicOperator: String, Sendable, CaseIterable {
    case `var`, val, exists, missing
    case missingSome = "missing_some"
    case equals = "=="
    case strictEquals = "==="
    case notEquals = "!="
    case strictNotEquals = "!=="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case and, or
    case not = "!"
    case truthy = "!!"
    case `if`
    case ternary = "?:"
    case coalesce = "??"
    case `switch`, match, type, `try`, `throw`
    case plus = "+"
    case minus = "-"
    case times = "*"
    case divide = "/"
    case modulo = "%"
    case max, min, abs, ceil, floor, round
    case cat, substr, `in`, length, upper, lower, trim, split, join
    case startsWith = "starts_with"
    case endsWith = "ends_with"
    case merge, map, filter, reduce, all, some, none, sort, slice, distinct, keys, values, entries
    case groupBy = "group_by"
    case now, datetime
    case parseDate = "parse_date"
    case formatDate = "format_date"
    case dateDiff = "date_diff"
    case timestamp
    case base64Encode = "base64_encode"
    case base64Decode = "base64_decode"
    case hexEncode = "hex_encode"
    case hexDecode = "hex_decode"
    case urlEncode = "url_encode"
    case urlDecode = "url_decode"
    case random
    case semVer = "sem_ver"
    case fractional, preserve

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
