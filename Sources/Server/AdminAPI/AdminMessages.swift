package import Connectors
package import Traces
package import Vocabulary

/// A request for the admin API, as it came in.
package struct AdminRequest: Sendable {
    package var method: String
    package var path: String
    package var query: String?
    /// Lower-case names.
    package var headers: [(String, String)]
    package var body: [UInt8]
    /// The caller's address; behind a trusted proxy, the one it names.
    package var client: String
    package var requestID: String

    package init(
        method: String, path: String, query: String?, headers: [(String, String)], body: [UInt8], client: String,
        requestID: String
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.client = client
        self.requestID = requestID
    }

    package func header(_ name: String) -> String? { headers.first { $0.0 == name }?.1 }
}

package struct AdminResponse: Sendable {
    package var status: Int
    package var headers: [(String, String)]
    /// JSON; empty for 204.
    package var body: [UInt8]
    /// What went wrong, where something did.
    package var problem: Problem.Code?

    package init(status: Int, headers: [(String, String)] = [], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// The serving side, as the admin API sees it.
package protocol EngineControl: Sendable {
    func reload() async throws(Problem) -> EngineStatus
    func status() -> EngineStatus
    func isRunning(_ trace: Identifier) -> Bool
    var queueFacts: QueueFacts { get }
    var connectors: ConnectorSet { get }
    var usesBreakers: Bool { get }
    /// Forgets the cached replies of a namespace.
    func invalidate(namespace: String)
}

package struct EngineStatus: Sendable {
    package var version: String
    package var generation: Int64
    package var uptimeSeconds: Int
    package var workflowCount: Int
    package var channels: [String]
    package var issues: [(channelID: String, workflowID: String, message: String)]
    /// Connectors that do not load, and why.
    package var connectorFaults: [(id: String, message: String)] = []

    package init(
        version: String, generation: Int64, uptimeSeconds: Int, workflowCount: Int, channels: [String],
        issues: [(channelID: String, workflowID: String, message: String)]
    ) {
        self.version = version
        self.generation = generation
        self.uptimeSeconds = uptimeSeconds
        self.workflowCount = workflowCount
        self.channels = channels
        self.issues = issues
    }
}
