import JSONTree
import Testing
import Vocabulary

@Suite struct JSONValueTests {
    @Test(arguments: [
        ("1", "1.0", true), ("0", "-0", true), ("9007199254740993", "9007199254740992.0", false),
        ("9223372036854775807", "9223372036854775808", false), ("[1,2]", "[2,1]", false),
        (#"{"a":1,"b":[{}]}"#, #"{"b":[{}],"a":1.0}"#, true), (#"{"a":null}"#, #"{"b":null}"#, false),
        ("\"1\"", "1", false),
    ])
    func `equality is by value and goes both ways`(left: String, right: String, equal: Bool) throws {
        let arena = JSONArena()
        let values = (try JSONReader.parse(left, in: arena), try JSONReader.parse(right, in: arena))

        #expect((values.0 == values.1) == equal)
        #expect((values.1 == values.0) == equal)
    }

    @Test(arguments: [
        ("data.items.1", "2"), ("data.#0", "\"zero\""), ("data.0", "\"zero\""), ("data.items.9", nil),
        ("data.none.x", nil),
    ])
    func `a path leads to what it names`(path: String, expected: String?) throws {
        let arena = JSONArena()
        let root = try JSONReader.parse(#"{"data":{"items":[1,2],"0":"zero"}}"#, in: arena)

        #expect(try JSONPath(path).read(from: root).map { JSONWriter.string($0) } == expected)
    }

    @Test(arguments: ["", ".", "a.", ".a", "a..b"])
    func `a path with an empty segment is refused`(text: String) {
        #expect(throws: JSONPath.Malformed.self) { try JSONPath(text) }
    }

    @Test func `a problem is written as the one envelope`() {
        let problem = Problem(
            .validation, "Bad \"name\".", details: [Problem.Detail("name", .required, "Missing.", expected: "string")])

        let text = String(decoding: problem.envelope(requestID: "r1"), as: UTF8.self)

        #expect(
            text == #"{"error":{"code":"VALIDATION_ERROR","message":"Bad \"name\".","details":[{"path":"name","#
                + #""code":"REQUIRED","message":"Missing.","expected":"string"}],"request_id":"r1"}}"#)
    }

    @Test(arguments: Problem.Code.allCases)
    func `every problem has a status that says error`(code: Problem.Code) {
        #expect((400..<600).contains(code.httpStatus))
    }
}
