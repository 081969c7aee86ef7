/// Why a command has no reply that can be used. Sentences hold no secret.
package enum RedisFailure: Error, Sendable, Equatable {
    /// No reply by the deadline. The command may have run, or may run yet; its reply is dropped when it comes.
    case timedOut
    /// There is no connection. The command was not sent.
    case unreachable(String)
    /// The server does not take us: the wrong user, password or database. The command was not sent.
    case denied(String)
    /// The connection broke after the command was sent. It may have run.
    case lost(String)
    /// Too many commands wait for this server. The command was not sent.
    case busy
    /// The server refused the command.
    case refused(RedisError)
    /// The client was shut down.
    case stopped

    /// Whether the server may have done what it was asked to.
    package var mayHaveRun: Bool {
        switch self {
        case .timedOut, .lost: true
        case .unreachable, .denied, .busy, .refused, .stopped: false
        }
    }

    /// Whether the same command may succeed in a moment.
    package var isPassing: Bool {
        switch self {
        case .timedOut, .unreachable, .lost, .busy: true
        case .denied, .stopped: false
        case .refused(let error):
            ["LOADING", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "READONLY", "BUSY", "MOVED", "ASK"].contains(
                error.code)
        }
    }

    /// For people: without a full stop.
    package var sentence: String {
        switch self {
        case .timedOut: "there was no answer in time"
        case .unreachable(let reason), .denied(let reason), .lost(let reason): reason
        case .busy: "too many commands wait for an answer"
        case .refused(let error): error.message
        case .stopped: "the server is stopping"
        }
    }
}
