import Admission
import Definitions
import JSONTree
import Synchronization
import Vocabulary
package import Workflows

/// Lets a workflow call another channel of the same snapshot, behind that channel's own gates.
package struct ChannelCaller: ChannelCalling {
    private let snapshot: ServingSnapshot
    private let settings: RunSettings
    private let caller: String
    private let origin: RunOrigin

    package init(snapshot: ServingSnapshot, settings: RunSettings, caller: String, origin: RunOrigin) {
        self.snapshot = snapshot
        self.settings = settings
        self.caller = caller
        self.origin = origin
    }

    package func begin(_ call: NestedCall) -> NestedStart {
        guard !call.chain.contains(call.channel) else {
            let way = (call.chain + [call.channel]).joined(separator: " -> ")
            return .refused(Problem(.engine, "The channels call each other in a circle: \(way)."))
        }
        guard call.chain.count < settings.maxCallDepth else {
            return .refused(Problem(.engine, "More than \(settings.maxCallDepth) channels call one another."))
        }
        guard let channel = snapshot.channels[call.channel] else {
            let problem = snapshot.quarantined[call.channel]?.problem
            return .refused(problem ?? Problem(.notFound, "There is no channel `\(call.channel)`."))
        }
        guard channel.definition.schedule == nil else {
            return .refused(Problem(.engine, "The channel `\(call.channel)` runs on a schedule and cannot be called."))
        }
        return letIn(call, to: channel, progress: nil)
    }

    /// The gates of the called channel, as far as they can say at once.
    private func letIn(_ call: NestedCall, to channel: ServedChannel, progress: GateProgress?) -> NestedStart {
        let now = Stopwatch.nanoseconds()
        let input = AdmissionInput(
            client: "channel:" + caller, headers: call.metadata.member("headers") ?? .null,
            payload: call.payload, metadata: call.metadata, arena: call.arena, nanoseconds: now)
        do throws(Refusal) {
            _ = try channel.check(input, progress: progress)
            guard let permits = channel.sharedPermits else {
                try channel.takePermit()
                return start(call, on: channel, release: { channel.returnPermit() })
            }
            let taken = Reached<SharedPermits.Answer>()
            let again: @Sendable (NestedCall) -> NestedStart = { call in
                do throws(Refusal) {
                    let permit = try channel.permit(from: taken.take() ?? .unavailable)
                    return start(call, on: channel, release: { permit.giveBack() })
                } catch {
                    return .refused(error.problem)
                }
            }
            return .later({ taken.set(await permits.take()) }, again: again)
        } catch {
            guard let remedy = error.remedy else { return .refused(error.problem) }
            let reached = Reached<GateProgress>()
            let again: @Sendable (NestedCall) -> NestedStart = {
                letIn($0, to: channel, progress: reached.take())
            }
            return .later({ reached.set(await remedy()) }, again: again)
        }
    }

    /// What waiting came to, for the thread that goes on.
    private final class Reached<Value: Sendable>: Sendable {
        private let value = Mutex<Value?>(nil)
        func set(_ new: Value) { value.withLock { $0 = new } }
        func take() -> Value? { value.withLock { $0.take() } }
    }

    private func start(
        _ call: NestedCall, on channel: ServedChannel, release: @escaping @Sendable () -> Void
    ) -> NestedStart {
        let now = Stopwatch.nanoseconds()
        let timeout =
            call.timeoutMilliseconds > 0
            ? call.timeoutMilliseconds
            : channel.definition.config.timeoutMilliseconds ?? settings.callTimeoutMilliseconds
        var tracing = channel.definition.config.tracing
        tracing.mode = .off
        var options = settings.options(
            startedAt: now, timeoutMilliseconds: timeout, tracing: tracing,
            caller: ChannelCaller(snapshot: snapshot, settings: settings, caller: channel.name, origin: origin),
            chain: call.chain + [channel.name], origin: origin)
        options.connectors = snapshot.connectors
        let bucket = channel.workflows.count > 1 ? Int.random(in: 0..<100) : 0
        return .run(channel.workflow(bucket: bucket), options, release: release)
    }
}
