import Foundation
import JSONLogic
import JSONTree
import Testing

/// Cases as data: public ones where they lie beside the project, our own always.
@Suite struct ConformanceTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    static func cases(in folder: URL) throws -> [(name: String, value: JSONValue, owner: OwnedJSON)] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        var cases: [(name: String, value: JSONValue, owner: OwnedJSON)] = []
        for file in files.sorted() where file.hasSuffix(".json") {
            let owner = try OwnedJSON(parsing: Array(try Data(contentsOf: folder.appendingPathComponent(file))))
            for index in 0..<owner.value.count where owner.value[index].isObject {
                cases.append(("\(file)[\(index)]", owner.value[index], owner))
            }
        }
        return cases
    }

    private func check(_ name: String, _ test: JSONValue) throws {
        let arena = JSONArena()
        var request = JSONObjectBuilder(in: arena)
        for key in ["rule", "data", "templating"] { request.append(key: key, test.member(key) ?? .null) }
        let line = JSONWriter.bytes(request.finish())
        let answer = try JSONReader.parse(line.withUnsafeBytes { JSONLogicLine.answer($0) }, in: arena)
        if let error = test.member("error") {
            #expect(answer.member("error")?.member("type") == error.member("type"), "\(name)")
        } else {
            #expect(answer.member("result") == test.member("result"), "\(name): \(JSONWriter.string(answer))")
        }
    }

    @Test func `our own cases hold`() throws {
        let cases = try Self.cases(in: Self.root.appendingPathComponent("Fixtures"))

        #expect(cases.count >= 40)
        for (name, value, _) in cases { try check(name, value) }
    }

    @Test func `the public cases hold where they are beside the project`() throws {
        let shared = Self.root.appendingPathComponent("../../../../shared/conformance/jsonlogic").standardizedFileURL
        let cases = try Self.cases(in: shared)

        for (name, value, _) in cases { try check(name, value) }
    }

    @Test(arguments: [
        (#"{"fliter":[[1],true]}"#, "filter"), (#"{"if":[{"eqals":[1,1]},1]}"#, "There is no operator"),
        (#"{"==":[1]}"#, "takes at least 2"), (#"{"a":1,"b":2}"#, "several members"),
    ])
    func `a typing error is refused when the rule is compiled`(rule: String, hint: String) throws {
        let owner = try OwnedJSON(parsing: Array(rule.utf8))

        let error = #expect(throws: JSONLogicCompileError.self) { try JSONLogicRule.compile(owner.value) }

        #expect(error?.message.contains(hint) == true)
    }
}
