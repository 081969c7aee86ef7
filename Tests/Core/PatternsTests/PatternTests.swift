import Patterns
import Seeds
import Testing

@Suite struct PatternTests {
    private func all(_ pattern: String, _ text: String, flags: String = "") throws -> [String] {
        let pattern = try Pattern(pattern, flags: flags)
        let bytes = Array(text.utf8)
        var found: [String] = []
        bytes.withUnsafeBytes { bytes in
            pattern.forEachMatch(in: bytes) { match in
                found.append(String(decoding: bytes[match.whole], as: UTF8.self))
                return true
            }
        }
        return found
    }

    @Test func `matches are found from left to right, empty ones between characters`() throws {
        #expect(try all("[a-z]+", "ab 1 cd") == ["ab", "cd"])
        #expect(try all("", "äb") == ["", "", ""])
        #expect(try all("a*", "baac") == ["", "aa", ""])
        #expect(try all("x", "") == [] && all("^$", "") == [""])
        #expect(try all("ABC", "abc", flags: "i") == ["abc"] && all("^.", "a\nb", flags: "m") == ["a", "b"])
        #expect(try all("a.b", "a\nb") == [] && all("a.b", "a\nb", flags: "s") == ["a\nb"])
    }

    @Test func `groups say where they are, and those that took no part say nothing`() throws {
        let pattern = try Pattern("(?P<year>\\d{4})-(\\d\\d)(-(\\d\\d))?")
        let match = Array("on 2026-11, or so".utf8).withUnsafeBytes { pattern.search($0) }

        #expect(match == Pattern.Match(whole: 3..<10, groups: [3..<7, 8..<10, nil, nil]))
        #expect(pattern.names == [1: "year"] && pattern.groupCount == 4)
    }

    @Test func `what is no pattern is refused with a reason`() {
        let bad = [
            "(", "a{1001}", "(?=a)", "\\1", "[z-a]", String(repeating: "a", count: 1001), "((a{900}){900}){900}",
        ]
        for text in bad {
            #expect(throws: Pattern.Malformed.self, "\(text.prefix(40))") { try Pattern(text) }
        }
        #expect(throws: Pattern.Malformed.self) { try Pattern(String(repeating: "()", count: 65)) }
        #expect(throws: Pattern.Malformed.self) { try Pattern("a", flags: "U)(") }
    }

    @Test(.timeLimit(.minutes(10)))
    func `patterns that run away elsewhere end here`() throws {
        let text = String(repeating: "a", count: 200_000)
        for pattern in ["(a+)+$b", "(a|aa)+$c", "(.*)*x", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
            #expect(try all(pattern, text) == [], "\(pattern)")
        }
    }

    /// A plain reading of what `forEachMatch` promises, for single letters.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `every run of a letter is found once`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let text = String(
            (0..<Int.random(in: 0...40, using: &random)).map { _ in "aäb".randomElement(using: &random) ?? "a" })

        let expected = text.split { $0 != "ä" }.map(String.init)

        #expect(try all("ä+", text) == expected, "seed \(seed)")
    }

    @Test func `no pattern cuts a character into pieces`() throws {
        #expect(throws: Pattern.Malformed.self) { try Pattern(#"\C"#) }
        #expect(throws: Pattern.Malformed.self) { try Pattern(#"a\\\C"#) }
        _ = try Pattern(#"\\C"#)  // a backslash and a letter
    }
}
