import JSONLogic
import JSONTree
import Vocabulary

/// Nanoseconds for one evaluation of two rules, each compiled once: on parsed data, and from text.
/// `Benchmarks/logic_rival.py` measures the same for datalogic-py.
let items = (0..<200).map { "{\"id\":\($0),\"price\":\($0 * 7 % 101)}" }.joined(separator: ",")
let scenarios = [
    ("comparison", #"{">":[{"var":"a"},10]}"#, #"{"a":25,"b":"x"}"#, 200_000),
    (
        "filter and reduce of 200",
        #"{"reduce":[{"filter":[{"var":"items"},{">":[{"var":"price"},50]}]},{"+":[{"var":"accumulator"},{"var":"current.price"}]},0]}"#,
        "{\"items\":[\(items)]}", 5000
    ),
]

func median(_ rounds: Int, of measure: () throws -> Double) rethrows -> Int {
    var times: [Double] = []
    for _ in 0..<rounds { times.append(try measure()) }
    return Int(times.sorted()[rounds / 2])
}

for (name, ruleText, dataText, count) in scenarios {
    let owner = JSONArena()
    let rule = try JSONLogicRule.compile(JSONReader.parse(ruleText, in: owner))
    let data = try JSONReader.parse(dataText, in: owner)
    let bytes = Array(dataText.utf8)
    let arena = JSONArena()
    let parsed = try median(9) {
        let start = Stopwatch.nanoseconds()
        for _ in 0..<count {
            arena.reset()
            _ = try rule.evaluate(data, in: arena)
        }
        return Double(Stopwatch.nanoseconds() - start) / Double(count)
    }
    let text = try median(9) {
        let start = Stopwatch.nanoseconds()
        for _ in 0..<count {
            arena.reset()
            _ = try rule.evaluate(try JSONReader.parse(bytes, in: arena), in: arena)
        }
        return Double(Stopwatch.nanoseconds() - start) / Double(count)
    }
    print("{\"rule\":\"\(name)\",\"parsed_ns\":\(parsed),\"text_ns\":\(text)}")
}
