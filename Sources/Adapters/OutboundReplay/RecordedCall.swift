package import Outbound

/// One call that went out and what came back, without credentials.
package struct RecordedCall: Sendable {
    /// What was asked. A call is answered from a recording when its question is the same.
    package enum Question: Sendable, Equatable {
        /// The path is the task's own, with its query, without the connector's URL and parameters.
        case http(connector: String, method: String, path: String, body: [UInt8])
        case database(connector: String, writes: Bool, statement: String, parameters: [SQLValue])

        package var connector: String {
            switch self {
            case .http(let connector, _, _, _), .database(let connector, _, _, _): connector
            }
        }

        /// For people: `POST orders/7`.
        package var summary: String {
            switch self {
            case .http(_, let method, let path, let body):
                "\(method) \(path.isEmpty ? "/" : path)"
                    + (body.isEmpty ? "" : " \(String(decoding: body.prefix(200), as: UTF8.self))")
            case .database(_, _, let statement, let parameters): "\(statement) \(parameters)"
            }
        }
    }

    package enum Answer: Sendable {
        case reply(OutboundReply)
        case failure(OutboundFailure)
        case rows(SQLRows)
        case changed(SQLChange)
        case databaseFailure(DatabaseFailure)
    }

    package var question: Question
    package var answer: Answer

    package init(question: Question, answer: Answer) {
        self.question = question
        self.answer = answer
    }
}

/// What may not be in a file takes its place as `******`: given bytes that are JSON or plain text.
package typealias RecordingMask = @Sendable ([UInt8]) -> [UInt8]

extension RecordedCall.Question {
    init(_ request: OutboundRequest, masking mask: RecordingMask) {
        self = .http(
            connector: request.connector, method: request.method, path: Self.masked(request.path, mask),
            body: request.body.isEmpty ? [] : mask(request.body))
    }

    init(_ statement: SQLStatement, writes: Bool, masking mask: RecordingMask) {
        self = .database(
            connector: statement.connector, writes: writes, statement: statement.text,
            parameters: statement.parameters.map { parameter in
                switch parameter {
                case .text(let text): .text(Self.masked(text, mask))
                case .json(let text): .json(mask(text))
                case .null, .integer, .real, .bytes, .bool: parameter
                }
            })
    }

    static func masked(_ text: String, _ mask: RecordingMask) -> String {
        String(decoding: mask(Array(text.utf8)), as: UTF8.self)
    }
}
