import JSONTree

/// Why a command that asks a server did not get what it wanted. Each kind has an exit code of its own, so that scripts
/// need not read sentences.
package enum ServerFailure: Error, Sendable {
    /// Nobody answered, or not in time.
    case unreachable(String)
    /// The server's own answer: its status, the sentence, and the whole envelope for those who want JSON.
    case refused(status: Int, message: String, body: [UInt8])
    /// What the user handed in cannot be used: a file that is no JSON, a definition without an id.
    case input(String)

    /// 1 refused or failed, 2 not reachable, 3 not allowed, 4 not found.
    package var exitCode: Int32 {
        switch self {
        case .unreachable: 2
        case .refused(401, _, _), .refused(403, _, _): 3
        case .refused(404, _, _): 4
        case .refused, .input: 1
        }
    }

    package var message: String {
        switch self {
        case .unreachable(let reason): reason
        case .refused(_, let message, _): message
        case .input(let reason): reason
        }
    }

    package init(status: Int, answer body: [UInt8]) {
        let json = try? OwnedJSON(parsing: body)  // another server may answer anything
        let error = json?.value.member("error")
        guard let sentence = error?.member("message")?.stringValue else {
            self = .refused(status: status, message: "The server answered \(status).", body: body)
            return
        }
        var text = sentence
        if let details = error?.member("details"), details.isArray {
            for place in 0..<details.count {
                let path = details[place].member("path")?.stringValue ?? ""
                let reason = details[place].member("message")?.stringValue ?? ""
                text += "\n  " + (path.isEmpty ? reason : "\(path): \(reason)")
            }
        }
        self = .refused(status: status, message: text, body: body)
    }
}
