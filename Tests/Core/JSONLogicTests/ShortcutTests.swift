import JSONLogic
import JSONTree
import Seeds
import Testing

/// Loops over plain numbers take a shortcut; it must never be seen.
@Suite struct ShortcutTests {
    /// The same rules, once as the shortcuts know them and once so that they do not.
    private static let pairs: [(quick: String, general: String)] = [
        (
            #"{"filter":[{"var":"items"},{">":[{"var":"price"},50]}]}"#,
            #"{"filter":[{"var":"items"},{"and":[{">":[{"var":"price"},50]}]}]}"#
        ),
        (
            #"{"filter":[{"var":"items"},{"!=":[{"var":"price"},2.5]}]}"#,
            #"{"filter":[{"var":"items"},{"and":[{"!=":[{"var":"price"},2.5]}]}]}"#
        ),
        (
            #"{"reduce":[{"var":"items"},{"+":[{"var":"accumulator"},{"var":"current.price"}]},0]}"#,
            #"{"reduce":[{"var":"items"},{"+":[{"var":"accumulator"},{"val":["current","price"]}]},0]}"#
        ),
        (
            #"{"reduce":[{"var":"numbers"},{"*":[{"var":"current"},{"var":"accumulator"}]},1.5]}"#,
            #"{"reduce":[{"var":"numbers"},{"*":[{"val":"current"},{"var":"accumulator"}]},1.5]}"#
        ),
        (
            #"{"reduce":[{"filter":[{"var":"items"},{"<=":[{"var":"price"},7]}]},{"+":[{"var":"accumulator"},{"var":"current.price"}]},0]}"#,
            #"{"reduce":[{"filter":[{"var":"items"},{"and":[{"<=":[{"var":"price"},7]}]}]},{"+":[{"var":"accumulator"},{"val":["current","price"]}]},0]}"#
        ),
    ]

    private static let prices = [
        "7", "50", "51", "-3", "2.5", "0.5", "1e300", "9223372036854775807", "18446744073709551616", "null", "true",
        "\"12\"", "\"many\"", "[]", "{}",
    ]

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `a shortcut answers what the general way answers`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let plain = Bool.random(using: &random)
        let known = plain ? Array(Self.prices.prefix(6)) : Self.prices
        let prices = (0..<Int.random(in: 0..<12, using: &random)).map { _ in known.randomElement(using: &random) ?? "1"
        }
        let items = prices.map { price in
            switch Int.random(in: 0..<4, using: &random) {
            case 0: #"{"price":\#(price)}"#
            case 1: #"{"id":1,"price":\#(price)}"#
            case 2: #"{"price":\#(price),"id":1}"#
            default: plain ? #"{"id":2,"price":\#(price)}"# : #"{"id":2}"#
            }
        }
        let data = "{\"items\":[\(items.joined(separator: ","))],\"numbers\":[\(prices.joined(separator: ","))]}"

        for pair in Self.pairs {
            #expect(
                Self.answer(pair.quick, data) == Self.answer(pair.general, data), "seed \(seed): \(pair.quick) \(data)")
        }
    }

    @Test func `what a filter keeps may be changed without changing its source`() throws {
        let arena = JSONArena()
        let data = try JSONReader.parse(#"{"items":[{"price":1},{"price":2}]}"#, in: arena)
        let rule = try JSONLogicRule.compile(
            JSONReader.parse(#"{"filter":[{"var":"items"},{">":[{"var":"price"},1]}]}"#, in: arena))

        var document = JSONDocument(root: try rule.evaluate(data, in: arena), arena: arena)
        _ = try document.set(JSONPath("0.price"), to: .int(9))

        #expect(JSONWriter.string(data) == #"{"items":[{"price":1},{"price":2}]}"#)
    }

    private static func answer(_ rule: String, _ data: String) -> String {
        let arena = JSONArena()
        do {
            let compiled = try JSONLogicRule.compile(JSONReader.parse(rule, in: arena))
            return JSONWriter.string(try compiled.evaluate(JSONReader.parse(data, in: arena), in: arena))
        } catch {
            return "\(error)"
        }
    }
}
