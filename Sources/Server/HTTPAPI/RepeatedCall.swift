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

    enum Outcome {
        /// Go on; settle the claims with the reply.
        case proceed([ReplyClaim])
        case answer(HTTPResponse)
        /// Somebody works on the same: the waiter will be told.
        case wait
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
            return .proceed([ReplyClaim(memory, key: full, lifetimeSeconds: config.windowSeconds, keepsErrors: true)])
        case .underWay:
            throw Refusal(
                Problem(.conflict, "A request with this \(config.header) is under way.", retryAfter: .seconds(1)),
                rate: rate)
        case .done(var reply, _):
            reply.headers.append(("idempotency-replayed", "true"))
            return .answer(reply)
        }
    }

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
            return .proceed([ReplyClaim(memory, key: key, lifetimeSeconds: config.ttlSeconds, keepsErrors: false)])
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
