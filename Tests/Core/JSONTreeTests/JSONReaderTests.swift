import JSONTree
import Seeds
import Testing

@Suite struct JSONReaderTests {
    /// A random value, as text.
    static func text(depth: Int, _ random: inout SeededRandom) -> String {
        switch Int.random(in: 0..<(depth > 4 ? 6 : 8), using: &random) {
        case 0: "null"
        case 1: Bool.random(using: &random) ? "true" : "false"
        case 2: String(Int64.random(in: .min ... .max, using: &random))
        case 3: String(Double.random(in: -1e9...1e9, using: &random))
        case 4:
            "\"\(["", "a", "zwölf", "\\n\\u0041\\uD83D\\uDC4B", "a longer text without anything special"].randomElement(using: &random) ?? "")\""
        case 5: String(Int.random(in: -99...99, using: &random))
        case 6:
            "["
                + (0..<Int.random(in: 0..<5, using: &random)).map { _ in text(depth: depth + 1, &random) }
                .joined(separator: ",") + "]"
        default:
            "{"
                + (0..<Int.random(in: 0..<5, using: &random)).map { "\"k\($0)\": \(text(depth: depth + 1, &random))" }
                .joined(separator: ", ") + "}"
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `what is written reads back the same`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let arena = JSONArena()
        let value = try JSONReader.parse(Self.text(depth: 0, &random), in: arena)

        let again = try JSONReader.parse(JSONWriter.string(value), in: arena)

        #expect(again == value)
        #expect(JSONWriter.string(again) == JSONWriter.string(value))
    }

    @Test(arguments: 0..<2000 as Range<UInt64>)
    func `no mutation of a text crashes the reader`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var bytes = Array(Self.text(depth: 0, &random).utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        let arena = JSONArena()

        if let value = try? JSONReader.parse(bytes, in: arena) {
            #expect((try? JSONReader.parse(JSONWriter.bytes(value), in: arena)) == value)
        }
    }

    @Test(arguments: [
        ("", JSONSyntaxError.Reason.empty), ("  ", .empty), ("{\"a\":1}x", .trailing), ("[1,]", .unexpected),
        ("01", .badNumber), ("1.", .badNumber), ("1e", .badNumber), ("1e999", .numberOutOfRange),
        ("\"\\x\"", .badEscape),
        ("\"\\uD800\"", .loneSurrogate), ("\"\\uDC00\"", .loneSurrogate), ("\"a", .truncated), ("[1", .truncated),
        ("\"\u{1}\"", .control), ("nul", .unexpected), ("{1:2}", .unexpected),
    ])
    func `bad text is refused with its reason`(text: String, reason: JSONSyntaxError.Reason) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(text, in: JSONArena()) }

        #expect(error?.reason == reason)
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
        ] as [[UInt8]])
    func `invalid UTF-8 is refused`(bytes: [UInt8]) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(bytes, in: JSONArena()) }

        #expect(error?.reason == .badUTF8)
    }

    @Test func `depth is bounded`() throws {
        let text = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }

        _ = try JSONReader.parse(text(128), in: JSONArena())

        let error = #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(text(129), in: JSONArena()) }
        #expect(error?.reason == .tooDeep)
    }

    @Test func `integers are exact and order is kept`() throws {
        let text = #"{"z":9223372036854775807,"a":-9223372036854775808,"big":18446744073709551616,"d":0.1}"#

        #expect(JSONWriter.string(try JSONReader.parse(text, in: JSONArena())) == text)
    }

    @Test(arguments: [3, 40])
    func `the last of several members with one name wins`(members: Int) throws {
        let text = "{" + (0..<members).map { "\"k\($0)\":0," }.joined() + "\"k1\":7}"

        let value = try JSONReader.parse(text, in: JSONArena())

        #expect(value.count == members)
        #expect(value.member("k1")?.intValue == 7)
    }
}
