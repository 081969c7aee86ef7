import JSONTree
import Seeds
import Testing
import XMLCoding

@Suite struct XMLCodingTests {
    private func read(_ xml: String) throws -> String {
        let arena = JSONArena()
        return try Array(xml.utf8).withUnsafeBytes { bytes in
            let value = try XMLReader.parse(bytes, in: arena)
            return withExtendedLifetime(arena) { JSONWriter.string(value) }
        }
    }

    private func write(_ json: String, _ arrays: XMLWriter.Arrays = .item) throws -> String {
        let owned = try OwnedJSON(parsing: Array(json.utf8))
        let bytes = try owned.read { value in
            Result { try XMLWriter.text(value, root: "r", arrays: arrays) }
        }.get()
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `elements, attributes, text and repetitions have their places`() throws {
        #expect(try read("<root><name>Alice</name></root>") == #"{"name":{"$text":"Alice"}}"#)
        #expect(try read(#"<r><p id="1" role="admin"/></r>"#) == #"{"p":{"@id":"1","@role":"admin"}}"#)
        #expect(try read("<r><i>a</i><j/><i>b</i></r>") == #"{"i":[{"$text":"a"},{"$text":"b"}],"j":{}}"#)
        #expect(try read("<r>\n  <a>\n</a>x<b/>y</r>") == #"{"a":{},"b":{},"$text":"\n  xy"}"#)
        #expect(
            try read("<a>1 &lt; 2 &amp; <![CDATA[<3>]]>&#228;&#x1F600;<!-- no --><?no?></a>")
                == #"{"$text":"1 < 2 & <3>ä😀"}"#)
        #expect(
            try read("<?xml version='1.0' encoding='ISO-8859-1'?><s:a xmlns:s='u'>ä</s:a>")
                == #"{"@xmlns:s":"u","$text":"ä"}"#)
    }

    @Test(arguments: [
        "", "text", "<a>", "<a></b>", "<a/><b/>", "<a b='1' b='2'/>", "<a>&nope;</a>", "<a>\u{0}</a>", "<a b=1/>",
        "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1/x'>%p;]><a/>", "<a>&#0;</a>", "<a>]]></a>",
    ])
    func `what is no XML, and what would fetch or expand something, is refused`(text: String) {
        #expect(throws: XMLSyntaxError.self) { try read(text) }
    }

    @Test func `depth is bounded, width is quick`() throws {
        let deep = String(repeating: "<a>", count: 101) + String(repeating: "</a>", count: 101)
        #expect(throws: XMLSyntaxError.self) { try read(deep) }
        let many = "<a>" + String(repeating: "<b/>", count: 100_000) + "</a>"
        #expect(try read(many).utf8.count > 300_000)
        let names = "<a>" + (0..<20_000).map { "<b\($0)/>" }.joined() + "</a>"
        #expect(try read(names).utf8.count > 200_000)
    }

    @Test func `JSON is written as elements`() throws {
        #expect(
            try write(#"{"name":"Alice","age":30,"no":null,"ok":true}"#)
                == "<r><name>Alice</name><age>30</age><no/><ok>true</ok></r>")
        #expect(try write(#"{"l":[1,[2],{}]}"#) == "<r><l><item>1</item><item><item>2</item></item><item/></l></r>")
        #expect(try write(#"{"l":[1,2],"m":[]}"#, .repeated) == "<r><l>1</l><l>2</l></r>")
        #expect(
            try write(#"{"@id":"a\"<\n","$text":"x]]>\r'"}"#) == "<r id=\"a&quot;&lt;&#10;\">x]]&gt;&#13;&apos;</r>")
        #expect(
            try write(#"{"1a":1,"a b":2,"":3,"a@b":4,"-x":5}"#)
                == "<r><_1a>1</_1a><a_b>2</a_b><_element>3</_element><a_b>4</a_b><_-x>5</_-x></r>")
        #expect(try write("[1]") == "<r><item>1</item></r>" && write("\"x\"") == "<r>x</r>" && write("null") == "<r/>")
        let deep = String(repeating: "[", count: 127) + String(repeating: "]", count: 127)
        #expect(try write(deep).hasPrefix("<r><item>"))
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `what was read is written so that it is read the same`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let json = Self.element(depth: 4, &random)

        let xml = try write(json, .repeated)

        #expect(try read(xml) == json, "seed \(seed): \(xml)")
    }

    /// What `XMLReader` could have made: strings in the places it puts them.
    private static func element(depth: Int, _ random: inout SeededRandom) -> String {
        var members: [String] = []
        for name in ["id", "ns:b"] where random.chance(oneIn: 3) { members.append("\"@\(name)\":\(text(&random))") }
        for name in ["a", "ü.x", "_b-1"] where depth > 0 && random.chance(oneIn: 2) {
            let count = Int.random(in: 1...3, using: &random)
            let elements = (0..<count).map { _ in element(depth: depth - 1, &random) }
            members.append("\"\(name)\":" + (count == 1 ? elements[0] : "[\(elements.joined(separator: ","))]"))
        }
        if random.chance(oneIn: 2) { members.append("\"$text\":\(text(&random))") }
        return "{\(members.joined(separator: ","))}"
    }

    private static func text(_ random: inout SeededRandom) -> String {
        let letters = ["x", "<", "&", "'", "]]>", "ä", "😀", "\\\"", "\\n", "\\r", "\\t", " ", "&amp;", "\u{85}"]
        let some = (0..<Int.random(in: 0...6, using: &random)).map { _ in letters.randomElement(using: &random) ?? "" }
        return "\"z\(some.joined())\""
    }
}
