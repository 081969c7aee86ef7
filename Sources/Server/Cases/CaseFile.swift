import Foundation
import JSONTree
package import Remote
import Vocabulary
import Workflows

/// One case: a call, and what must come of it. The format is in `docs/testing-workflows.md`.
package struct CaseFile: Sendable {
    /// The format's version.
    static let version: Int64 = 1
    static let suffix = ".case.json"

    package var file: String
    package var name: String
    /// What the call goes to: a channel by name, a path of the data plane, or a workflow without its channel.
    package enum Target: Sendable, Equatable {
        case channel(String)
        case path(String)
        case workflow(String)
    }
    package var target: Target
    var method: String
    var query: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    /// Where the clock stands; nil for the recording's time.
    var clock: Timestamp?
    /// The whole file; `expect` and `cache` are read where they are used.
    let document: OwnedJSON

    /// Where a run's clock stands when neither the case nor its recording says.
    static let usualClock = Timestamp(microseconds: 1_767_225_600_000_000)  // 2026-01-01T00:00:00Z

    var recordingFile: String { file.dropLast(Self.suffix.count) + ".recording.json" }

    package init(_ bytes: [UInt8], file: String) throws(ServerFailure) {
        let json: OwnedJSON
        do throws(JSONSyntaxError) { json = try OwnedJSON(parsing: bytes) } catch {
            throw .input("\(file) is not JSON: \(error.message)")
        }
        self.file = file
        document = json
        var reader = CaseReader(json.value)
        name = reader.text("name") ?? String((file as NSString).lastPathComponent.dropLast(Self.suffix.count))
        target = reader.target()
        let request = reader.request()
        method = request.method
        query = request.query
        headers = request.headers
        body = request.body
        clock = reader.clock()
        reader.checkExpectations()
        guard reader.details.isEmpty else {
            let all = reader.details.map { "\n  \($0.path): \($0.message)" }.joined()
            throw .input("\(file) is no case that can be run:\(all)")
        }
    }
}

/// Reads a case's fields and gathers what is wrong.
private struct CaseReader {
    private var reader: InputReader

    init(_ root: JSONValue) {
        reader = InputReader(root, at: "")
        guard root.isObject else {
            reader.report(.init("case", .typeMismatch, "A case must be an object.", expected: "object"))
            return
        }
        reader.checkNames([
            "case", "name", "description", "channel", "workflow", "request", "clock", "cache", "expect",
        ])
        if root.member("case")?.intValue != CaseFile.version {
            reader.report(.init("case", .required, "This must be \(CaseFile.version), the version of the format."))
        }
    }

    var details: [Problem.Detail] { reader.details }

    mutating func text(_ field: String) -> String? { reader.string(field) }

    mutating func target() -> CaseFile.Target {
        let channel = reader.string("channel")
        let workflow = reader.string("workflow")
        let path = reader.field("request")?.member("path")?.stringValue
        switch (channel, workflow, path) {
        case (let name?, nil, nil): return .channel(name)
        case (nil, let id?, nil): return .workflow(id)
        case (nil, nil, let path?): return .path(String(path.drop { $0 == "/" }))
        default:
            reader.report(.init("channel", .required, "Give one of `channel`, `workflow` and `request.path`."))
            return .channel("")
        }
    }

    mutating func request() -> (method: String, query: String, headers: [(name: String, value: String)], body: [UInt8])
    {
        guard let request = reader.field("request") else { return ("POST", "", [], []) }
        var inner = InputReader(request, at: "request")
        defer { reader.absorb(inner) }
        guard request.isObject else {
            inner.report(.init("request", .typeMismatch, "This must be an object.", expected: "object"))
            return ("POST", "", [], [])
        }
        inner.checkNames(["method", "path", "query", "headers", "body"])
        let headers = Self.pairs(&inner, "headers")
        for (name, value) in headers where (name + value).utf8.contains(where: { $0 < 32 || $0 == 127 }) {
            inner.report(.init("request.headers.\(name)", .invalid, "This has a control character."))
        }
        let query = Self.pairs(&inner, "query").map {
            "\(ServerConnection.segment($0.name))=\(ServerConnection.segment($0.value))"
        }
        return (
            inner.string("method") ?? "POST", query.joined(separator: "&"), headers,
            request.member("body").map { JSONWriter.bytes($0) } ?? []
        )
    }

    private static func pairs(_ reader: inout InputReader, _ field: String) -> [(name: String, value: String)] {
        guard let object = reader.field(field) else { return [] }
        guard object.isObject else {
            reader.report(.init(reader.at(field), .typeMismatch, "This must be an object.", expected: "object"))
            return []
        }
        return (0..<object.count).map { index in
            let value = object.value(at: index)
            return (object.key(at: index).stringValue ?? "", value.stringValue ?? JSONWriter.string(value))
        }
    }

    mutating func clock() -> Timestamp? {
        guard let text = reader.string("clock") else { return nil }
        let time = Timestamp(rfc3339: text)
        if time == nil {
            reader.report(.init("clock", .invalid, "This is no moment such as 2026-01-31T12:00:00Z.", got: text))
        }
        return time
    }

    mutating func checkExpectations() {
        guard let expect = reader.field("expect") else { return }
        var inner = InputReader(expect, at: "expect")
        defer { reader.absorb(inner) }
        guard expect.isObject else {
            inner.report(.init("expect", .typeMismatch, "This must be an object.", expected: "object"))
            return
        }
        inner.checkNames(["match", "status", "headers", "reply", "errors", "tasks"])
        if let match = inner.string("match"), match != "partial", match != "exact" {
            inner.report(.init("expect.match", .invalid, "This must be partial or exact.", got: match))
        }
        if let tasks = inner.field("tasks"), !tasks.isObject {
            inner.report(.init("expect.tasks", .typeMismatch, "This must be an object.", expected: "object"))
        }
        for (path, kind) in Expectation.unknownMatchers(in: expect, at: "expect") {
            inner.report(
                .init(
                    path, .invalid, "There is no `$match` of this kind.",
                    expected: Expectation.matchers.joined(separator: ", "), got: kind))
        }
    }
}
