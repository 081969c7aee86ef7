package import Outbound
import Synchronization

/// Answers calls from a recording; nothing goes out. The same question asked again gets the next answer it was given.
package final class CallReplay: Sendable {
    private struct State {
        var left: [RecordedCall]
        var missing: [RecordedCall.Question] = []
    }

    private let mask: RecordingMask
    private let state: Mutex<State>

    package init(_ calls: [RecordedCall], mask: @escaping RecordingMask) {
        self.mask = mask
        state = Mutex(State(left: calls))
    }

    /// What was recorded and not asked for.
    package var unused: [RecordedCall.Question] { state.withLock { $0.left.map(\.question) } }
    /// What was asked for and not recorded.
    package var missing: [RecordedCall.Question] { state.withLock { $0.missing } }

    package var outbound: any OutboundHTTP { ReplayOutbound(replay: self) }
    package var databases: any DatabaseOpening { ReplayDatabases(replay: self) }

    fileprivate func answer(_ request: OutboundRequest) throws(OutboundFailure) -> OutboundReply {
        let question = RecordedCall.Question(request, masking: mask)
        switch take(question) {
        case .reply(let reply): return reply
        case .failure(let failure): throw failure
        default: throw .notRecorded(explain(question))
        }
    }

    fileprivate func answer(_ statement: SQLStatement, writes: Bool) throws(DatabaseFailure) -> RecordedCall.Answer {
        let question = RecordedCall.Question(statement, writes: writes, masking: mask)
        switch take(question) {
        case .databaseFailure(let failure): throw failure
        case .some(let answer): return answer
        case nil: throw .notRecorded(explain(question))
        }
    }

    private func take(_ question: RecordedCall.Question) -> RecordedCall.Answer? {
        state.withLock { state in
            guard let place = state.left.firstIndex(where: { $0.question == question }) else {
                state.missing.append(question)
                return nil
            }
            return state.left.remove(at: place).answer
        }
    }

    private func explain(_ question: RecordedCall.Question) -> String {
        let left = unused.filter { $0.connector == question.connector }.map(\.summary)
        let others = left.isEmpty ? "nothing" : left.joined(separator: "; ")
        return "The call of `\(question.connector)` is not recorded: \(question.summary). Left in the recording: "
            + "\(others). Record it with weir test --record."
    }
}

private struct ReplayOutbound: OutboundHTTP {
    let replay: CallReplay

    func send(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply {
        // Credentials are not recorded, and where nothing goes out none is needed.
        guard !request.asksForCredentials else {
            return OutboundReply(status: 200, body: Array(#"{"access_token":"replay"}"#.utf8))
        }
        return try replay.answer(request)
    }
}

private struct ReplayDatabases: DatabaseOpening {
    let replay: CallReplay

    /// Also what stands in for a reference, which leads nowhere here.
    var schemes: [String] { ["sqlite", "postgres", "postgresql", "mysql", "mariadb", "http"] }

    func open(_ source: DatabaseSource) -> any OutboundDatabase { ReplayDatabase(replay: replay) }
}

private struct ReplayDatabase: OutboundDatabase {
    let replay: CallReplay

    func read(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLRows {
        guard case .rows(let rows) = try replay.answer(statement, writes: false) else {
            throw .notRecorded("What is recorded for this read is no list of rows.")
        }
        return rows
    }

    func write(_ statement: SQLStatement) async throws(DatabaseFailure) -> SQLChange {
        guard case .changed(let change) = try replay.answer(statement, writes: true) else {
            throw .notRecorded("What is recorded for this write is not what a write answers.")
        }
        return change
    }

    func close() async {}
}
