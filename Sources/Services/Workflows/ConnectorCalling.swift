package import Outbound
package import Telemetry

/// What a task asks of a named connector.
package struct ConnectorCall: Sendable {
    package var connector: String
    package var channel: String
    package var method: String
    /// Appended to the connector's URL; may have a query.
    package var path: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]?
    /// For each attempt; 0 for the connector's own.
    package var timeoutMilliseconds: Int
    /// ``Stopwatch`` nanoseconds when the run's time is up; 0 for never.
    package var deadline: UInt64
    package var origin: RunOrigin
    /// Where the call's spans go; nil where they are not kept.
    package var spans: SpanPlace?

    package init(
        connector: String, channel: String, method: String, path: String, headers: [(name: String, value: String)],
        body: [UInt8]?, timeoutMilliseconds: Int, deadline: UInt64, origin: RunOrigin
    ) {
        self.connector = connector
        self.channel = channel
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.timeoutMilliseconds = timeoutMilliseconds
        self.deadline = deadline
        self.origin = origin
    }
}

/// A successful reply (2xx) of another system.
package struct ConnectorReply: Sendable {
    package var status: Int
    package var body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// Where functions find the outside world.
package protocol ConnectorCalling: Sendable {
    /// Calls over HTTP, behind the connector's retry, breaker and address rule. Everything but a 2xx is a failure.
    func callHTTP(_ call: ConnectorCall) async throws(TaskFailure) -> ConnectorReply

    /// Asks or changes a database. The answer is JSON text: an array of rows, or what was changed.
    func callDatabase(_ call: DatabaseCall) async throws(TaskFailure) -> [UInt8]

    /// Asks or changes a cache. The answer is JSON text.
    func callCache(_ call: CacheCall) async throws(TaskFailure) -> [UInt8]
}

/// One statement for a named database.
package struct DatabaseCall: Sendable {
    package var connector: String
    package var channel: String
    package var statement: String
    package var parameters: [SQLValue]
    package var writes: Bool
    /// ``Stopwatch`` nanoseconds when the run's time is up; 0 for never.
    package var deadline: UInt64
    package var spans: SpanPlace?

    package init(
        connector: String, channel: String, statement: String, parameters: [SQLValue], writes: Bool, deadline: UInt64
    ) {
        self.connector = connector
        self.channel = channel
        self.statement = statement
        self.parameters = parameters
        self.writes = writes
        self.deadline = deadline
    }
}

package struct CacheCall: Sendable {
    package enum Operation: Sendable, Equatable {
        case read([String])
        /// The value is JSON text.
        case write(String, [UInt8], seconds: Int?)
        case delete([String])
        case increment(String, by: Int64, seconds: Int?)
    }

    package var connector: String
    package var operation: Operation
    package var channel: String
    /// ``Stopwatch`` nanoseconds when the run's time is up; 0 for never.
    package var deadline: UInt64
    package var spans: SpanPlace?

    package init(connector: String, operation: Operation, channel: String = "", deadline: UInt64 = 0) {
        self.connector = connector
        self.operation = operation
        self.channel = channel
        self.deadline = deadline
    }
}

/// Where there are no connectors: trials, and tests that need none.
package struct NoConnectors: ConnectorCalling {
    package init() {}

    private static func refusal(_ connector: String) -> String {
        "A trial does not call connectors, `\(connector)` neither; `weir test` runs a workflow with recorded replies."
    }

    package func callHTTP(_ call: ConnectorCall) async throws(TaskFailure) -> ConnectorReply {
        throw TaskFailure("FUNCTION_ERROR", Self.refusal(call.connector))
    }

    package func callDatabase(_ call: DatabaseCall) async throws(TaskFailure) -> [UInt8] {
        throw TaskFailure("FUNCTION_ERROR", Self.refusal(call.connector))
    }

    package func callCache(_ call: CacheCall) async throws(TaskFailure) -> [UInt8] {
        throw TaskFailure("FUNCTION_ERROR", Self.refusal(call.connector))
    }
}
