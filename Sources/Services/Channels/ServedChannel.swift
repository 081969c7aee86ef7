package import Admission
package import Authentication
package import Definitions
import JSONLogic
import JSONTree
package import Vocabulary
package import Workflows

/// One channel of a snapshot, ready to take requests: its compiled guards and the workflow versions that share its
/// traffic.
package final class ServedChannel: Sendable {
    package let id: String
    package let name: String
    package let methods: [String]
    package let routePattern: String?
    package let priority: Int
    package let definition: ChannelDefinition
    /// Compiled versions with their share in percent, newest first; the shares add up to 100.
    package let workflows: [(workflow: CompiledWorkflow, percentage: Int)]
    package let rateLimiter: RateLimiter?
    let principalLimiter: RateLimiter?
    package let callerCheck: (any CallerChecking)?
    /// Whether the key of a rate limit is worked out from the request's headers, credentials among them.
    package let keysSeeHeaders: Bool
    package let concurrency: ConcurrencyLimiter?
    package let meters: ChannelMeters
    /// The versions a request may meet: part of the key of what is remembered of them.
    package let stamp: String
    /// Since when this version is live.
    package let activatedAt: Timestamp

    package init(
        id: String, version: Int, activatedAt: Timestamp, definition: ChannelDefinition,
        workflows: [(workflow: CompiledWorkflow, percentage: Int)],
        callerCheck: (any CallerChecking)?, previous: ServedChannel?, meters: ChannelMeters
    ) {
        self.callerCheck = callerCheck
        keysSeeHeaders = definition.config.rateLimit?.keyLogic != nil || definition.config.principalRateLimit != nil
        self.id = id
        self.activatedAt = activatedAt
        self.definition = definition
        self.workflows = workflows
        self.meters = meters
        stamp = "\(version)/" + workflows.map { "\($0.workflow.version)" }.joined(separator: ",")
        name = definition.name
        methods = definition.methods
        routePattern = definition.routePattern
        priority = definition.priority
        rateLimiter = Self.limiter(
            definition.config.rateLimit, previous?.definition.config.rateLimit, previous?.rateLimiter)
        principalLimiter = Self.limiter(
            definition.config.principalRateLimit, previous?.definition.config.principalRateLimit,
            previous?.principalLimiter)
        concurrency = Self.concurrency(definition, previous)
    }

    /// A limiter whose numbers did not change keeps its buckets over a reload.
    private static func limiter(
        _ wanted: ChannelConfig.RateLimit?, _ old: ChannelConfig.RateLimit?, _ limiter: RateLimiter?
    ) -> RateLimiter? {
        guard let wanted else { return nil }
        if let old, let limiter, old.requestsPerSecond == wanted.requestsPerSecond, old.burst == wanted.burst {
            return limiter
        }
        return RateLimiter(requestsPerSecond: Double(wanted.requestsPerSecond), burst: wanted.burst)
    }

    /// Permits that are out when a reload comes are still counted while the limit is the same.
    private static func concurrency(
        _ definition: ChannelDefinition, _ previous: ServedChannel?
    ) -> ConcurrencyLimiter? {
        guard let limit = definition.config.maxConcurrent else { return nil }
        if let old = previous?.concurrency, previous?.definition.config.maxConcurrent == limit { return old }
        return ConcurrencyLimiter(limit: limit)
    }

    package func allows(_ method: String) -> Bool { methods.isEmpty || methods.contains(method) }

    /// The version that takes this request.
    ///
    /// - Parameter bucket: 0..<100; the same bucket always takes the same version.
    package func workflow(bucket: Int) -> CompiledWorkflow {
        var upTo = 0
        for (workflow, percentage) in workflows {
            upTo += percentage
            if bucket < upTo { return workflow }
        }
        return workflows[workflows.count - 1].workflow
    }

    package static func bucket(of value: String) -> Int {
        var value = value
        return value.withUTF8 { bucket(of: UnsafeRawBufferPointer($0)) }
    }

    /// Bucket of a sticky value: FNV-1a, folded to 0..<100.
    package static func bucket(of value: UnsafeRawBufferPointer) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in value { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int((hash ^ hash >> 32) % 100)
    }
}
