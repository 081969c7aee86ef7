import Foundation
import JSONTree
import Testing
import Vocabulary
import Workflows

/// Runs the cases in `Fixtures`: what a workflow is given, and what must come of it.
@Suite struct WorkflowFixtureTests {
    struct NoCalls: ChannelCalling {
        func begin(_ call: NestedCall) -> NestedStart { .refused(Problem(.unavailable, "Nothing can be called here.")) }
    }

    /// One case of a file, by its place: what is handed to a test must be sendable.
    struct Case: Sendable, CustomTestStringConvertible {
        let file: String
        let place: Int
        let testDescription: String
    }

    private static func load(_ file: String) throws -> OwnedJSON {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
        return try OwnedJSON(parsing: Array(Data(contentsOf: folder.appendingPathComponent(file))))
    }

    static func cases(_ files: String...) throws -> [Case] {
        try files.flatMap { file in
            let json = try load(file)
            return json.read { list in
                (0..<list.count).map { place in
                    Case(file: file, place: place, testDescription: list[place].member("name")?.stringValue ?? "?")
                }
            }
        }
    }

    private static func options(deadline: UInt64 = 0) -> WorkflowRunOptions {
        WorkflowRunOptions(
            deadline: deadline, timeoutMilliseconds: 1, recordsSteps: true, recordsOutputs: true,
            masks: MaskedFields([]), caller: NoCalls(), chain: [], log: { _, _, _ in },
            origin: RunOrigin(run: .make(), requestID: "r", traceparent: nil))
    }

    /// The workflow of a case: its members and its tasks.
    private static func body(_ given: JSONValue, in arena: JSONArena) -> JSONValue {
        var members = JSONObjectBuilder(in: arena)
        members.append(key: "name", .string("case"))
        if let more = given.member("workflow") {
            for index in 0..<more.count { members.append(key: more.key(at: index), more.value(at: index)) }
        }
        members.append(key: "tasks", given.member("tasks") ?? .null)
        return members.finish()
    }

    private static func steps(_ run: WorkflowRun) throws -> [String] {
        var buffer = JSONByteBuffer()
        run.writeSteps(into: &buffer)
        let json = try OwnedJSON(parsing: buffer.bytes)
        return json.read { list in
            (0..<list.count).map { place in
                "\(list[place].member("task_id")?.stringValue ?? "") \(list[place].member("status")?.stringValue ?? "")"
            }
        }
    }

    @Test(arguments: try cases("tasks.json", "control.json", "functions.json", "text-and-tokens.json"))
    func `what is declared is what happens`(_ which: Case) async throws {
        let json = try Self.load(which.file)
        let given = json.value[which.place]
        let arena = JSONArena()
        let workflow = try CompiledWorkflow.compile(
            Self.body(given, in: arena), id: "w", version: 1, functions: .builtIn)
        let run = WorkflowRun(
            workflow, payload: given.member("payload") ?? .null,
            metadata: given.member("metadata") ?? JSONObjectBuilder(in: arena).finish(), arena: arena,
            options: Self.options())

        // One task at a time: giving way must change nothing.
        run: while true {
            switch run.advance(steps: 1) {
            case .finished: break run
            case .yielded: break
            case .waiting(let work): run.resume(with: await work())
            }
        }

        #expect(run.failure?.code.rawValue == given.member("failure")?.stringValue)
        if let data = given.member("data") {
            #expect(JSONWriter.string(run.data) == JSONWriter.string(data))
        }
        if given.member("failure") == nil {
            let errors = given.member("errors") ?? JSONArrayBuilder(in: arena).finish()
            #expect(
                run.errors.map { [$0.code, $0.taskID ?? ""] }
                    == (0..<errors.count).map { place in
                        [errors[place][0].stringValue ?? "", errors[place][1].stringValue ?? ""]
                    })
        }
        if let steps = given.member("steps") {
            #expect(try Self.steps(run) == (0..<steps.count).map { steps[$0].stringValue ?? "" })
        }
        if let matched = given.member("matched") { #expect(run.matched == matched.isTrue) }
        withExtendedLifetime(json) {}
    }

    @Test(arguments: try cases("faults.json", "text-and-tokens-faults.json"))
    func `what is wrong is named by its field`(_ which: Case) throws {
        let json = try Self.load(which.file)
        let given = json.value[which.place]

        var details: [Problem.Detail] = []
        do throws(Problem) {
            _ = try CompiledWorkflow.compile(
                given.member("body") ?? .null, id: "w", version: 1, functions: .builtIn)
        } catch { details = error.details }

        let paths = given.member("paths") ?? .null
        #expect(details.map(\.path) == (0..<paths.count).map { paths[$0].stringValue ?? "" })
        if let says = given.member("says")?.stringValue {
            #expect(details.contains { $0.message.contains(says) }, "\(details.map(\.message))")
        }
        withExtendedLifetime(json) {}
    }

    @Test func `a run ends when its time is up, however long its loop`() throws {
        let arena = JSONArena()
        let body = try JSONReader.parse(
            #"{"name":"w","loop":{"max":10000,"counter":"i"},"tasks":[{"id":"l","name":"l","function":{"name":"log","input":{"message":"x"}}}]}"#,
            in: arena)
        let workflow = try CompiledWorkflow.compile(body, id: "w", version: 1, functions: .builtIn)
        let run = WorkflowRun(
            workflow, payload: .null, metadata: JSONObjectBuilder(in: arena).finish(), arena: arena,
            options: Self.options(deadline: 1))

        while case .yielded = run.advance(steps: 100) {}

        #expect(run.failure?.code == .timeout)
    }

    /// Laws over the whole catalogue.
    @Test func `every function describes itself and refuses what it does not know`() throws {
        for name in FunctionCatalogue.builtIn.names {
            let arena = JSONArena()
            let body = try JSONReader.parse(
                #"{"name":"w","tasks":[{"id":"t","name":"t","function":{"name":"\#(name)","input":{"no_such_field":1}}}]}"#,
                in: arena)
            do throws(Problem) {
                _ = try CompiledWorkflow.compile(body, id: "w", version: 1, functions: .builtIn)
                Issue.record("\(name) took a field it does not have")
            } catch {
                #expect(error.details.contains { $0.path == "tasks[0].function.input.no_such_field" }, "\(name)")
            }
        }
        var buffer = JSONByteBuffer()
        FunctionCatalogue.builtIn.write(into: &buffer)
        let catalogue = try OwnedJSON(parsing: buffer.bytes)
        for place in 0..<catalogue.value.count {
            let entry = catalogue.value[place]
            #expect(entry.member("description")?.stringValue?.isEmpty == false)
            #expect(entry.member("input_fields")?.count ?? 0 > 0)
        }
    }
}
