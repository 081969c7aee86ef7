import JSONTree
import Synchronization

/// Takes messages of the Model Context Protocol that came another way, such as over standard input, to a server's `/mcp`.
///
/// Every message is answered as the server answers it. Where the server cannot be reached, or does not let us in, the
/// client is told so in words of the protocol: it must not wait for an answer that never comes.
package final class MCPRelay: Sendable {
    private let connection: ServerConnection
    private let headers: [(String, String)]
    /// What client and server agreed on; named in every request after that.
    private let version = Mutex<String?>(nil)

    /// - Parameter headers: sent along with every message.
    package init(_ connection: ServerConnection, headers: [(String, String)] = []) {
        self.connection = connection
        self.headers = headers
    }

    /// - Parameter message: JSON text.
    /// - Returns: the answer in one line, nil where none is due.
    package func answer(_ message: [UInt8]) async -> [UInt8]? {
        let agreed = version.withLock { $0 }
        let named = agreed.map { [("mcp-protocol-version", $0)] } ?? []
        do throws(ServerFailure) {
            let reply = try await connection.send(
                "POST", "/mcp", body: message,
                headers: headers + named + [("accept", "application/json, text/event-stream")])
            guard reply.status != 202 else { return nil }
            guard let json = try? OwnedJSON(parsing: reply.body), Self.isMessage(json) else {
                return Self.failure(ServerFailure(status: reply.status, answer: reply.body), message)
            }
            if agreed == nil, let now = json.read({ $0.member("result")?.member("protocolVersion")?.stringValue }) {
                version.withLock { $0 = now }
            }
            // The server writes no line breaks; whoever else answers might.
            return json.read { JSONWriter.bytes($0) }
        } catch {
            return Self.failure(error, message)
        }
    }

    private static func isMessage(_ json: OwnedJSON) -> Bool {
        json.read { $0.isArray || $0.member("jsonrpc") != nil }
    }

    /// Codes below -32000 are a server's own (JSON-RPC 2.0, section 5.1).
    private static func failure(_ failure: ServerFailure, _ message: [UInt8]) -> [UInt8]? {
        let request = try? OwnedJSON(parsing: message)  // what is no JSON has no id
        let id = request?.value.member("id")
        // A notification is not answered, whatever becomes of it.
        if let request, request.read({ $0.isObject }), id == nil { return nil }
        var buffer = JSONByteBuffer()
        buffer.append("{\"jsonrpc\":\"2.0\",\"id\":")
        JSONWriter.write(id ?? .null, into: &buffer)
        buffer.append(",\"error\":{\"code\":")
        buffer.append(integer: -32_000 - Int64(failure.exitCode))
        buffer.append(",\"message\":")
        JSONWriter.write(failure.message, into: &buffer)
        buffer.append("}}")
        return buffer.bytes
    }
}
