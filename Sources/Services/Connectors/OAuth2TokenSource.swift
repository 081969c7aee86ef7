import JSONTree
package import Outbound
import Synchronization
import Telemetry
import Vocabulary

/// The access tokens of one connector: asked for when the first call needs one, by one call for all, kept until shortly
/// before they end.
package final class OAuth2TokenSource: Sendable {
    package let grant: OAuth2Grant
    let allowsPrivateAddresses: Bool
    private let outbound: any OutboundHTTP
    private let clock: @Sendable () -> UInt64
    private let meters: OAuth2Meters?
    private let cache: Mutex<AccessTokenCache>
    private let flight = SingleFlight<Result<String, OAuth2Fault>>()

    /// For one answer of the authorisation server, however much time the call has.
    private let longestWait: Duration
    private static let mostBytes = 64 * 1024
    /// Where the server does not say how long a token lives.
    private static let usualLifetime = 300.0

    /// - Parameters:
    ///   - longestWait: for one answer of the authorisation server, however much time a call has.
    ///   - clock: ``Stopwatch`` nanoseconds.
    package init(
        _ grant: OAuth2Grant, outbound: any OutboundHTTP, allowsPrivateAddresses: Bool, meters: OAuth2Meters? = nil,
        longestWait: Duration = .seconds(10),
        clock: @escaping @Sendable () -> UInt64 = { Stopwatch.nanoseconds() }
    ) {
        self.longestWait = longestWait
        self.grant = grant
        self.outbound = outbound
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.meters = meters
        self.clock = clock
        cache = Mutex(AccessTokenCache(marginSeconds: grant.marginSeconds))
    }

    /// A token that is good now.
    ///
    /// - Parameter limit: how long this call may wait for it.
    package func token(within limit: Duration) async throws(OAuth2Fault) -> String {
        let start = clock()
        while true {
            let meanwhile: String?
            switch cache.withLock({ $0.decide(at: clock()) }) {
            case .use(let token): return token
            case .refused(let fault): throw fault
            case .ask(let token): meanwhile = token
            }
            if let meanwhile, flight.isUnderWay { return meanwhile }
            let left = limit - .nanoseconds(Int64(clock() - start))
            guard left > .zero else { throw .timedOut }
            let wait = min(left, longestWait)
            switch await flight.run(waitingAtMost: wait, { await self.ask(within: wait) }) {
            case .success(let token): return token
            case .failure(let fault):
                guard let meanwhile else { throw fault }
                return meanwhile
            case nil:
                // Whoever asked had less time than this call: it takes its turn, while it has time itself.
                if wait == longestWait || left <= wait { throw .timedOut }
            }
        }
    }

    /// The server that the token is for would not have it.
    ///
    /// - Returns: whether it is worth asking for another.
    func drop(_ token: String) -> Bool { cache.withLock { $0.drop(token, at: clock()) } }

    /// - Returns: nil where the time of this call was up, which says nothing to others.
    private func ask(within limit: Duration) async -> Result<String, OAuth2Fault>? {
        do throws(OutboundFailure) {
            let reply = try await outbound.send(request(within: limit))
            return settle(Self.read(reply))
        } catch {
            switch error {
            case .timedOut where limit < longestWait: return nil
            case .timedOut: return settle(.failure(.timedOut))
            case .unreachable(let reason): return settle(.failure(.unavailable(reason)))
            case .refusedAddress(let reason), .malformed(let reason), .notRecorded(let reason):
                return settle(.failure(.notAllowed(reason)))
            case .tooLarge(let bytes): return settle(.failure(.unavailable("it answered more than \(bytes) bytes")))
            }
        }
    }

    private struct Answer {
        var token: String
        var lifetime: Double
    }

    private func settle(_ answer: Result<Answer, OAuth2Fault>) -> Result<String, OAuth2Fault> {
        switch answer {
        case .success(let answer):
            meters?.ok.increment()
            cache.withLock {
                $0.received(answer.token, lifetime: answer.lifetime, at: clock(), draw: Double.random(in: 0..<1))
            }
            return .success(answer.token)
        case .failure(let fault):
            meters?.failed.increment()
            if case .refused = fault { cache.withLock { $0.refused(fault, at: clock()) } }
            return .failure(fault)
        }
    }

    private func request(within limit: Duration) -> OutboundRequest {
        var parameters = grant.parameters
        var headers = [
            (name: "accept", value: "application/json"), (name: "user-agent", value: "weir"),
            (name: "content-type", value: "application/x-www-form-urlencoded"),
        ]
        if grant.sendsSecretInBody {
            parameters.append(.init(name: "client_id", value: grant.clientID))
            parameters.append(.init(name: "client_secret", value: grant.clientSecret))
        } else {
            // Both are form-encoded first (RFC 6749, section 2.3.1).
            let pair = FormCoding.escaped(grant.clientID) + ":" + FormCoding.escaped(grant.clientSecret)
            headers.append((name: "authorization", value: "Basic " + Base64.text(pair.utf8)))
        }
        let body = parameters.map { FormCoding.escaped($0.name) + "=" + FormCoding.escaped($0.value) }
        var request = OutboundRequest(
            method: "POST", url: grant.tokenURL, headers: headers, body: Array(body.joined(separator: "&").utf8),
            timeout: limit, maxReplyBytes: Self.mostBytes, allowsPrivateAddresses: allowsPrivateAddresses)
        request.asksForCredentials = true
        return request
    }

    /// RFC 6749, section 5. Nothing of what a server says goes further than its error code.
    private static func read(_ reply: OutboundReply) -> Result<Answer, OAuth2Fault> {
        let json = try? OwnedJSON(parsing: reply.body, limits: JSONLimits(depth: 16))
        guard (200..<300).contains(reply.status) else {
            let code = json?.read { $0.member("error")?.stringValue } ?? ""
            let isCode = !code.isEmpty && code.utf8.count <= 64 && code.utf8.allSatisfy { $0 > 32 && $0 < 127 }
            let told = "it answered \(reply.status)" + (isCode ? " \(code)" : "")
            return .failure(CallRetry.isPassing(status: reply.status) ? .unavailable(told) : .refused(told))
        }
        let answer = json?.read { json -> Answer? in
            guard let token = json.member("access_token")?.stringValue, !token.isEmpty,
                token.utf8.allSatisfy({ $0 > 32 && $0 < 127 }),
                (json.member("token_type")?.stringValue ?? "bearer").lowercased() == "bearer"
            else { return nil }
            let life = json.member("expires_in")
            let seconds = life?.doubleValue ?? life?.stringValue.flatMap(Double.init)
            return Answer(token: token, lifetime: seconds.flatMap { $0.isFinite && $0 > 0 ? $0 : nil } ?? usualLifetime)
        }
        guard let answer = answer ?? nil else { return .failure(.unavailable("its answer holds no bearer token")) }
        return .success(answer)
    }
}

/// The counters of one connector's token requests.
package struct OAuth2Meters: Sendable {
    let ok: Counter
    let failed: Counter

    init(connector: String, registry: MetricRegistry) {
        func requests(_ outcome: String) -> Counter {
            registry.counter(Catalogue.tokenRequests, labels: [("connector", connector), ("outcome", outcome)])
        }
        ok = requests("ok")
        failed = requests("error")
    }
}

/// Texts in URLs and forms: everything but the unreserved characters of RFC 3986 as `%XX`.
enum FormCoding {
    static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 126: result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
