import JSONTree
import Seeds
import Testing

@Suite struct JSONDocumentTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `what was read before keeps its content when the document is written`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let arena = JSONArena()
        let start = try JSONReader.parse(#"{"a":{"b":{"c":1},"l":[1,2,3]},"d":[{"e":1},{"e":2}]}"#, in: arena)
        var document = JSONDocument(root: start, arena: arena)
        let paths = ["a", "a.b", "a.b.c", "a.l", "a.l.0", "a.l.3", "d.0.e", "d.1", "a.n.m", "x.y.z", "d"]
        var seen: [(value: JSONValue, text: String)] = [(start, JSONWriter.string(start))]
        for step in 0..<20 {
            let path = try JSONPath(paths.randomElement(using: &random) ?? "a")
            if Bool.random(using: &random), let value = document.read(path) {
                seen.append((value, JSONWriter.string(value)))
            }
            let target = try JSONPath(paths.randomElement(using: &random) ?? "a")
            if Int.random(in: 0..<4, using: &random) == 0 {
                document.remove(target)
            } else {
                let value = seen.randomElement(using: &random)?.value ?? .null
                if JSONWriter.string(value).utf8.count < 500 {
                    _ = document.set(target, to: Bool.random(using: &random) ? value : .int(Int64(step)))
                }
            }
        }

        for (value, text) in seen { #expect(JSONWriter.string(value) == text) }
    }

    @Test func `a scalar in the way is not overwritten by a path through it`() throws {
        let arena = JSONArena()
        var document = JSONDocument(root: try JSONReader.parse(#"{"a":1}"#, in: arena), arena: arena)

        #expect(!document.set(try JSONPath("a.b"), to: .int(2)))
        #expect(JSONWriter.string(document.root) == #"{"a":1}"#)
    }

    @Test func `appending many elements takes memory for them only`() throws {
        let arena = JSONArena()
        var document = JSONDocument(root: try JSONReader.parse(#"{"l":[]}"#, in: arena), arena: arena)

        for index in 0..<10_000 { #expect(document.set(try JSONPath("l.\(index)"), to: .int(Int64(index)))) }

        #expect(document.root.member("l")?.count == 10_000)
        #expect(arena.bytesUsed < 2_000_000)
    }
}
