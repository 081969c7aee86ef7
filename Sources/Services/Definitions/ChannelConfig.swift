package import Authentication
package import JSONLogic
package import JSONTree
import Vocabulary
import Workflows

/// A channel's guards and manners: its `config`.
package struct ChannelConfig: Sendable {
    package struct RateLimit: Sendable {
        package var requestsPerSecond: Int
        package var burst: Int
        package var keyLogic: JSONLogicRule?
        /// See ``FailureChoice``.
        package var failsOpen: Bool?
    }

    /// How many may run at a time.
    package struct Concurrency: Sendable, Equatable {
        package var limit: Int
        /// Whether each instance has a limit of its own.
        package var isPerInstance: Bool
        /// See ``FailureChoice``.
        package var failsOpen: Bool?
    }

    package enum Authentication: Sendable {
        case check(any CallerChecking)
        /// Becomes a check where the channel is served: its keys may have to be fetched.
        case tokens(TokenRules)
    }

    package enum TraceMode: String, Sendable { case sync, batch, failures, off }
    package struct Tracing: Sendable {
        package var mode = TraceMode.batch
        package var taskDetails = true
        package var maskFields: [String] = []
        /// Share of successful runs that are traced, 0...1; failures always are.
        package var sampleRate = 1.0
    }

    package enum BodyMode: String, Sendable { case auto, payload }
    package enum ResponseMode: String, Sendable {
        /// The envelope for success, a problem for failure.
        case envelope
        /// The workflow's own status, headers and body.
        case shaped
        /// The envelope whatever happened, with `errors`: for clients of the runtime whose shapes these are.
        case enveloped
    }

    /// A repeated key gets the reply of its first request.
    package struct Deduplication: Sendable, Equatable {
        package var header: String
        package var windowSeconds: Int
        /// See ``FailureChoice``.
        package var failsOpen: Bool?
    }

    package struct Cache: Sendable {
        package var ttlSeconds: Int
        /// Which parts of the payload tell requests apart; all of it where there are none.
        package var keyFields: [JSONPath]
        package var keyLogic: JSONLogicRule?
        package var namespaces: [String]
        /// Requests for what is being worked out wait for it.
        package var isSingleFlight: Bool
        /// See ``FailureChoice``.
        package var failsOpen: Bool?
    }

    package var rateLimit: RateLimit?
    /// A limit by what is known of the caller, after authentication.
    package var principalRateLimit: RateLimit?
    package var authentication: Authentication?
    /// Who of those that are known may call.
    package var authorizationLogic: JSONLogicRule?
    /// Origins that may call; empty for all.
    package var origins: [String] = []
    package var cors: CORSPolicy?
    package var deduplication: Deduplication?
    package var cache: Cache?
    package var timeoutMilliseconds: Int?
    package var validationLogic: JSONLogicRule?
    package var concurrency: Concurrency?
    package var tracing = Tracing()
    package var bodyMode = BodyMode.auto
    /// Bytes of a request's body, after decompression; the platform's limit holds too.
    package var maxPayloadSize: Int?
    package var responseMode = ResponseMode.envelope
    /// Where AI clients may call it as a tool.
    package var tool: ChannelToolConfig?

    /// Keys of the runtime we are compatible with that this release does not have: refused, never ignored.
    private static let later = ["oauth2_login"]
    private static let known = [
        "rate_limit", "principal_rate_limit", "timeout_ms", "validation_logic", "backpressure", "tracing", "request",
        "response", "auth", "origin_allow_list", "cors", "deduplication", "cache", "mcp",
    ]

    static func read(_ parent: inout InputReader) -> ChannelConfig {
        var config = ChannelConfig()
        guard let value = parent.field("config") else { return config }
        var reader = InputReader(value, at: "config")
        defer { parent.absorb(reader) }
        guard value.isObject else {
            reader.report(.init("config", .typeMismatch, "The config must be an object.", expected: "object"))
            return config
        }
        for name in later where reader.field(name) != nil {
            reader.report(.init("config.\(name)", .invalid, "This release does not have `\(name)` yet."))
        }
        reader.checkNames(known + later)
        config.timeoutMilliseconds = reader.integer("timeout_ms", in: 1...3_600_000)
        config.validationLogic = reader.logic("validation_logic")
        if let part = reader.field("rate_limit") { config.rateLimit = rateLimit(part, "rate_limit", &reader) }
        if let part = reader.field("backpressure") { config.concurrency = backpressure(part, &reader) }
        if let part = reader.field("tracing") { config.tracing = tracing(part, &reader) }
        if let part = reader.field("auth") {
            (config.authentication, config.authorizationLogic) = ChannelGuards.auth(part, &reader)
        }
        if let part = reader.field("principal_rate_limit") {
            config.principalRateLimit = principalRateLimit(part, config.authentication, &reader)
        }
        config.origins = ChannelGuards.strings("origin_allow_list", &reader)
        if let part = reader.field("cors") {
            config.cors = ChannelCORS.read(part, allowList: config.origins, &reader)
        }
        if let part = reader.field("deduplication") {
            config.deduplication = ChannelGuards.deduplication(part, &reader)
        }
        if let part = reader.field("cache") { config.cache = ChannelGuards.cache(part, &reader) }
        if let part = reader.field("mcp") { config.tool = ChannelToolConfig.read(part, &reader, channel: parent.value) }
        if let part = reader.field("request") {
            config.bodyMode = mode(
                part, "request", "body_mode", &reader, BodyMode.auto, ["auto", "payload"], also: ["max_payload_size"])
            config.maxPayloadSize = payloadSize(part, &reader)
        }
        if let part = reader.field("response") {
            config.responseMode = mode(
                part, "response", "mode", &reader, ResponseMode.envelope, ["envelope", "shaped", "enveloped"])
        }
        return config
    }

    private static func rateLimit(
        _ value: JSONValue, _ name: String, _ parent: inout InputReader
    ) -> RateLimit? {
        var reader = InputReader(value, at: "config.\(name)")
        defer { parent.absorb(reader) }
        // `key_headers` asks for what `key_logic` sees anyway.
        reader.checkNames(["requests_per_second", "burst", "key_logic", "key_headers"] + FailureChoice.fields)
        if reader.field("requests_per_second") == nil {
            reader.report(.init(reader.at("requests_per_second"), .required, "This field is required."))
        }
        let keyLogic = reader.logic("key_logic")
        let failsOpen = FailureChoice.read(&reader)
        guard let rate = reader.integer("requests_per_second", in: 1...10_000_000) else { return nil }
        let burst = reader.integer("burst", in: 1...10_000_000) ?? rate / 2 + 1
        return RateLimit(requestsPerSecond: rate, burst: burst, keyLogic: keyLogic, failsOpen: failsOpen)
    }

    private static func principalRateLimit(
        _ value: JSONValue, _ authentication: Authentication?, _ parent: inout InputReader
    ) -> RateLimit? {
        let limit = rateLimit(value, "principal_rate_limit", &parent)
        if authentication == nil {
            parent.report(
                .init("config.principal_rate_limit", .invalid, "Callers must be known first: set config.auth too."))
        }
        if value.member("key_logic") == nil {
            parent.report(.init("config.principal_rate_limit.key_logic", .required, "This field is required."))
        }
        return limit
    }

    private static func backpressure(_ value: JSONValue, _ parent: inout InputReader) -> Concurrency? {
        var reader = InputReader(value, at: "config.backpressure")
        defer { parent.absorb(reader) }
        reader.checkNames(["max_concurrent", "max_concurrent_per_node"] + FailureChoice.fields)
        let failsOpen = FailureChoice.read(&reader)
        if let limit = reader.integer("max_concurrent", in: 1...1_000_000) {
            return Concurrency(limit: limit, isPerInstance: false, failsOpen: failsOpen)
        }
        if let limit = reader.integer("max_concurrent_per_node", in: 1...1_000_000) {
            return Concurrency(limit: limit, isPerInstance: true, failsOpen: failsOpen)
        }
        if reader.details.isEmpty {
            reader.report(.init(reader.at("max_concurrent"), .required, "This field is required."))
        }
        return nil
    }

    private static func tracing(_ value: JSONValue, _ parent: inout InputReader) -> Tracing {
        var tracing = Tracing()
        var reader = InputReader(value, at: "config.tracing")
        defer { parent.absorb(reader) }
        reader.checkNames(["mode", "task_details", "mask_fields", "sample_rate", "errors_only"])
        if let text = reader.string("mode") {
            if let mode = TraceMode(rawValue: text == "async" ? "batch" : text) {
                tracing.mode = mode
            } else {
                reader.report(
                    .init(
                        reader.at("mode"), .invalid, "This is no trace mode.", expected: "sync, batch, failures, off",
                        got: text))
            }
        }
        if reader.flag("errors_only") == true, tracing.mode != .off { tracing.mode = .failures }
        if let rate = reader.field("sample_rate") {
            if let share = rate.doubleValue, (0...1).contains(share) {
                tracing.sampleRate = share
            } else {
                reader.report(.init(reader.at("sample_rate"), .invalid, "This must be a number from 0 to 1."))
            }
        }
        tracing.taskDetails = reader.flag("task_details") ?? true
        if let list = reader.field("mask_fields") {
            tracing.maskFields = (0..<list.count).compactMap { list.isArray ? list[$0].stringValue : nil }
            if !list.isArray || tracing.maskFields.count != list.count {
                reader.report(
                    .init(
                        reader.at("mask_fields"), .typeMismatch, "This must be an array of strings.", expected: "array")
                )
            }
        }
        return tracing
    }

    /// Bodies up to this size are read without looking for their channel's limit first.
    package static let smallestPayloadLimit = 1024

    private static func payloadSize(_ value: JSONValue, _ parent: inout InputReader) -> Int? {
        var reader = InputReader(value, at: "config.request")
        defer { parent.absorb(reader) }
        return reader.integer("max_payload_size", in: smallestPayloadLimit...(1 << 30))
    }

    private static func mode<Mode: RawRepresentable<String>>(
        _ value: JSONValue, _ part: String, _ field: String, _ parent: inout InputReader, _ usual: Mode,
        _ words: [String], also others: [String] = []
    ) -> Mode {
        var reader = InputReader(value, at: "config.\(part)")
        defer { parent.absorb(reader) }
        reader.checkNames([field] + others)
        guard let text = reader.string(field) else { return usual }
        if let mode = Mode(rawValue: text) { return mode }
        reader.report(
            .init(
                reader.at(field), .invalid, "This is none of the words allowed here.",
                expected: words.joined(separator: ", "), got: text))
        return usual
    }
}
