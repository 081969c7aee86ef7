import AsyncHTTPClient
import Glibc
package import JSONTree
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Vocabulary

/// A running server, as commands ask it.
package struct ServerConnection: Sendable {
    private let base: String
    private let key: String?
    private let timeout: TimeAmount

    /// Bytes of a reply that are read; exports can be large.
    private static let mostBytes = 256 * 1024 * 1024

    /// Lives as long as the program, which ends with the command. A server that is not there is said to be so at once.
    /// `WEIR_CA_FILE` names the certificates to trust in the place of the system's.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(timeout: .init(connect: .seconds(5)))
        configuration.connectionPool.retryConnectionEstablishment = false
        if let file = getenv("WEIR_CA_FILE") {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(String(cString: file))
            configuration.tlsConfiguration = tls
        }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// - Parameters:
    ///   - url: such as `http://127.0.0.1:8080`.
    ///   - key: an admin key, sent as a bearer token.
    package init(url: String, key: String?, timeoutSeconds: Int) {
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.key = key
        timeout = .seconds(Int64(timeoutSeconds))
    }

    package struct Reply: Sendable {
        package var status: Int
        package var headers: [(String, String)]
        package var body: [UInt8]
    }

    /// Any answer, whatever its status.
    ///
    /// - Parameter path: from the root, with its query; what is not fit for a URL must be escaped.
    package func send(
        _ method: String, _ path: String, body: [UInt8]? = nil, headers: [(String, String)] = []
    ) async throws(ServerFailure) -> Reply {
        var request = HTTPClientRequest(url: base + path)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let key, !request.headers.contains(name: "authorization") {
            request.headers.add(name: "authorization", value: "Bearer \(key)")
        }
        if let body {
            if !request.headers.contains(name: "content-type") {
                request.headers.add(name: "content-type", value: "application/json")
            }
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        do {
            let response = try await Self.client.execute(request, timeout: timeout)
            let bytes = try await response.body.collect(upTo: Self.mostBytes)
            return Reply(
                status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
                body: Array(bytes.readableBytesView))
        } catch {
            throw .unreachable("No answer from \(base): \(Self.sentence(for: error))")
        }
    }

    /// The answer's JSON, where the status says success.
    package func json(
        _ method: String, _ path: String, body: [UInt8]? = nil
    ) async throws(ServerFailure) -> OwnedJSON {
        let reply = try await send(method, path, body: body)
        guard (200..<300).contains(reply.status) else {
            // The server tells strangers nothing about keys; who sent one may be told what that can mean.
            guard reply.status == 401, key != nil else { throw ServerFailure(status: reply.status, answer: reply.body) }
            let wait = reply.headers.first { $0.0.lowercased() == "retry-after" }.map { " Wait \($0.1) seconds." } ?? ""
            throw .refused(
                status: 401,
                message: "The key was refused: it is wrong, expired or revoked, or too many wrong ones came from here."
                    + wait, body: reply.body)
        }
        do throws(JSONSyntaxError) {
            return try OwnedJSON(parsing: reply.body.isEmpty ? Array("null".utf8) : reply.body)
        } catch {
            throw .unreachable("What answers at \(base) is no Weir: \(error.message)")
        }
    }

    private static func sentence(for error: any Error) -> String {
        switch error {
        case let error as HTTPClientError where error == .deadlineExceeded: "it took too long."
        case let error as HTTPClientError where error == .invalidURL || error == .emptyHost || error == .emptyScheme:
            "the address is not one of a server; write it as http://127.0.0.1:8080."
        case let error as IOError where error.errnoCode != ECONNREFUSED: error.description
        case is NIOConnectionError, is IOError: "nobody listens there. Is the server running?"
        default: "\(error)"
        }
    }

    /// A name as one segment of a path.
    package static func segment(_ name: String) -> String { PercentEncoding.segment(name) }

    /// `?a=b&c=d` of what is given, or nothing.
    package static func query(_ values: [(String, String?)]) -> String {
        let given = values.compactMap { name, value in value.map { "\(name)=\(segment($0))" } }
        return given.isEmpty ? "" : "?" + given.joined(separator: "&")
    }
}
