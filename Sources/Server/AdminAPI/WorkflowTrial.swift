import Definitions
import JSONTree
import Storage
import Vocabulary
import Workflows

/// `POST …/workflows/{id}/test`: runs the latest version on data that is handed in, and tells what each task did.
enum WorkflowTrial {
    /// Longest a trial may take.
    private static let milliseconds = 10_000

    private struct NoCalls: ChannelCalling {
        func begin(_ call: NestedCall) -> NestedStart {
            .refused(Problem(.unavailable, "A trial calls no other channel."))
        }
    }

    static func run(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let id = call.parameters[0]
        guard let record = try await api.desk.book().latest(.workflow, id) else {
            throw DefinitionBook.unknown(.workflow, id)
        }
        guard let definition = try? OwnedJSON(parsing: record.body) else {
            throw Problem(.storage, "The stored definition is not readable.")
        }
        let workflow = try CompiledWorkflow.compile(
            definition.value, id: id, version: record.version, functions: api.functions,
            maxLoopIterations: api.maxLoopIterations)
        let body = call.body
        let arena = JSONArena()
        var metadata = JSONObjectBuilder(in: arena)
        if let given = body.member("metadata"), given.isObject {
            for index in 0..<given.count { metadata.append(key: given.key(at: index), given.value(at: index)) }
        }
        let options = WorkflowRunOptions(
            deadline: Stopwatch.nanoseconds() + UInt64(milliseconds) * 1_000_000, timeoutMilliseconds: milliseconds,
            recordsSteps: true, recordsOutputs: true, masks: MaskedFields([]), caller: NoCalls(), chain: [], log: nil,
            origin: RunOrigin(run: .make(), requestID: call.request.requestID, traceparent: nil))
        let run = WorkflowRun(
            workflow, payload: body.member("data") ?? .null, metadata: metadata.finish(), arena: arena,
            options: options)
        loop: while true {
            switch run.advance(steps: 2048) {
            case .finished: break loop
            case .yielded: await Task.yield()
            case .waiting(let work): run.resume(with: await work())
            }
        }
        return answer(run)
    }

    private static func answer(_ run: WorkflowRun) -> AdminResponse {
        .data { buffer in
            buffer.append(run.matched ? "{\"matched\":true" : "{\"matched\":false")
            buffer.append(",\"trace\":{\"steps\":")
            run.writeSteps(into: &buffer)
            buffer.append("},\"output\":")
            JSONWriter.write(run.data, into: &buffer)
            buffer.append(",\"errors\":[")
            for (place, error) in run.errors.enumerated() {
                if place > 0 { buffer.append(",") }
                error.write(into: &buffer)
            }
            buffer.append("]}")
        }
    }
}
