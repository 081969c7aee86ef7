import JSONTree
import Seeds
import Testing

@Suite struct RoundTripTests {
    @Test(arguments: 0..<400 as Range<UInt64>)
    func `what is written reads back the same`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let model = PlainJSON.random(depth: 5, using: &random)
        let arena = JSONArena()

        let text = JSONWriter.bytes(model.build(in: arena))
        let pretty = JSONWriter.string(model.build(in: arena), pretty: true)

        #expect(PlainJSON(try JSONReader.parse(text, in: arena)) == model)
        #expect(PlainJSON(try JSONReader.parse(pretty, in: arena)) == model)
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `a deep copy outlives the arena it came from`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let model = PlainJSON.random(depth: 4, using: &random)
        let source = JSONArena()
        let target = JSONArena()

        let copy = model.build(in: source).copied(into: target)
        source.reset()
        _ = PlainJSON.random(depth: 5, using: &random).build(in: source)

        #expect(PlainJSON(copy) == model)
    }

    @Test(arguments: 0..<2000 as Range<UInt64>)
    func `damaged text is refused with a place inside it, or is JSON that survives a round trip`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let arena = JSONArena()
        var bytes = JSONWriter.bytes(PlainJSON.random(depth: 4, using: &random).build(in: arena))
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(Array("{}[]\",:\\0-.eE".utf8).randomElement(using: &random) ?? 0, at: place)
            default: bytes.removeLast(bytes.count - place)
            }
        }

        do {
            let value = try JSONReader.parse(bytes, in: arena)
            let again = try JSONReader.parse(JSONWriter.bytes(value), in: arena)
            #expect(PlainJSON(again) == PlainJSON(value))
        } catch {
            #expect((0...bytes.count).contains(error.offset))
            #expect(error.line >= 1 && error.column >= 1)
        }
    }

    @Test(arguments: 0..<2000 as Range<UInt64>)
    func `a double is read as the standard library reads it`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let digits = (0..<Int.random(in: 1...25, using: &random)).map { _ in Int.random(in: 0...9, using: &random) }
        let text =
            "\(Int.random(in: -9...9, using: &random)).\(digits.map(String.init).joined())"
            + "e\(Int.random(in: -330...300, using: &random))"

        let arena = JSONArena()
        let value = try JSONReader.parse(text, in: arena)

        #expect(value.doubleValue?.bitPattern == Double(text)?.bitPattern)
    }

    @Test(arguments: [
        "0", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
        "18446744073709551616", "-18446744073709551616", "2.0", "0.1",
    ])
    func `a number keeps its text`(text: String) throws {
        let arena = JSONArena()

        #expect(JSONWriter.string(try JSONReader.parse(text, in: arena)) == text)
    }
}
