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

extension ServedChannel {
    /// The gates for calls from inside, which were let in elsewhere: rate, then validation. The permit comes last, with
    /// ``takePermit()``.
    ///
    /// - Parameter progress: how far an earlier look came.
    package func check(
        _ input: AdmissionInput, progress: GateProgress? = nil
    ) throws(Refusal) -> RateDecision? {
        let rate = try checkRate(input, progress)
        try checkValidation(input)
        return rate
    }

    /// The whole line of gates, for calls from outside, cheap refusals first: rate, authentication, authorisation, the
    /// caller's own rate, origin, validation.
    ///
    /// - Parameters:
    ///   - input: its metadata gains `auth` where the caller is known.
    ///   - progress: how far an earlier look came.
    package func check(
        _ input: inout AdmissionInput, evidence: CallerEvidence, progress: GateProgress? = nil
    ) throws(Refusal) -> RateDecision? {
        let rate = try checkRate(input, progress)
        try checkCaller(evidence, &input, rate, progress)
        try checkValidation(input)
        return rate
    }

    private func checkRate(_ input: AdmissionInput, _ progress: GateProgress?) throws(Refusal) -> RateDecision? {
        guard let rateGate else { return nil }
        if let answer = progress?.rate { return try settle(answer) }
        let key = try rateKey(input, definition.config.rateLimit?.keyLogic, auth: nil)
        guard let answer = rateGate.admit(key: key, at: input.nanoseconds) else {
            let soFar = progress.after(nil)
            throw .undecided { soFar.with(\.rate, await rateGate.answer(key: key)) }
        }
        return try settle(answer)
    }

    /// The caller's own rate.
    private func checkPrincipal(
        _ gate: RateGate, _ input: AdmissionInput, _ auth: JSONValue, _ rate: RateDecision?, _ progress: GateProgress?
    ) throws(Refusal) {
        if let answer = progress?.principal {
            _ = try settle(answer)
            return
        }
        let key = try rateKey(input, definition.config.principalRateLimit?.keyLogic, auth: auth)
        guard let answer = gate.admit(key: key, at: input.nanoseconds) else {
            let soFar = progress.after(rate)
            throw .undecided { soFar.with(\.principal, await gate.answer(key: key)) }
        }
        _ = try settle(answer)
    }

    private func settle(_ answer: RateGate.Answer) throws(Refusal) -> RateDecision {
        switch answer {
        case .decided(let decision):
            guard case .wait(let duration, _, _) = decision else { return decision }
            meters.rateLimited.increment()
            throw Refusal(
                Problem(.rateLimited, "Too many requests for this channel.", retryAfter: duration), rate: decision)
        case .unavailable: throw Refusal(.sharedStateIsAway)
        }
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
        _ evidence: CallerEvidence, _ input: inout AdmissionInput, _ rate: RateDecision?, _ progress: GateProgress?
    ) throws(Refusal) {
        if let callerCheck {
            let identity = try judge(callerCheck, evidence, rate, progress)
            let arena = input.arena
            let auth = identity?.write(showingAll: true, in: arena) ?? .null
            try checkAuthorization(auth, identity, input)
            if let identity { addIdentity(identity, to: &input) }
            if let principalGate { try checkPrincipal(principalGate, input, auth, rate, progress) }
        }
        let origins = definition.config.origins
        guard !origins.isEmpty, let origin = evidence.header("origin") else { return }
        guard origins.contains(origin) || origins.contains("*") else {
            throw Refusal(Problem(.forbidden, "This origin may not call the channel."))
        }
    }

    private func judge(
        _ check: any CallerChecking, _ evidence: CallerEvidence, _ rate: RateDecision?, _ progress: GateProgress?
    ) throws(Refusal) -> CallerIdentity? {
        switch check.judge(evidence) {
        case .accepted(let identity): return identity
        case .refused(let reason):
            meters.refusedCallers[reason]?.increment()
            throw Refusal(Problem(.unauthorized, "The caller is not known to this channel."))
        case .undecided(let work):
            var refusal = Refusal(
                Problem(
                    .unavailable, "The keys that callers are known by are not to be had; try again later.",
                    retryAfter: .seconds(5)), rate: rate)
            let soFar = progress.after(rate)
            if let work {
                refusal.remedy = {
                    await work()
                    return soFar.with(\.hasWaitedForKeys, true)
                }
            }
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

    /// Whether ``check(_:evidence:progress:)`` looks at what outside callers show.
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

    /// Takes the right to run on this instance, or refuses at once. Where instances share it, ``permit(from:)`` does.
    package func takePermit() throws(Refusal) {
        guard let concurrency, !concurrency.take() else { return }
        throw atCapacity()
    }

    package func returnPermit() { concurrency?.giveBack() }

    /// What the instances' shared permits came to.
    package func permit(from answer: SharedPermits.Answer) throws(Refusal) -> Permit {
        switch answer {
        case .taken(let permit): return permit
        case .full: throw atCapacity()
        case .unavailable: throw Refusal(.sharedStateIsAway)
        }
    }

    private func atCapacity() -> Refusal {
        meters.shed.increment()
        return Refusal(
            Problem(.unavailable, "The channel is at capacity; try again later.", retryAfter: .seconds(1)))
    }
}

extension Problem {
    /// What instances share does not answer, and this guard may not go by one instance's count.
    package static let sharedStateIsAway = Problem(
        .unavailable, "What this instance shares with others does not answer; try again later.",
        retryAfter: .seconds(1))
}
