import JSONLogic
import JSONTree
import Seeds
import Testing

/// Rules over the largest, smallest and strangest values, as strangers may send them: an answer or an error, never a trap.
@Suite struct ExtremesTests {
    private static let operators = [
        "!", "!!", "!=", "!==", "%", "*", "+", "-", "/", "<", "<=", "==", "===", ">", ">=", "?:", "??", "abs", "all",
        "and", "cat", "ceil", "date_diff", "datetime", "distinct", "ends_with", "filter", "floor", "format_date", "if",
        "in", "length", "map", "max", "merge", "min", "missing", "none", "or", "parse_date", "reduce", "round", "slice",
        "some", "sort", "split", "starts_with", "substr", "timestamp", "trim", "upper", "val", "var",
    ]
    private static let extremes = [
        "-9223372036854775808", "9223372036854775807", "-1", "0", "1.5", "-0.0", "1e308", "-1e308", "1e19", "-9.3e18",
        "\"\"", "\"-9223372036854775808\"", "\"99999999d\"", "\"-99999999d\"", "\"99999999d:99999999d\"",
        "\"-9223372036854775808d\"", "\"1d\"", "\"0000-01-01T00:00:00+23:59\"", "\"9999-12-31T23:59:59-23:59\"", "null",
        "true", "[]", "[-9223372036854775808,9223372036854775807]", "{}", #"{"timestamp":"99999999d"}"#,
        #"{"timestamp":"-99999999d:-6751992d:-4h:-54s"}"#, #"{"timestamp":"-9223372036854775808d"}"#,
        #"{"datetime":"9999-12-31T23:59:59Z"}"#, #"{"datetime":"0000-01-01T00:00:00Z"}"#,
        #"{"datetime":"1969-12-31T23:59:59.3Z"}"#, "\"yyyy-MM-dd\"", "\"é€\"", "\"days\"",
    ]

    private static func value(_ depth: Int, _ random: inout SeededRandom) -> String {
        if depth > 0, random.chance(oneIn: 2) { return rule(depth - 1, &random) }
        if random.chance(oneIn: 3) { return "{\"var\":\"\(["a", "b", "c"].randomElement(using: &random) ?? "a")\"}" }
        return extremes.randomElement(using: &random) ?? "null"
    }

    private static func rule(_ depth: Int, _ random: inout SeededRandom) -> String {
        let arguments = (0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth, &random) }
        return "{\"\(operators.randomElement(using: &random) ?? "!")\":[\(arguments.joined(separator: ","))]}"
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `every rule has an answer or an error`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            let data = ["a", "b", "c"].map { "\"\($0)\":\(Self.extremes.randomElement(using: &random) ?? "null")" }
            let line = "{\"rule\":\(Self.rule(3, &random)),\"data\":{\(data.joined(separator: ","))}}"
            let answer = Array(line.utf8).withUnsafeBytes { JSONLogicLine.answer($0) }
            #expect(answer.starts(with: "{\"result\":".utf8) || answer.starts(with: "{\"error\":".utf8), "\(line)")
        }
    }
}
