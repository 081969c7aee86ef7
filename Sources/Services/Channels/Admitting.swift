package import Admission
package import Authentication
import Definitions
import JSONLogic
package import JSONTree
package import Vocabulary

/// What the gates of a channel look at.
package struct AdmissionInput {
    /// Who asks, where no `key_logic` says better: the client's address, or the calling channel.
    package var client: String
    package var headers: JSONValue
    package var payload: JSONValue
    package var metadata: JSONValue
    package var arena: JSONArena
    package var nanoseconds: UInt64

    package init(
        client: String, headers: JSONValue, payload: JSONValue, metadata: JSONValue, arena: JSONArena,
        nanoseconds: UInt64
    ) {
        self.client = client
        self.headers = headers
        self.payload = payload
        self.metadata = metadata
        self.arena = arena
        self.nanoseconds = nanoseconds
    }
}

/// Why a request may not run, with the limiter's numbers where one refused.
package struct Refusal: Error, Sendable {
    package var problem: Problem
    package var rate: RateDecision?
    /// For `WWW-Authenticate`, where it says more than the scheme.
    package var challenge: String?
    /// What may change the answer: do it, then check once more, from where it stopped.
    package var remedy: (@Sendable () async -> Void)?

    package init(_ problem: Problem, rate: RateDecision? = nil) {
        self.problem = problem
        self.rate = rate
    }
}

/// What an outside caller shows, and how far an earlier look at it came.
package struct OutsideCall {
    package var evidence: CallerEvidence
    package var resumed: Resumed?

    /// A request that has waited for what its authentication needed.
    package struct Resumed: Sendable {
        /// What the channel's rate limit said; it is asked once.
        package var rate: RateDecision?

        package init(rate: RateDecision?) { self.rate = rate }
    }

    package init(evidence: CallerEvidence, resumed: Resumed? = nil) {
        self.evidence = evidence
        self.resumed = resumed
    }
}

extension ServedChannel {
    /// The gates for calls from inside, which were let in elsewhere: rate, then validation. The permit comes last, with
    /// ``takePermit()``.
    package func check(_ input: AdmissionInput) throws(Refusal) -> RateDecision? {
        let rate = try checkRate(input)
        try checkValidation(input)
        return rate
    }

    /// The whole line of gates, for calls from outside, cheap refusals first: rate, authentication, authorisation, the
    /// caller's own rate, origin, validation.
    ///
    /// - Parameter input: its metadata gains `auth` where the caller is known.
    package func check(_ input: inout AdmissionInput, outside: OutsideCall) throws(Refusal) -> RateDecision? {
        let rate: RateDecision?
        if let resumed = outside.resumed { rate = resumed.rate } else { rate = try checkRate(input) }
        try checkCaller(outside, &input, rate)
        try checkValidation(input)
        return rate
    }

    private func checkRate(_ input: AdmissionInput) throws(Refusal) -> RateDecision? {
        guard let rateLimiter else { return nil }
        return try admit(input, rateLimiter, definition.config.rateLimit?.keyLogic, auth: nil)
    }

    private func admit(
        _ input: AdmissionInput, _ limiter: RateLimiter, _ keyLogic: JSONLogicRule?, auth: JSONValue?
    ) throws(Refusal) -> RateDecision {
        let key = try rateKey(input, keyLogic, auth: auth)
        let decision = limiter.admit(key: key, at: input.nanoseconds)
        guard case .wait(let duration, _, _) = decision else { return decision }
        meters.rateLimited.increment()
        throw Refusal(
            Problem(.rateLimited, "Too many requests for this channel.", retryAfter: duration), rate: decision)
    }

    /// A key that comes out null or empty, or fails, is refused and never falls back to a bucket of others.
    private func rateKey(
        _ input: AdmissionInput, _ logic: JSONLogicRule?, auth: JSONValue?
    ) throws(Refusal) -> String {
        guard let logic else { return input.client }
        var data = JSONObjectBuilder(capacity: 4, in: input.arena)
        data.append(key: "client_ip", .string(input.client, in: input.arena))
        data.append(key: "channel", .string(name, in: input.arena))
        data.append(key: "headers", input.headers)
        if let auth { data.append(key: "auth", auth) }
        let value = try? logic.evaluate(data.finish(), in: input.arena)  // a failing key is refused below
        let key = value.map { $0.stringValue ?? ($0.isNull ? "" : JSONWriter.string($0)) } ?? ""
        guard !key.isEmpty else {
            meters.rateLimited.increment()
            throw Refusal(
                Problem(.rateLimited, "The rate limit key of this request is empty.", retryAfter: .seconds(1)))
        }
        return key
    }

    private func checkCaller(
        _ outside: OutsideCall, _ input: inout AdmissionInput, _ rate: RateDecision?
    ) throws(Refusal) {
        if let callerCheck {
            let identity = try judge(callerCheck, outside, rate)
            let arena = input.arena
            let auth = identity?.write(showingAll: true, in: arena) ?? .null
            try checkAuthorization(auth, identity, input)
            if let identity { addIdentity(identity, to: &input) }
            if let principalLimiter {
                _ = try admit(
                    input, principalLimiter, definition.config.principalRateLimit?.keyLogic, auth: auth)
            }
        }
        let origins = definition.config.origins
        guard !origins.isEmpty, let origin = outside.evidence.header("origin") else { return }
        guard origins.contains(origin) || origins.contains("*") else {
            throw Refusal(Problem(.forbidden, "This origin may not call the channel."))
        }
    }

    private func judge(
        _ check: any CallerChecking, _ outside: OutsideCall, _ rate: RateDecision?
    ) throws(Refusal) -> CallerIdentity? {
        switch check.judge(outside.evidence) {
        case .accepted(let identity): return identity
        case .refused(let reason):
            meters.refusedCallers[reason]?.increment()
            throw Refusal(Problem(.unauthorized, "The caller is not known to this channel."))
        case .undecided(let work):
            var refusal = Refusal(
                Problem(
                    .unavailable, "The keys that callers are known by are not to be had; try again later.",
                    retryAfter: .seconds(5)), rate: rate)
            refusal.remedy = work
            throw refusal
        }
    }

    /// A rule that fails to evaluate lets nobody in.
    private func checkAuthorization(
        _ auth: JSONValue, _ identity: CallerIdentity?, _ input: AdmissionInput
    ) throws(Refusal) {
        guard let logic = definition.config.authorizationLogic else { return }
        var data = JSONObjectBuilder(capacity: 8, in: input.arena)
        data.append(key: "claims", identity?.claims ?? .null)
        data.append(key: "auth", auth)
        data.append(key: "client_ip", .string(input.client, in: input.arena))
        for name in ["channel", "http_method", "headers", "params", "query"] as [StaticString] {
            data.append(key: name, input.metadata.member(name) ?? .null)
        }
        let verdict = try? logic.evaluate(data.finish(), in: input.arena)
        guard verdict?.isTruthy == true else {
            meters.refusedByRule.increment()
            var refusal = Refusal(Problem(.forbidden, "The caller may not call this channel."))
            // RFC 6750, section 3.1.
            if identity?.claims != nil { refusal.challenge = "Bearer error=\"insufficient_scope\"" }
            throw refusal
        }
    }

    private func addIdentity(_ identity: CallerIdentity, to input: inout AdmissionInput) {
        let metadata = input.metadata
        var members = JSONObjectBuilder(capacity: metadata.count + 1, in: input.arena)
        for index in 0..<metadata.count { members.append(key: metadata.key(at: index), metadata.value(at: index)) }
        members.append(key: "auth", identity.write(showingAll: false, in: input.arena))
        input.metadata = members.finish()
    }

    /// Whether ``check(_:outside:)`` looks at what outside callers show.
    package var looksAtCallers: Bool { callerCheck != nil || !definition.config.origins.isEmpty }

    private func checkValidation(_ input: AdmissionInput) throws(Refusal) {
        guard let logic = definition.config.validationLogic else { return }
        var data = JSONObjectBuilder(capacity: 2, in: input.arena)
        data.append(key: "data", input.payload)
        data.append(key: "metadata", input.metadata)
        let verdict = try? logic.evaluate(data.finish(), in: input.arena)  // a failing rule admits nobody
        guard verdict?.isTruthy == true else {
            throw Refusal(Problem(.validation, "The request does not meet the channel's validation rule."))
        }
    }

    /// Takes the right to run, or refuses at once.
    package func takePermit() throws(Refusal) {
        guard let concurrency, !concurrency.take() else { return }
        meters.shed.increment()
        throw Refusal(
            Problem(.unavailable, "The channel is at capacity; try again later.", retryAfter: .seconds(1)))
    }

    package func returnPermit() { concurrency?.giveBack() }
}
