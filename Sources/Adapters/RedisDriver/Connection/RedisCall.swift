/// A command on its way, and who waits for its reply.
struct RedisCall: Sendable {
    typealias Completion = @Sendable (Result<RedisReply, RedisFailure>) -> Void

    var command: RedisCommand
    /// Nanoseconds of `NIODeadline`'s clock.
    var deadline: UInt64
    /// How often it was sent elsewhere, or again.
    var turns = 0
    /// The server does not know the script: its text is sent.
    var sendsText = false
    /// An importing node of a cluster is told that it may answer (`ASKING`).
    var asks = false
    var completion: Completion

    /// Bytes it takes on the wire, nearly.
    var bytes: Int {
        command.body.count + 16 + (sendsText ? command.script?.byText.count ?? 0 : 0)
    }
}
