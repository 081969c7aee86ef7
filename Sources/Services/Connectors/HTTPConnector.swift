import Outbound
import Telemetry
import Vocabulary
import Workflows

/// One http connector in use: its settings, and a breaker for each channel that calls it.
package final class HTTPConnector: Sendable {
    package let name: String
    package let contentHash: String
    let breakers: BreakerBoard
    private let config: HTTPConnectorConfig
    private let outbound: any OutboundHTTP
    private let meters: ConnectorMeters
    private let ownHeaders: [(name: String, value: String)]
    /// Where its access tokens come from.
    let tokens: OAuth2TokenSource?

    init(
        name: String, contentHash: String, config: HTTPConnectorConfig, outbound: any OutboundHTTP,
        breakers: BreakerBoard, meters: ConnectorMeters, tokens: OAuth2TokenSource? = nil
    ) {
        self.tokens = tokens
        self.name = name
        self.contentHash = contentHash
        self.config = config
        ownHeaders = Self.ownHeaders(config)
        self.outbound = outbound
        self.breakers = breakers
        self.meters = meters
    }

    /// Bytes of a refusal's body that go into the message.
    private static let shownBytes = 512

    func call(_ call: ConnectorCall) async throws(TaskFailure) -> ConnectorReply {
        guard config.allowedMethods.isEmpty || config.allowedMethods.contains(call.method) else {
            throw TaskFailure("FUNCTION_ERROR", "The connector `\(name)` does not allow \(call.method).")
        }
        let started = Stopwatch.nanoseconds()
        var attempts = 0
        while true {
            attempts += 1
            let now = Stopwatch.nanoseconds()
            let remaining = remaining(call, since: started, at: now)
            guard remaining > .zero else { throw TaskFailure("TIMEOUT_ERROR", "The time for `\(name)` was up.") }
            guard breakers.permits(call.channel, at: now) else {
                meters.rejected.increment()
                throw TaskFailure("circuit_open", "The circuit of `\(name)` is open.", problem: .circuitOpen)
            }
            let span = call.spans == nil ? 0 : Span.makeID()
            let outcome = await attempt(
                call, span: span, within: min(remaining, .milliseconds(call.timeoutMilliseconds)))
            if let place = call.spans {
                CallSpans.http(
                    call, in: place, id: span, url: config.url, start: now, resends: attempts - 1, outcome: outcome)
            }
            meters.duration.observe(seconds: Double(Stopwatch.nanoseconds() - now) / 1e9)
            let failure: (message: TaskFailure, isPassing: Bool, retryAfter: Int?)
            switch outcome {
            case .success(let reply) where (200..<300).contains(reply.status):
                breakers.succeeded(call.channel)
                meters.ok.increment()
                return ConnectorReply(status: reply.status, body: reply.body)
            case .success(let reply):
                let isPassing = CallRetry.isPassing(status: reply.status)
                failure = (refusal(reply), isPassing, Self.wait(reply.header("retry-after")))
            case .failure(let error):
                failure = (Self.failure(error, name), error.isPassing, nil)
            }
            meters.failed.increment()
            note(failure.isPassing, call.channel)
            let left = self.remaining(call, since: started, at: Stopwatch.nanoseconds())
            let decision = config.retry.decide(
                method: call.method, attempts: attempts, isPassing: failure.isPassing, retryAfter: failure.retryAfter,
                remaining: left, draw: Double.random(in: 0..<1))
            guard case .again(let pause) = decision else { throw failure.message }
            do { try await Task.sleep(for: pause) } catch {
                throw TaskFailure("TIMEOUT_ERROR", "The call to `\(name)` was given up.")
            }
        }
    }

    /// Seconds, or until a date (RFC 9110, section 10.2.3); nil where it says neither.
    private static func wait(_ text: String?) -> Int? {
        guard let text else { return nil }
        if let seconds = Int(text) { return seconds }
        guard let date = Timestamp(httpDate: text) else { return nil }
        return max(0, Int((date.microseconds - WallClock.system.now().microseconds + 999_999) / 1_000_000))
    }

    /// One request that changes nothing. Whatever answers is reachable.
    ///
    /// - Returns: why it is not, or nil.
    func probe() async -> String? {
        let origin = RunOrigin(run: .make(), requestID: "probe", traceparent: nil)
        let call = ConnectorCall(
            connector: name, channel: "", method: "GET", path: "", headers: [], body: nil, timeoutMilliseconds: 5000,
            deadline: 0, origin: origin)
        switch await attempt(call, span: 0, within: .seconds(5)) {
        case .success: return nil
        case .failure(let failure): return Self.failure(failure, name).message
        }
    }

    /// Only what may pass counts for the breaker: a refusal of this request says nothing about the next.
    private func note(_ isPassing: Bool, _ channel: String) {
        if !isPassing {
            breakers.abandoned(channel)
        } else if breakers.failed(channel, at: Stopwatch.nanoseconds()) {
            meters.trips.increment()
        }
    }

    /// All attempts share one deadline: as many attempts as there may be, and never past the run's own.
    private func remaining(_ call: ConnectorCall, since start: UInt64, at now: UInt64) -> Duration {
        let allowed = UInt64(call.timeoutMilliseconds) * 1_000_000 * UInt64(config.retry.maxRetries + 1)
        let end = min(start + allowed, call.deadline == 0 ? .max : call.deadline)
        return end > now ? .nanoseconds(Int64(end - now)) : .zero
    }

    private func attempt(
        _ call: ConnectorCall, span: UInt64, within timeout: Duration
    ) async -> Result<OutboundReply, CallFault> {
        do throws(CallFault) {
            guard let tokens else { return .success(try await send(call, span, within: timeout, token: nil)) }
            return .success(try await send(call, span, within: timeout, tokens))
        } catch {
            return .failure(error)
        }
    }

    /// With an access token; once more with another where the server would not have it, for then nothing was done.
    private func send(
        _ call: ConnectorCall, _ span: UInt64, within timeout: Duration, _ tokens: OAuth2TokenSource
    ) async throws(CallFault) -> OutboundReply {
        let start = Stopwatch.nanoseconds()
        func left() throws(CallFault) -> Duration {
            let left = timeout - .nanoseconds(Int64(Stopwatch.nanoseconds() - start))
            guard left > .zero else { throw .outbound(.timedOut) }
            return left
        }
        func token() async throws(CallFault) -> String {
            let limit = try left()
            do throws(OAuth2Fault) { return try await tokens.token(within: limit) } catch { throw .token(error) }
        }
        let first = try await token()
        let reply = try await send(call, span, within: try left(), token: first)
        guard reply.status == 401, tokens.drop(first) else { return reply }
        let second = try await token()
        return try await send(call, span, within: try left(), token: second)
    }

    private func send(
        _ call: ConnectorCall, _ span: UInt64, within timeout: Duration, token: String?
    ) async throws(CallFault) -> OutboundReply {
        let request = OutboundRequest(
            method: call.method, url: url(call.path), headers: headers(call, span, token), body: call.body ?? [],
            timeout: timeout, maxReplyBytes: config.maxReplyBytes,
            allowsPrivateAddresses: config.allowsPrivateAddresses, connector: name, path: call.path)
        do throws(OutboundFailure) { return try await outbound.send(request) } catch { throw .outbound(error) }
    }

    private func url(_ path: String) -> String {
        var base = Substring(config.url)
        while base.hasSuffix("/") { base = base.dropLast() }
        let rest = path.drop { $0 == "/" }
        var url = rest.isEmpty ? config.url : "\(base)/\(rest)"
        for (name, value) in config.queryParameters {
            url += url.contains("?") ? "&" : "?"
            url += FormCoding.escaped(name) + "=" + FormCoding.escaped(value)
        }
        return url
    }

    /// The connector's headers and its authentication, with lower-case names: the later takes the earlier's place.
    private static func ownHeaders(_ config: HTTPConnectorConfig) -> [(name: String, value: String)] {
        var all: [(name: String, value: String)] = []
        put("user-agent", "weir", &all)
        put("accept", "application/json", &all)
        for header in config.headers { put(header.name, header.value, &all) }
        switch config.authentication {
        case .bearer(let token): put("authorization", "Bearer \(token)", &all)
        case .basic(let username, let password):
            put("authorization", "Basic " + Base64.text(Array("\(username):\(password)".utf8)), &all)
        case .header(let name, let value): put(name, value, &all)
        case .oauth2, nil: break
        }
        return all
    }

    private static func put(_ name: String, _ value: String, _ all: inout [(name: String, value: String)]) {
        let name = name.lowercased()
        all.removeAll { $0.name == name }
        all.append((name, value))
    }

    /// What the connector sends always, the task's headers, the trace.
    ///
    /// - Parameter span: the span of this attempt; 0 where none is kept.
    private func headers(
        _ call: ConnectorCall, _ span: UInt64, _ token: String?
    ) -> [(name: String, value: String)] {
        var all = ownHeaders
        if let token { Self.put("authorization", "Bearer \(token)", &all) }
        for header in call.headers { Self.put(header.name, header.value, &all) }
        all.append(("traceparent", traceparent(call, span)))
        all.append(("x-request-id", call.origin.requestID))
        return all
    }

    private func traceparent(_ call: ConnectorCall, _ span: UInt64) -> String {
        let context = call.origin.traceContext
        return span == 0 ? context.child().traceparent : context.sampled.child(span).traceparent
    }

    private func refusal(_ reply: OutboundReply) -> TaskFailure {
        var failure = TaskFailure("HTTP_ERROR", "`\(name)` answered \(reply.status)")
        var shown = String(decoding: reply.body.prefix(Self.shownBytes), as: UTF8.self)
        // Some systems say back what they were sent.
        for (name, value) in ownHeaders where !["user-agent", "accept"].contains(name) {
            for secret in [value] + value.split(separator: " ").map(String.init) where secret.utf8.count >= 4 {
                shown = shown.replacing(secret, with: ConnectorSecrets.mask)
            }
        }
        failure.detail = shown
        return failure
    }

    private static func failure(_ fault: CallFault, _ name: String) -> TaskFailure {
        switch fault {
        case .outbound(let failure): self.failure(failure, name)
        case .token(.refused(let reason)): TaskFailure("HTTP_ERROR", "`\(name)` gets no access token: \(reason)")
        case .token(.unavailable(let reason)):
            TaskFailure("IO_ERROR", "`\(name)` gets no access token now: \(reason)")
        case .token(.notAllowed(let reason)):
            TaskFailure("FUNCTION_ERROR", "The token URL of `\(name)` may not be called: \(reason)")
        case .token(.timedOut): TaskFailure("TIMEOUT_ERROR_CALL", "`\(name)` got no access token in time.")
        }
    }

    private static func failure(_ failure: OutboundFailure, _ name: String) -> TaskFailure {
        switch failure {
        case .timedOut: TaskFailure("TIMEOUT_ERROR_CALL", "`\(name)` did not answer in time.")
        case .unreachable(let reason): TaskFailure("IO_ERROR", "`\(name)` cannot be reached: \(reason)")
        case .refusedAddress(let reason): TaskFailure("FUNCTION_ERROR", "`\(name)` may not be called: \(reason)")
        case .tooLarge(let bytes): TaskFailure("HTTP_ERROR", "The reply of `\(name)` has more than \(bytes) bytes.")
        case .notRecorded(let reason): TaskFailure("NOT_RECORDED", reason)
        case .malformed(let reason): TaskFailure("FUNCTION_ERROR", "The URL of `\(name)` cannot be called: \(reason)")
        }
    }
}

/// The counters of one connector.
package struct ConnectorMeters: Sendable {
    let ok: Counter
    let failed: Counter
    let rejected: Counter
    let trips: Counter
    let duration: Histogram

    init(connector: String, registry: MetricRegistry) {
        func requests(_ status: String) -> Counter {
            registry.counter(Catalogue.connectorRequests, labels: [("connector", connector), ("status", status)])
        }
        ok = requests("ok")
        failed = requests("error")
        rejected = registry.counter(Catalogue.breakerRejections, labels: [("connector", connector)])
        trips = registry.counter(Catalogue.breakerTrips, labels: [("connector", connector)])
        duration = registry.histogram(Catalogue.connectorDuration, labels: [("connector", connector)])
    }
}
