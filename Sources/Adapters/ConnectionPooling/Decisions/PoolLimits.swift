/// How many connections a pool has, and how long anything may take. Durations are nanoseconds.
package struct PoolLimits: Sendable, Equatable {
    /// 1 and more.
    package var mostConnections = 8
    /// Connections that are kept open though nobody wants them; at most `mostConnections`.
    package var leastConnections = 0
    /// Batches under way on one connection before callers wait; 1 and more.
    package var depth = 64
    /// Callers that wait; more are refused at once.
    package var mostWaiting = 4096
    /// How long a caller waits for a connection.
    package var wait: UInt64 = 2_000_000_000
    /// A connection goes after that, so that a server that came back gets its share; spread by a tenth.
    package var lifetime: UInt64 = 1_800_000_000_000
    /// A connection that nobody wanted for that long goes, down to `leastConnections`.
    package var idle: UInt64 = 600_000_000_000
    /// Whether callers are refused as soon as it is known that the server cannot be reached. Otherwise they wait their time:
    /// it may be on its way back.
    package var failsFast = false
    /// A connection that rested that long is asked whether it lives.
    package var rest: UInt64 = 15_000_000_000
    /// The server ends a statement after that (milliseconds); the connection goes if there is no word 2 s later.
    package var statementMilliseconds = 10_000
    /// How long opening one may take; libpq counts in seconds and takes 2 for 1.
    package var openSeconds = 5

    package init() {}
}
