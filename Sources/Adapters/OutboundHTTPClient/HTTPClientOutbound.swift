import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
package import Outbound
import Synchronization

/// Calls other systems with async-http-client.
///
/// A name is resolved here, every address it has is judged, and the connection goes to an address that was judged: a
/// name that leads elsewhere a moment later leads nowhere.
package final class HTTPClientOutbound: OutboundHTTP {
    private let clients: PinnedClients

    private static let mostRedirects = 3

    /// - Parameter connectionsPerHost: open connections to one address, at most.
    package init(connectionsPerHost: Int = 64) { clients = PinnedClients(connectionsPerHost: connectionsPerHost) }

    /// Ends all connections. Nothing may be sent afterwards.
    package func shutDown() async { await clients.shutDown() }

    package func send(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply {
        let deadline = NIODeadline.now() + .nanoseconds(Self.nanoseconds(request.timeout))
        var request = request
        var redirects = 0
        while true {
            let target = try Target(request.url)
            let reply = try await sendOnce(request, to: target, by: deadline)
            guard [301, 302, 303, 307, 308].contains(reply.status), request.method == "GET" || request.method == "HEAD",
                let location = reply.header("location"), redirects < Self.mostRedirects
            else { return reply }
            redirects += 1
            request.url = try target.resolve(location)
            if !target.isSameOrigin(as: try Target(request.url)) {
                let kept: Set<String> = ["accept", "user-agent", "traceparent", "x-request-id"]
                request.headers.removeAll { !kept.contains($0.name.lowercased()) }
            }
        }
    }

    private func sendOnce(
        _ request: OutboundRequest, to target: Target, by deadline: NIODeadline
    ) async throws(OutboundFailure) -> OutboundReply {
        let address = try await Self.address(of: target, allowsPrivate: request.allowsPrivateAddresses, by: deadline)
        var made = HTTPClientRequest(url: request.url)
        made.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { made.headers.replaceOrAdd(name: name, value: value) }
        if !request.body.isEmpty { made.body = .bytes(ByteBuffer(bytes: request.body)) }
        let lent = await clients.lend(host: target.host, address: address)
        defer { clients.giveBack(lent) }
        do {
            let response = try await lent.client.execute(made, deadline: deadline)
            var body: [UInt8] = []
            if let length = response.headers.first(name: "content-length").flatMap({ Int($0) }),
                length > request.maxReplyBytes
            {
                throw OutboundFailure.tooLarge(request.maxReplyBytes)
            }
            for try await part in response.body {
                guard body.count + part.readableBytes <= request.maxReplyBytes else {
                    throw OutboundFailure.tooLarge(request.maxReplyBytes)
                }
                body += part.readableBytesView
                // The client's deadline ends with the head; a body that drips is ours to end.
                guard NIODeadline.now() < deadline else { throw OutboundFailure.timedOut }
            }
            return OutboundReply(
                status: Int(response.status.code), headers: response.headers.map { ($0.name.lowercased(), $0.value) },
                body: body)
        } catch {
            throw Self.failure(error)
        }
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000
    }

    private static func failure(_ error: any Error) -> OutboundFailure {
        switch error {
        case let error as OutboundFailure: error
        case let error as HTTPClientError
        where [.deadlineExceeded, .connectTimeout, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout].contains(
            error):
            .timedOut
        case is CancellationError: .timedOut
        case let error as HTTPClientError: .unreachable(error.shortDescription)
        case let error as IOError: .unreachable(String(cString: strerror(error.errnoCode)))
        case is NIOSSLError, is NIOSSLExtraError: .unreachable("the TLS handshake failed")
        case is NIOConnectionError: .unreachable("nobody listens there")
        default: .unreachable("the connection broke")
        }
    }

    // MARK: - Addresses

    /// An address of the host that may be called.
    private static func address(
        of target: Target, allowsPrivate: Bool, by deadline: NIODeadline
    ) async throws(OutboundFailure) -> String {
        let host = target.host
        let port = target.port
        let found: [(text: String, bytes: [UInt8])]
        do {
            found = try await NIOThreadPool.singleton.runIfActive { resolve(host, port) }
        } catch {
            throw .unreachable("the name `\(host)` cannot be looked up")
        }
        guard let first = found.first else { throw .unreachable("there is no host `\(host)`") }
        guard NIODeadline.now() < deadline else { throw .timedOut }
        guard allowsPrivate || found.allSatisfy({ AddressRule.isPublic($0.bytes) }) else {
            throw .refusedAddress("`\(host)` leads to a private address")
        }
        return first.text
    }

    private static func resolve(_ host: String, _ port: Int) -> [(text: String, bytes: [UInt8])] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [(text: String, bytes: [UInt8])] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let address = entry.pointee.ai_addr else { continue }
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            guard
                getnameinfo(
                    address, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            else { continue }
            let name = text.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if Int32(address.pointee.sa_family) == AF_INET {
                let bytes = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).sin_addr
                found.append((name, withUnsafeBytes(of: bytes) { Array($0) }))
            } else if Int32(address.pointee.sa_family) == AF_INET6 {
                let bytes = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self).sin6_addr
                found.append((name, withUnsafeBytes(of: bytes) { Array($0) }))
            }
        }
        return found
    }
}
