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
    package let rateGate: RateGate?
    let principalGate: RateGate?
    package let callerCheck: (any CallerChecking)?
    /// Whether the key of a rate limit is worked out from the request's headers, credentials among them.
    package let keysSeeHeaders: Bool
    /// How many may run on this instance.
    package let concurrency: ConcurrencyLimiter?
    /// How many may run on all instances; nil where each counts for itself.
    package let sharedPermits: SharedPermits?
    package let meters: ChannelMeters
    /// The versions a request may meet: part of the key of what is remembered of them.
    package let stamp: String
    /// Since when this version is live.
    package let activatedAt: Timestamp

    package init(
        id: String, version: Int, activatedAt: Timestamp, definition: ChannelDefinition,
        workflows: [(workflow: CompiledWorkflow, percentage: Int)],
        callerCheck: (any CallerChecking)?, previous: ServedChannel?, meters: ChannelMeters, shared: SharedGuards? = nil
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
        let (config, old) = (definition.config, previous?.definition.config)
        rateGate = Self.gate(
            config.rateLimit, old?.rateLimit, previous?.rateGate, name: "channel:\(definition.name)", shared)
        principalGate = Self.gate(
            config.principalRateLimit, old?.principalRateLimit, previous?.principalGate,
            name: "caller:\(definition.name)", shared)
        // What is out when a reload comes is still counted while the limit is the same.
        let isSame = config.concurrency == old?.concurrency
        if let wanted = config.concurrency {
            let isShared = shared != nil && !wanted.isPerInstance
            concurrency =
                isShared ? nil : isSame ? previous?.concurrency : ConcurrencyLimiter(limit: wanted.limit)
            sharedPermits =
                !isShared
                ? nil
                : isSame
                    ? previous?.sharedPermits
                    : shared?.permits(definition.name, limit: wanted.limit, failsOpen: wanted.failsOpen)
        } else {
            concurrency = nil
            sharedPermits = nil
        }
    }

    /// A limiter whose numbers did not change keeps its buckets over a reload.
    private static func gate(
        _ wanted: ChannelConfig.RateLimit?, _ old: ChannelConfig.RateLimit?, _ gate: RateGate?, name: String,
        _ shared: SharedGuards?
    ) -> RateGate? {
        guard let wanted else { return nil }
        if let old, let gate, old.requestsPerSecond == wanted.requestsPerSecond, old.burst == wanted.burst,
            old.failsOpen == wanted.failsOpen
        {
            return gate
        }
        let rate = Double(wanted.requestsPerSecond)
        return shared?.rateGate(name, requestsPerSecond: rate, burst: wanted.burst, failsOpen: wanted.failsOpen)
            ?? .local(RateLimiter(requestsPerSecond: rate, burst: wanted.burst))
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
