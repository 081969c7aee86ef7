package import Admission
package import Authentication
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

    package init(_ problem: Problem, rate: RateDecision? = nil) {
        self.problem = problem
        self.rate = rate
    }
}

extension ServedChannel {
    /// The channel's own line of gates, cheap refusals first: rate, then validation. The permit comes last, with
    /// ``takePermit()``. The same for sync, async and `channel_call`.
    ///
    /// - Parameter evidence: what an outside caller shows; nil for calls from inside, which were let in elsewhere.
    package func check(_ input: AdmissionInput, evidence: CallerEvidence? = nil) throws(Refusal) -> RateDecision? {
        let rate = try checkRate(input)
        if let evidence { try checkCaller(evidence) }
        try checkValidation(input)
        return rate
    }

    private func checkRate(_ input: AdmissionInput) throws(Refusal) -> RateDecision? {
        guard let rateLimiter else { return nil }
        let key = try rateKey(input)
        let decision = rateLimiter.admit(key: key, at: input.nanoseconds)
        guard case .wait(let duration, _, _) = decision else { return decision }
        meters.rateLimited.increment()
        throw Refusal(
            Problem(.rateLimited, "Too many requests for this channel.", retryAfter: duration), rate: decision)
    }

    /// A key that comes out null or empty, or fails, is refused and never falls back to a bucket of others.
    private func rateKey(_ input: AdmissionInput) throws(Refusal) -> String {
        guard let logic = definition.config.rateLimit?.keyLogic else { return input.client }
        var data = JSONObjectBuilder(capacity: 3, in: input.arena)
        data.append(key: "client_ip", .string(input.client, in: input.arena))
        data.append(key: "channel", .string(name, in: input.arena))
        data.append(key: "headers", input.headers)
        let value = try? logic.evaluate(data.finish(), in: input.arena)  // a failing key is refused below
        let key = value.map { $0.stringValue ?? ($0.isNull ? "" : JSONWriter.string($0)) } ?? ""
        guard !key.isEmpty else {
            meters.rateLimited.increment()
            throw Refusal(
                Problem(.rateLimited, "The rate limit key of this request is empty.", retryAfter: .seconds(1)))
        }
        return key
    }

    private func checkCaller(_ evidence: CallerEvidence) throws(Refusal) {
        if let check = definition.config.callerCheck, !check.accepts(evidence) {
            throw Refusal(Problem(.unauthorized, "The caller is not known to this channel."))
        }
        let origins = definition.config.origins
        guard !origins.isEmpty, let origin = evidence.header("origin") else { return }
        guard origins.contains(origin) || origins.contains("*") else {
            throw Refusal(Problem(.forbidden, "This origin may not call the channel."))
        }
    }

    /// Whether ``check(_:evidence:)`` looks at what outside callers show.
    package var looksAtCallers: Bool {
        definition.config.callerCheck != nil || !definition.config.origins.isEmpty
    }

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
