import AsyncHTTPClient
import Glibc
package import NIOCore
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
    private let addresses = JudgedAddresses()
    private let group: any EventLoopGroup
    /// Calls without TLS take a short way: connections of the loop that asks.
    private let pools: [ObjectIdentifier: NIOLoopBoundBox<PlainPool>]

    private static let mostRedirects = 3

    /// - Parameters:
    ///   - group: the loops to call from; the server's own, so that a call made on a loop stays there.
    ///   - connectionsPerHost: open connections to one address, at most.
    ///   - authorities: a PEM file of certificates that are trusted besides the system's; empty for none.
    /// - Throws: `malformed` where the file holds no certificates.
    package init(
        group: any EventLoopGroup, connectionsPerHost: Int = 64, authorities: String = ""
    ) throws(OutboundFailure) {
        self.group = group
        var trusted: [NIOSSLCertificate] = []
        if !authorities.isEmpty {
            do { trusted = try NIOSSLCertificate.fromPEMFile(authorities) } catch {
                throw .malformed("`\(authorities)` holds no certificates")
            }
        }
        clients = PinnedClients(group: group, connectionsPerHost: connectionsPerHost, authorities: trusted)
        pools = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { loop in
                let pool = PlainPool(loop: loop, connectionsPerHost: connectionsPerHost)
                return (ObjectIdentifier(loop), NIOLoopBoundBox.makeBoxSendingValue(pool, eventLoop: loop))
            })
    }

    /// Ends all connections. Nothing may be sent afterwards.
    package func shutDown() async {
        for loop in group.makeIterator() {
            guard let pool = pools[ObjectIdentifier(loop)] else { continue }
            try? await loop.submit { pool.value.end() }.get()  // a loop that has ended has no connections
        }
        await clients.shutDown()
    }

    package func send(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply {
        let deadline = NIODeadline.now() + .nanoseconds(Self.nanoseconds(request.timeout))
        var request = request
        var redirects = 0
        while true {
            let target = try target(request.url)
            let reply = try await sendOnce(request, to: target, isRedirected: redirects > 0, by: deadline)
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

    private func target(_ url: String) throws(OutboundFailure) -> Target {
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop, let pool = pools[ObjectIdentifier(loop)] else {
            return try Target(url)
        }
        return try pool.value.target(url)
    }

    private func sendOnce(
        _ request: OutboundRequest, to target: Target, isRedirected: Bool, by deadline: NIODeadline
    ) async throws(OutboundFailure) -> OutboundReply {
        let address = try await addresses.address(
            of: target, allowsPrivate: request.allowsPrivateAddresses, isRedirected: isRedirected, by: deadline,
            on: group.any())
        if target.scheme == "http" { return try await sendPlain(request, to: target, at: address, by: deadline) }
        let lent = await clients.lend(host: target.host, address: address)
        defer { clients.giveBack(lent) }
        do {
            return try await group.any().answer(by: deadline) {
                try await Self.sendTLS(request, to: target.url, over: lent.client, by: deadline)
            }
        } catch {
            throw Self.failure(error)
        }
    }

    private static func sendTLS(
        _ request: OutboundRequest, to url: String, over client: HTTPClient, by deadline: NIODeadline
    ) async throws -> OutboundReply {
        // The address that was judged is pinned to the host as `Target` spells it; another spelling would be looked up.
        var made = HTTPClientRequest(url: url)
        made.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { made.headers.replaceOrAdd(name: name, value: value) }
        if !request.body.isEmpty { made.body = .bytes(ByteBuffer(bytes: request.body)) }
        // The client's own deadline ends with the head; a body that stands still is ended by who called this.
        let response = try await client.execute(made, deadline: deadline)
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
        }
        return OutboundReply(
            status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) }, body: body)
    }

    private func sendPlain(
        _ request: OutboundRequest, to target: Target, at address: String, by deadline: NIODeadline
    ) async throws(OutboundFailure) -> OutboundReply {
        let current = MultiThreadedEventLoopGroup.currentEventLoop.flatMap { loop in
            pools[ObjectIdentifier(loop)].map { (loop: loop, pool: $0) }
        }
        let next = group.next()
        guard let (loop, pool) = current ?? pools[ObjectIdentifier(next)].map({ (loop: next, pool: $0) }) else {
            throw .unreachable("there is no event loop")
        }
        let promise = loop.makePromise(of: Result<OutboundReply, OutboundFailure>.self)
        let start: @Sendable () -> Void = {
            pool.value.send(
                .init(request: request, target: target, address: address, deadline: deadline) { promise.succeed($0) })
        }
        if loop.inEventLoop { start() } else { loop.execute(start) }
        let result: Result<OutboundReply, OutboundFailure>
        do { result = try await promise.futureResult.get() } catch { throw .unreachable("the connection broke") }
        return try result.get()
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
}
