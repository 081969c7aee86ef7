import Admission
import Channels
import Crypto
import Definitions
import HTTPServing
import JSONTree
import NIOCore
import Vocabulary

/// The gates between validation and the permit: a repeated idempotency key, and a reply that is known already.
struct RepeatedCall {
    let memories: ReplyMemories
    let channel: ServedChannel
    let requestID: String
    let rate: RateDecision?
    let receivedAt: UInt64
    /// The longest that the work may take, in milliseconds.
    let timeoutMilliseconds: Int

    enum Outcome {
        /// Go on; settle the claims with the reply.
        case proceed([ReplyClaim])
        case answer(HTTPResponse)
        /// Somebody works on the same: the waiter will be told.
        case wait
        /// It is new here: whether it is new to the other instances has to be asked.
        case ask(SharedQuestion)
    }

    /// The longest that work on a key may take before somebody else may begin it.
    private static let lease: UInt64 = 3_600_000_000_000
    private static let longestKey = 255

    /// A key is the caller's own, and belongs to one method of one route.
    ///
    /// - Parameter key: the value of the channel's idempotency header; nil where there is none.
    func claimKey(_ key: String?, metadata: JSONValue) throws(Refusal) -> Outcome {
        guard let config = channel.definition.config.deduplication, let key, !key.isEmpty else { return .proceed([]) }
        guard key.utf8.count <= Self.longestKey else {
            throw Refusal(
                Problem(.validation, "The \(config.header) has more than \(Self.longestKey) bytes."), rate: rate)
        }
        var text = JSONByteBuffer()
        text.append(utf8: channel.name)
        for name in ["http_method", "params"] {
            text.append("\n")
            JSONWriter.write(metadata.member(name) ?? .null, into: &text)
        }
        text.append("\n")
        Self.writeCaller(metadata, into: &text)
        text.append(utf8: key)
        let full = text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let memory = memories.keyMemory(of: full)
        switch memory.take(full, at: Stopwatch.nanoseconds(), lease: Self.lease).turn {
        case .work:
            let claim = ReplyClaim(memory, key: full, lifetimeSeconds: config.windowSeconds, keepsErrors: true)
            return outcome(
                claim, "key\n" + full, .claims, seconds: config.windowSeconds, keepsErrors: true,
                failsOpen: config.failsOpen, waits: false)
        case .underWay: throw underWay()
        case .done(let reply, _): return .answer(Self.replayed(reply))
        }
    }

    func underWay() -> Refusal {
        let header = channel.definition.config.deduplication?.header ?? ""
        return Refusal(
            Problem(.conflict, "A request with this \(header) is under way.", retryAfter: .seconds(1)), rate: rate)
    }

    static func replayed(_ reply: HTTPResponse) -> HTTPResponse {
        var reply = reply
        reply.headers.append(("idempotency-replayed", "true"))
        return reply
    }

    /// Work that is new on this instance.
    private func outcome(
        _ claim: ReplyClaim, _ key: String, _ guardian: SharedGuard, seconds: Int, keepsErrors: Bool,
        failsOpen: Bool?, waits: Bool
    ) -> Outcome {
        guard let shared = memories.shared else { return .proceed([claim]) }
        let time = Duration.milliseconds(timeoutMilliseconds)
        return .ask(
            SharedQuestion(
                claims: shared.claims, key: key, guardian: guardian, lease: time + Self.grace,
                lifetime: .seconds(seconds), keepsErrors: keepsErrors, failsOpen: shared.failsOpen(failsOpen),
                waitsUntil: waits ? receivedAt + UInt64(time.wholeMicroseconds) * 1000 : nil, local: claim))
    }

    /// Beyond its time, for writing down what came of the work.
    private static let grace = Duration.seconds(10)

    /// - Parameter waiter: told the reply of the work under way, or nil, where the outcome is ``Outcome/wait``.
    func lookUp(
        _ key: String?, waiter: @escaping ReplyMemories.Memory.Waiter
    ) -> Outcome {
        guard let config = channel.definition.config.cache, let key else { return .proceed([]) }
        let memory = memories.cacheMemory(of: key)
        let taken = memory.take(
            key, at: Stopwatch.nanoseconds(), lease: Self.lease, waiter: config.isSingleFlight ? waiter : nil)
        switch taken.turn {
        case .work:
            let claim = ReplyClaim(memory, key: key, lifetimeSeconds: config.ttlSeconds, keepsErrors: false)
            return outcome(
                claim, "reply\n" + key, .replies, seconds: config.ttlSeconds, keepsErrors: false,
                failsOpen: config.failsOpen, waits: config.isSingleFlight)
        case .underWay: return taken.waits ? .wait : .proceed([])
        case .done(let reply, let age): return .answer(Self.hit(reply, age: age))
        }
    }

    static func hit(_ reply: HTTPResponse, age: UInt64) -> HTTPResponse {
        var reply = reply
        reply.headers.removeAll { $0.0 == "x-cache" || $0.0.hasPrefix("ratelimit-") }
        reply.headers += [("age", String(age / 1_000_000_000)), ("x-cache", "HIT")]
        return reply
    }

    /// Who asks, as far as the channel knows: its key, or issuer and subject of its token; nothing where it asks nobody.
    ///
    /// Other claims change from one token to the next, so only a token without a subject counts whole.
    private static func writeCaller(_ metadata: JSONValue, into text: inout JSONByteBuffer) {
        guard let auth = metadata.member("auth"), !auth.isNull else { return }
        if let claims = auth.member("claims"), let subject = claims.member("sub") {
            JSONWriter.write(claims.member("iss") ?? .null, into: &text)
            JSONWriter.write(subject, into: &text)
        } else {
            JSONWriter.write(auth, into: &text)
        }
        text.append("\n")
    }

    /// What makes two requests the same: the caller where the channel knows its callers, channel and version, method, route, query, and the chosen part of the payload.
    ///
    /// - Returns: nil where the request cannot be cached: the chosen fields are not there, or the key comes out empty.
    func cacheKey(metadata: JSONValue, payload: JSONValue, arena: JSONArena) -> String? {
        guard let config = channel.definition.config.cache else { return nil }
        var text = JSONByteBuffer()
        text.append(utf8: "\(channel.name)\n\(channel.stamp)\n\(memories.version(of: config.namespaces))\n")
        for name in ["http_method", "params", "query"] {
            JSONWriter.write(metadata.member(name) ?? .null, into: &text)
            text.append("\n")
        }
        // A rule of one's own says by itself who shares a reply with whom.
        if config.keyLogic == nil { Self.writeCaller(metadata, into: &text) }
        if let logic = config.keyLogic {
            var data = JSONObjectBuilder(capacity: 2, in: arena)
            data.append(key: "data", payload)
            data.append(key: "metadata", metadata)
            // A rule without an answer names no key: such a request is not remembered.
            guard let value = try? logic.evaluate(data.finish(), in: arena), !value.isNull else { return nil }
            JSONWriter.write(value, into: &text)
        } else if config.keyFields.isEmpty {
            JSONWriter.write(payload, into: &text)
        } else {
            var found = false
            for path in config.keyFields {
                let value = path.read(from: payload)
                found = found || value != nil
                JSONWriter.write(value ?? .null, into: &text)
                text.append("\n")
            }
            guard found else { return nil }
        }
        let digest = text.withUnsafeBytes { SHA256.hash(data: $0) }
        return digest.withUnsafeBytes { Base64.text([UInt8]($0)) }
    }
}
