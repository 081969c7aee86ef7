import Foundation
import JSONTree
import Seeds
import Synchronization
import Testing
import Vocabulary
import Workflows

/// What is true of every function there is, whatever it is given.
@Suite struct CatalogueLaws {
    private static let functions = FunctionCatalogue.builtIn.descriptions

    private struct NoCalls: ChannelCalling {
        func begin(_ call: NestedCall) -> NestedStart { .refused(Problem(.unavailable, "Nothing can be called here.")) }
    }

    /// Connectors that never answer, and end when they are told to.
    private struct Silence: ConnectorCalling {
        private func wait() async -> TaskFailure {
            try? await Task.sleep(for: .seconds(3600))  // ends early when it is cancelled
            return TaskFailure("TIMEOUT_ERROR", "given up")
        }

        func callHTTP(_ call: ConnectorCall) async throws(TaskFailure) -> ConnectorReply { throw await wait() }
        func callDatabase(_ call: DatabaseCall) async throws(TaskFailure) -> [UInt8] { throw await wait() }
        func callCache(_ call: CacheCall) async throws(TaskFailure) -> [UInt8] { throw await wait() }
    }

    private static func options(milliseconds: Int?, _ connectors: any ConnectorCalling) -> WorkflowRunOptions {
        let deadline = milliseconds.map { Stopwatch.nanoseconds() + UInt64($0) * 1_000_000 } ?? 0
        var options = WorkflowRunOptions(
            deadline: deadline, timeoutMilliseconds: milliseconds ?? 0, recordsSteps: true, recordsOutputs: true,
            masks: MaskedFields([]), caller: NoCalls(), chain: ["c"], log: { _, _, _ in },
            origin: RunOrigin(run: .make(), requestID: "r", traceparent: nil))
        options.connectors = connectors
        return options
    }

    /// Runs to the end, as a server does.
    ///
    /// - Returns: the most nanoseconds of a processor between two chances to give way.
    private static func drive(_ run: WorkflowRun) async -> UInt64 {
        var longest: UInt64 = 0
        while true {
            let began = processorTime()
            let advance = run.advance(steps: 16)
            longest = max(longest, processorTime() - began)
            switch advance {
            case .finished: return longest
            case .yielded: await Task.yield()
            case .waiting(let work): run.resume(with: await work())
            }
        }
    }

    /// Of this thread: how busy the machine is makes no difference.
    private static func processorTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static let words = [
        "", "a", "data", "data.x", "data.x.0", "payload", "ü😀", "(", "[a-z]+", "<a>b</a>", "env://X", "1h", "HS256",
        "2026-01-01T00:00:00Z", "Europe/Berlin", "\u{1}", "0123456789abcdef0123456789abcdef", "{{#x}}", "sha256",
    ]

    private static func quoted(_ text: String) -> String {
        var buffer = JSONByteBuffer()
        JSONWriter.write(text, into: &buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    private static func garbage(depth: Int, _ random: inout SeededRandom) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 10 : 7), using: &random) {
        case 0: return "null"
        case 1: return Bool.random(using: &random) ? "true" : "false"
        case 2: return String(Int.random(in: -2...4, using: &random))
        case 3:
            return ["1e300", "-9223372036854775808", "99999999999999999999", "0.5"].randomElement(using: &random) ?? "0"
        case 4, 5, 6:
            let word = words.randomElement(using: &random) ?? ""
            return quoted(word)
        case 7:
            return
                "[\((0..<Int.random(in: 0...3, using: &random)).map { _ in garbage(depth: depth - 1, &random) }.joined(separator: ","))]"
        case 8:
            let path = ["payload", "data.x", "data", "metadata", "temp_data.n"].randomElement(using: &random) ?? ""
            return #"{"var":"\#(path)"}"#
        default: return #"{"k":\#(garbage(depth: depth - 1, &random)),"url":\#(garbage(depth: 0, &random))}"#
        }
    }

    /// A value of the kind a field wants, mostly.
    private static func value(_ field: FunctionDescription.Field, _ random: inout SeededRandom) -> String {
        guard !random.chance(oneIn: 6) else { return garbage(depth: 2, &random) }
        if !field.choices.isEmpty { return "\"\(field.choices.randomElement(using: &random) ?? "")\"" }
        switch field.type {
        case .boolean: return Bool.random(using: &random) ? "true" : "false"
        case .integer: return String(Int.random(in: 0...100, using: &random))
        case .path:
            return ["\"data.out\"", "\"temp_data.a.b\"", "\"data.x.0\"", "\"payload\""].randomElement(using: &random)
                ?? ""
        case .string: return quoted(words.randomElement(using: &random) ?? "")
        case .array: return "[\(garbage(depth: 2, &random))]"
        case .object: return "{\"a\":\(garbage(depth: 2, &random))}"
        case .logic, .any: return garbage(depth: 3, &random)
        }
    }

    private static func task(_ function: FunctionDescription, _ random: inout SeededRandom) -> String {
        let fields = function.fields.filter { $0.isRequired || random.chance(oneIn: 2) }
        let input = fields.map { "\"\($0.name)\":\(value($0, &random))" }.joined(separator: ",")
        return #"{"id":"t","name":"t","function":{"name":"\#(function.name)","input":{\#(input)}}}"#
    }

    @Test(.timeLimit(.minutes(10)), arguments: 0..<400 as Range<UInt64>)
    func `garbage brings a problem or a result, in time`(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        for function in Self.functions {
            let arena = JSONArena()
            let text = #"{"name":"w","tasks":[\#(Self.task(function, &random))]}"#
            let body = try JSONReader.parse(text, in: arena)
            let workflow: CompiledWorkflow
            do throws(Problem) {
                workflow = try CompiledWorkflow.compile(body, id: "w", version: 1, functions: .builtIn)
            } catch {
                #expect(error.code == .validation && !error.details.isEmpty, "\(text)")
                #expect(error.details.allSatisfy { !$0.path.isEmpty && !$0.message.isEmpty }, "\(text)")
                continue
            }
            let payload = try JSONReader.parse(Self.garbage(depth: 4, &random), in: arena)
            let run = WorkflowRun(
                workflow, payload: payload, metadata: JSONObjectBuilder(in: arena).finish(), arena: arena,
                options: Self.options(milliseconds: 20, NoConnectors()))

            let longest = await Self.drive(run)

            #expect(longest < 2_000_000_000, "seed \(seed): \(text)")
            if let failure = run.failure { #expect(!failure.message.isEmpty, "\(text)") }
            _ = JSONWriter.bytes(run.data)
        }
    }

    /// What each function that waits is given to wait for ever.
    private static let waiting = [
        ("sleep", #"{"ms":3600000}"#), ("http_call", #"{"connector":"up"}"#),
        ("db_read", #"{"connector":"db","query":"SELECT 1"}"#),
        ("db_write", #"{"connector":"db","query":"DELETE FROM t"}"#),
        ("cache_read", #"{"connector":"c","key":"k"}"#), ("cache_write", #"{"connector":"c","key":"k","value":1}"#),
        ("cache_delete", #"{"connector":"c","keys":["k"]}"#), ("cache_incr", #"{"connector":"c","key":"k"}"#),
    ]

    private static func run(_ function: String, _ input: String, milliseconds: Int?) throws -> (WorkflowRun, JSONArena)
    {
        let arena = JSONArena()
        let body = try JSONReader.parse(
            #"{"name":"w","tasks":[{"id":"t","name":"t","function":{"name":"\#(function)","input":\#(input)}}]}"#,
            in: arena)
        let workflow = try CompiledWorkflow.compile(body, id: "w", version: 1, functions: .builtIn)
        let run = WorkflowRun(
            workflow, payload: .null, metadata: JSONObjectBuilder(in: arena).finish(), arena: arena,
            options: options(milliseconds: milliseconds, Silence()))
        return (run, arena)
    }

    @Test(.timeLimit(.minutes(10)), arguments: waiting)
    func `who waits hears that it is over`(function: String, input: String) async throws {
        let (run, arena) = try Self.run(function, input, milliseconds: nil)
        guard case .waiting(let work) = run.advance(steps: 10) else {
            Issue.record("\(function) does not wait")
            return
        }

        let task = Task { await work() }
        task.cancel()
        run.resume(with: await task.value)
        _ = await Self.drive(run)

        guard case .finished = run.advance(steps: 1) else {
            Issue.record("\(function) goes on")
            return
        }
        withExtendedLifetime(arena) {}
    }

    @Test(.timeLimit(.minutes(10)))
    func `a sleep never lasts past the end of the run's time`() async throws {
        let (run, arena) = try Self.run("sleep", #"{"ms":3600000}"#, milliseconds: 50)

        _ = await Self.drive(run)

        #expect(run.failure?.code == .timeout)
        withExtendedLifetime(arena) {}
    }

    /// Functions that need another system: `ConnectorScenarios`, `DataConnectorScenarios` and `BlackBoxScenarios` run them
    /// against real ones.
    private static let elsewhere: Set<String> = [
        "http_call", "db_read", "db_write", "cache_read", "cache_write", "cache_delete", "cache_incr", "channel_call",
        "sleep",
    ]

    @Test func `every function has cases in the fixtures, or a real system in the scenarios`() throws {
        var folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let fixtures = try Self.texts(in: folder.appendingPathComponent("Fixtures"))
        for _ in 0..<2 { folder.deleteLastPathComponent() }
        let scenarios = try Self.texts(in: folder.appendingPathComponent("EndToEnd/ScenarioTests"))
        for function in Self.functions {
            let name = "\"\(function.name)\""
            let isThere =
                Self.elsewhere.contains(function.name) ? (fixtures + scenarios).contains(name) : fixtures.contains(name)
            #expect(isThere, "\(function.name)")
        }
    }

    private static func texts(in folder: URL) throws -> String {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { ["json", "swift"].contains($0.pathExtension) }
            .map { try String(contentsOf: $0, encoding: .utf8) }.joined()
    }
}
