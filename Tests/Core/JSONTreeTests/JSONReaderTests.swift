import JSONTree
import Testing

@Suite struct JSONReaderTests {
    static let refusals: [(text: [UInt8], reason: JSONSyntaxError.Reason, offset: Int)] = [
        ([], .empty, 0), (Array(" \n".utf8), .empty, 2), (Array("1 2".utf8), .trailing, 2),
        (Array("[1,]".utf8), .unexpected, 3), (Array("{\"a\":1,}".utf8), .unexpected, 7),
        (Array("{a:1}".utf8), .unexpected, 1), (Array("[1".utf8), .truncated, 2), (Array("\"a".utf8), .truncated, 2),
        (Array("01".utf8), .badNumber, 1), (Array("-".utf8), .badNumber, 1), (Array("1.".utf8), .badNumber, 2),
        (Array("+1".utf8), .unexpected, 0), (Array("NaN".utf8), .unexpected, 0), (Array("\"\\x\"".utf8), .badEscape, 1),
        (Array("\"\\u12\"".utf8), .badEscape, 1), (Array("\"\\ud800\"".utf8), .loneSurrogate, 1),
        (Array("\"\\udc00\"".utf8), .loneSurrogate, 1), (Array("\"\\ud800\\u0041\"".utf8), .loneSurrogate, 1),
        (Array("\"a\u{1}\"".utf8), .control, 2), ([0x22, 0xFF, 0x22], .badUTF8, 1),
        ([0x22, 0xC0, 0x80, 0x22], .badUTF8, 1),
        ([0x22, 0xED, 0xA0, 0x80, 0x22], .badUTF8, 1), ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], .badUTF8, 1),
        ([0x22, 0xE2, 0x82], .badUTF8, 1), ([0x31, 0x00], .trailing, 1), ([0xEF, 0xBB, 0xBF, 0x31], .unexpected, 0),
    ]

    @Test(arguments: refusals.indices)
    func `what is not JSON is refused with reason and place`(index: Int) {
        let (text, reason, offset) = Self.refusals[index]

        let error = #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(text, in: JSONArena()) }

        #expect(error?.reason == reason, "\(String(decoding: text, as: UTF8.self))")
        #expect(error?.offset == offset, "\(String(decoding: text, as: UTF8.self))")
    }

    @Test(arguments: ["1e999", "-1e400", "[1.5e309]"])
    func `a number no double can hold is refused`(text: String) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(text, in: JSONArena()) }

        #expect(error?.reason == .numberOutOfRange)
    }

    @Test func `line and column count from one`() {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONReader.parse("{\n  \"a\": x\n}", in: JSONArena()) }

        #expect(error?.line == 2)
        #expect(error?.column == 8)
        #expect(error?.message == "unexpected character at line 2, column 8")
    }

    @Test(arguments: [1, 5, 128])
    func `depth is bounded where it is said`(depth: Int) throws {
        let fits = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        let arena = JSONArena()

        _ = try JSONReader.parse(fits, in: arena, limits: JSONLimits(depth: depth))

        let error = #expect(throws: JSONSyntaxError.self) {
            try JSONReader.parse("[" + fits + "]", in: arena, limits: JSONLimits(depth: depth))
        }
        #expect(error?.reason == .tooDeep)
    }

    @Test(arguments: [2, 16, 17, 40, 500])
    func `the last of several members with one name wins at the first one's place`(count: Int) throws {
        let members = (0..<count).map { "\"k\($0)\":\($0)" }
        let text = "{" + (members + ["\"k1\":\"again\""]).joined(separator: ",") + "}"

        let arena = JSONArena()
        let value = try JSONReader.parse(text, in: arena)

        #expect(value.count == count)
        #expect(value.key(at: 1).stringValue == "k1")
        #expect(value.value(at: 1).stringValue == "again")
    }

    @Test func `escapes become the characters they name`() throws {
        let arena = JSONArena()
        let value = try JSONReader.parse(#""\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00""#, in: arena)

        #expect(value.stringValue == "\"\\/\u{8}\u{C}\n\r\té€😀")
    }

    @Test func `a large object keeps every member in order`() throws {
        let names = (0..<50_000).map { String($0, radix: 2) }

        let arena = JSONArena()
        let value = try JSONReader.parse(
            "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}", in: arena)

        let kept = (0..<value.count).map { value.key(at: $0).stringValue }
        #expect(kept.elementsEqual(names), "\(value.count) members")
    }
}
