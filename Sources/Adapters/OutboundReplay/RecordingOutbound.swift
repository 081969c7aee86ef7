package import Outbound
import Synchronization

/// Lets calls go out and keeps what was asked and answered, in the order of the answers.
package final class CallRecorder: Sendable {
    private let mask: RecordingMask
    private let kept = Mutex<[RecordedCall]>([])

    package init(mask: @escaping RecordingMask) { self.mask = mask }

    package var calls: [RecordedCall] { kept.withLock { $0 } }

    package func outbound(over real: any OutboundHTTP) -> any OutboundHTTP {
        RecordingOutbound(real: real, recorder: self)
    }

    package func databases(over real: any DatabaseOpening) -> any DatabaseOpening {
        RecordingDatabases(real: real, recorder: self)
    }

    /// Headers of a reply that mean something to who called; others are not kept.
    private static let keptHeaders: Set<String> = ["content-type", "retry-after"]

    fileprivate func keep(_ request: OutboundRequest, _ answer: Result<OutboundReply, OutboundFailure>) {
        let question = RecordedCall.Question(request, masking: mask)
        switch answer {
        case .failure(let failure): keep(question, .failure(failure))
        case .success(var reply):
            reply.headers = reply.headers.map { (name: $0.name.lowercased(), value: $0.value) }.filter {
                Self.keptHeaders.contains($0.name)
            }
            reply.body = reply.body.isEmpty ? [] : mask(reply.body)
            keep(question, .reply(reply))
        }
    }

    fileprivate func keep(_ statement: SQLStatement, writes: Bool, _ answer: RecordedCall.Answer) {
        var answer = answer
        if case .rows(var rows) = answer {
            rows.rows = rows.rows.map { row in
                row.map { value in
                    if case .text(let text) = value { .text(RecordedCall.Question.masked(text, mask)) } else { value }
                }
            }
            answer = .rows(rows)
        }
        keep(RecordedCall.Question(statement, writes: writes, masking: mask), answer)
    }

    private func keep(_ question: RecordedCall.Question, _ answer: RecordedCall.Answer) {
        kept.withLock { $0.append(RecordedCall(question: question, answer: answer)) }
    }
}

private struct RecordingOutbound: OutboundHTTP {
    let real: any OutboundHTTP
    let recorder: CallRecorder

    func send(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply {
        guard !request.asksForCredentials else { return try await real.send(request) }
        do throws(OutboundFailure) {
            let reply = try await real.send(request)
            recorder.keep(request, .success(reply))
            return reply
        } catch {
            recorder.keep(request, .failure(error))
            throw error
        }
    }
}

private struct RecordingDatabases: DatabaseOpening {
    let real: any DatabaseOpening
    let recorder: CallRecorder

    var schemes: [String] { real.schemes }

    func open(_ source: DatabaseSource) -> any OutboundDatabase {
        RecordingDatabase(real: real.open(source), recorder: recorder)
    }
}

private struct RecordingDatabase: OutboundDatabase {
    let real: any OutboundDatabase
    let recorder: CallRecorder

    func read(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLRows {
        do throws(DatabaseFailure) {
            let rows = try await real.read(statement)
            recorder.keep(statement, writes: false, .rows(rows))
            return rows
        } catch {
            recorder.keep(statement, writes: false, .databaseFailure(error))
            throw error
        }
    }

    func write(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLChange {
        do throws(DatabaseFailure) {
            let changed = try await real.write(statement)
            recorder.keep(statement, writes: true, .changed(changed))
            return changed
        } catch {
            recorder.keep(statement, writes: true, .databaseFailure(error))
            throw error
        }
    }

    func close() async { await real.close() }
}
