import JSONTree
import Seeds
import Testing

@testable import Cases

/// What a case may expect, and how what came is compared with it.
@Suite struct ExpectationTests {
    private static func met(_ actual: String, _ expected: String, exactly: Bool = false) throws -> Bool {
        let arena = JSONArena()
        let wanted = try JSONReader.parse(expected, in: arena)
        let seen = Expectation.projected(
            try JSONReader.parse(actual, in: arena), onto: wanted, exactly: exactly, in: arena)
        return withExtendedLifetime(arena) { seen == wanted }
    }

    @Test(arguments: [
        (#"{"a":1,"b":2}"#, #"{"a":1}"#, true), (#"{"a":1}"#, #"{"a":1,"b":2}"#, false),
        (#"{"a":{"b":1,"c":2}}"#, #"{"a":{"b":1}}"#, true), (#"{"a":2}"#, #"{"a":1}"#, false),
        ("[1,2]", "[1]", false), ("[1]", "[1,2]", false), (#"[{"a":1,"b":2}]"#, #"[{"a":1}]"#, true),
        ("1.0", "1", true), ("\"1\"", "1", false), ("null", "{}", false),
        (#"{"id":"018f5f8e-7a61-7000-8000-0123456789ab"}"#, #"{"id":{"$match":"uuid"}}"#, true),
        (#"{"id":"x"}"#, #"{"id":{"$match":"uuid"}}"#, false), ("{}", #"{"id":{"$match":"any"}}"#, false),
        ("3", #"{"$match":"integer"}"#, true), ("3.5", #"{"$match":"integer"}"#, false),
        (#""2026-01-31T12:00:00Z""#, #"{"$match":"timestamp"}"#, true),
    ])
    func `members that are not named do not matter, and everything else does`(
        actual: String, expected: String, isMet: Bool
    ) throws {
        #expect(try Self.met(actual, expected) == isMet)
    }

    @Test func `exactly leaves nothing over`() throws {
        #expect(try Self.met(#"{"a":1}"#, #"{"a":1}"#, exactly: true))
        #expect(try !Self.met(#"{"a":1,"b":2}"#, #"{"a":1}"#, exactly: true))
        #expect(try !Self.met(#"{"a":{"c":1,"d":2}}"#, #"{"a":{"c":1}}"#, exactly: true))
    }

    private static func random(_ random: inout SeededRandom, depth: Int, in arena: JSONArena) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &random) {
        case 0: return .null
        case 1: return .bool(random.chance(oneIn: 2))
        case 2: return .int(Int64.random(in: -5...5, using: &random))
        case 3: return .string("s\(Int.random(in: 0..<4, using: &random))", in: arena)
        case 4:
            var array = JSONArrayBuilder(in: arena)
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                array.append(Self.random(&random, depth: depth - 1, in: arena))
            }
            return array.finish()
        default:
            var object = JSONObjectBuilder(in: arena)
            for name in ["a", "b", "c", "d"] where random.chance(oneIn: 2) {
                object.append(key: name, Self.random(&random, depth: depth - 1, in: arena))
            }
            return object.finish()
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `everything meets itself, and accepting what came is always enough`(seed: UInt64) {
        var source = SeededRandom(seed: seed)
        let arena = JSONArena()
        let one = Self.random(&source, depth: 4, in: arena)
        let other = Self.random(&source, depth: 4, in: arena)

        for exactly in [false, true] {
            let accepted = Expectation.projected(one, onto: other, exactly: exactly, in: arena)
            #expect(Expectation.projected(one, onto: one, exactly: exactly, in: arena) == one, "seed \(seed)")
            #expect(
                Expectation.projected(one, onto: accepted, exactly: exactly, in: arena) == accepted, "seed \(seed)")
            if exactly { #expect(accepted == one, "seed \(seed)") }
        }
        withExtendedLifetime(arena) {}
    }
}
