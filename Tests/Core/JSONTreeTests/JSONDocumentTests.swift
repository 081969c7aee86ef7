import JSONTree
import Seeds
import Testing

@Suite struct JSONDocumentTests {
    /// Random writes and removals; everything that was read out on the way must still be what it was.
    @Test(arguments: 0..<500 as Range<UInt64>)
    func `what was read out keeps its content`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let arena = JSONArena()
        var model = PlainJSON.object([])
        var document = JSONDocument(root: model.build(in: arena), arena: arena)
        var kept: [(value: JSONValue, content: PlainJSON)] = []

        for _ in 0..<80 {
            let names = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                ["a", "b", "0", "1"].randomElement(using: &random) ?? "a"
            }
            let path = try JSONPath(names.joined(separator: "."))
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                document.remove(path)
                if model.reading(names[...]) != nil { model = model.writing(nil, at: names[...]) ?? model }
            case 1:
                if let value = document.read(path) { kept.append((value, PlainJSON(value))) }
            case 2:
                // A part of the document, inside a new array, elsewhere in the same document.
                guard let part = document.read(path) else { continue }
                var builder = JSONArrayBuilder(in: arena)
                builder.append(part)
                let value = builder.finish()
                kept.append((value, PlainJSON(value)))
                let written = model.writing(PlainJSON(value), at: ["b", "a"])
                #expect(document.set(try JSONPath("b.a"), to: value) == (written != nil))
                model = written ?? model
            default:
                let new = PlainJSON.random(depth: 2, using: &random)
                let value =
                    random.chance(oneIn: 3) ? kept.randomElement(using: &random)?.value ?? .null : new.build(in: arena)
                let written = model.writing(PlainJSON(value), at: names[...])
                #expect(document.set(path, to: value) == (written != nil))
                model = written ?? model
            }
            #expect(PlainJSON(document.root) == model)
        }
        for (value, content) in kept { #expect(PlainJSON(value) == content) }
    }

    @Test func `a write far below a part that was read out leaves that part alone`() throws {
        let arena = JSONArena()
        var document = JSONDocument(root: JSONObjectBuilder(in: arena).finish(), arena: arena)
        #expect(document.set(try JSONPath("a.b.c"), to: .int(1)))
        let before = try #require(document.read(try JSONPath("a")))

        #expect(document.set(try JSONPath("a.b.c"), to: .int(2)))

        #expect(JSONWriter.string(before) == #"{"b":{"c":1}}"#)
        #expect(JSONWriter.string(document.root) == #"{"a":{"b":{"c":2}}}"#)
    }

    @Test func `a literal that was written into a document is never changed by it`() throws {
        let literal = try OwnedJSON(parsing: Array(#"{"k":{"z":[1]}}"#.utf8))
        let arena = JSONArena()
        var document = JSONDocument(root: JSONObjectBuilder(in: arena).finish(), arena: arena)
        #expect(document.set(try JSONPath("x"), to: literal.value))

        #expect(document.set(try JSONPath("x.k.z.0"), to: .int(2)))
        #expect(document.set(try JSONPath("x.k.y"), to: .int(3)))
        document.remove(try JSONPath("x.k.z"))

        #expect(JSONWriter.string(literal.value) == #"{"k":{"z":[1]}}"#)
        #expect(JSONWriter.string(document.root) == #"{"x":{"k":{"y":3}}}"#)
    }

    @Test func `appending costs memory in proportion to what is appended`() throws {
        let arena = JSONArena()
        var document = JSONDocument(root: JSONObjectBuilder(in: arena).finish(), arena: arena)
        #expect(document.set(try JSONPath("list"), to: JSONArrayBuilder(in: arena).finish()))

        for place in 0..<10_000 { #expect(document.set(try JSONPath("list.\(place)"), to: .int(Int64(place)))) }

        #expect(document.root.member("list")?.count == 10_000)
        #expect(arena.bytesUsed < 10_000 * 16 * 6)
    }

    @Test func `a scalar in the way refuses the write and nothing changes`() throws {
        let arena = JSONArena()
        var document = JSONDocument(root: try JSONReader.parse(#"{"a":1,"l":[1]}"#, in: arena), arena: arena)

        #expect(!document.set(try JSONPath("a.b"), to: .true))
        #expect(!document.set(try JSONPath("l.2"), to: .true))
        #expect(!document.set(try JSONPath("l.x"), to: .true))

        #expect(JSONWriter.string(document.root) == #"{"a":1,"l":[1]}"#)
    }
}
