import Definitions
import JSONTree
import Remote
import Seeds
import Storage
import Testing

@Suite struct RemoteTests {
    private func content(_ name: String) throws -> DefinitionContent {
        let json = try OwnedJSON(parsing: Array(#"{"name":"\#(name)"}"#.utf8))
        return json.read { DefinitionContent($0, kind: .workflow) }
    }

    @Test func `what is done depends on what is live`() throws {
        let (old, new) = (try content("old"), try content("new"))
        func version(_ number: Int, _ status: DefinitionStatus, _ content: DefinitionContent) -> RemoteVersion {
            RemoteVersion(version: number, status: status, content: content)
        }
        func decide(_ versions: [RemoteVersion]) -> ApplyDecision { .decide(new, versions: versions) }

        #expect(decide([]) == .create)
        #expect(decide([version(1, .active, new)]) == .unchanged(version: 1))
        #expect(decide([version(1, .active, old)]) == .update)
        #expect(decide([version(1, .active, old), version(2, .draft, new)]) == .activate)
        #expect(decide([version(1, .active, old), version(2, .draft, old)]) == .update)
        #expect(decide([version(1, .active, new), version(2, .draft, old)]) == .unchanged(version: 1))
        #expect(decide([version(1, .archived, old), version(2, .archived, new)]) == .restore(version: 2))
        #expect(decide([version(1, .archived, new), version(2, .archived, old)]) == .update)
        #expect(decide([version(1, .active, old), version(2, .active, new)]) == .unchanged(version: 2))
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `a difference leads from the old text to the new one`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        func text() -> [String] {
            (0..<Int.random(in: 0..<12, using: &random)).map { _ in "l\(Int.random(in: 0..<5, using: &random))" }
        }
        let (old, new) = (text(), text())

        let lines = LineDifference.lines(from: old, to: new)

        let removed = lines.count { $0.hasPrefix("-") }
        let added = lines.count { $0.hasPrefix("+") }
        #expect(old.count - removed == new.count - added, "seed \(seed)")
        #expect(lines.isEmpty == (old == new), "seed \(seed)")
    }

    @Test func `a definition in a file needs its id, and each id stands once`() throws {
        #expect(throws: ServerFailure.self) {
            try LocalDefinition.parse(Array(#"{"name":"x","tasks":[]}"#.utf8), file: "f")
        }
        #expect(throws: ServerFailure.self) { try LocalDefinition.parse(Array("[1]".utf8), file: "f") }
        #expect(throws: ServerFailure.self) { try LocalDefinition.parse(Array("{".utf8), file: "f") }
        let both = try LocalDefinition.parse(
            Array(#"[{"channel_id":"c","channel_type":"sync"},{"workflow_id":"w","tasks":[],"version":3}]"#.utf8),
            file: "f")

        #expect(both.map(\.kind) == [.channel, .workflow])
        #expect(String(decoding: both[1].bytes, as: UTF8.self) == #"{"workflow_id":"w","tasks":[]}"#)
    }

    @Test func `columns are as wide as their widest cell, and nothing drives the terminal`() {
        var table = TextTable(["A", "B"])
        table.add(["long", "x\u{1B}[2J"])

        #expect(table.lines == ["A     B", "long  x [2J"])
    }

    @Test func `names are escaped in paths`() {
        #expect(ServerConnection.segment("a/b c?ü") == "a%2Fb%20c%3F%C3%BC")
        #expect(ServerConnection.query([("a", "x&y"), ("b", nil)]) == "?a=x%26y")
    }
}
