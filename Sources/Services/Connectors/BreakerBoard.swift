import Synchronization

/// What an instance tells others of its breakers. A breaker is called `channel:connector`.
package struct BreakerNews: Sendable {
    let opened: @Sendable (_ key: String, _ recovery: Duration) -> Void
    /// Somebody closed it by hand.
    let closed: @Sendable (_ key: String) -> Void

    package init(
        opened: @escaping @Sendable (_ key: String, _ recovery: Duration) -> Void,
        closed: @escaping @Sendable (_ key: String) -> Void
    ) {
        self.opened = opened
        self.closed = closed
    }
}

/// The breakers of one connector, one for each channel that calls it, so that one channel's bad requests do not shut out
/// another's good ones.
package final class BreakerBoard: Sendable {
    package struct Settings: Sendable, Equatable {
        package var isEnabled: Bool
        package var threshold: Int
        package var recovery: Duration

        package init(isEnabled: Bool, threshold: Int, recovery: Duration) {
            self.isEnabled = isEnabled
            self.threshold = threshold
            self.recovery = recovery
        }
    }

    private let settings: Settings
    /// Told of every channel whose breaker opens here.
    private let opened: (@Sendable (_ channel: String, _ recovery: Duration) -> Void)?
    /// Bounded by the channels there are.
    private let breakers = Mutex<[String: CircuitBreaker]>([:])

    package init(
        settings: Settings, opened: (@Sendable (_ channel: String, _ recovery: Duration) -> Void)? = nil
    ) {
        self.settings = settings
        self.opened = opened
    }

    private func change<Result>(_ channel: String, _ body: (inout CircuitBreaker) -> Result) -> Result {
        breakers.withLock { breakers in
            body(
                &breakers[channel, default: CircuitBreaker(threshold: settings.threshold, recovery: settings.recovery)])
        }
    }

    func permits(_ channel: String, at now: UInt64) -> Bool {
        !settings.isEnabled || change(channel) { $0.permits(at: now) }
    }

    func succeeded(_ channel: String) { if settings.isEnabled { change(channel) { $0.succeed() } } }
    func abandoned(_ channel: String) { if settings.isEnabled { change(channel) { $0.abandon() } } }

    func failed(_ channel: String, at now: UInt64) -> Bool {
        guard settings.isEnabled, change(channel, { $0.fail(at: now) }) else { return false }
        opened?(channel, settings.recovery)
        return true
    }

    /// It opened on another instance, and stays so for `left`.
    func openedElsewhere(_ channel: String, stamp: Int64, left: Duration, at now: UInt64) {
        if settings.isEnabled { change(channel) { $0.openElsewhere(stamp: stamp, left: left, at: now) } }
    }

    package func states(at now: UInt64) -> [(channel: String, state: CircuitBreaker.State)] {
        breakers.withLock { $0 }.map { ($0.key, $0.value.state(at: now)) }
    }

    /// - Returns: whether there was one.
    package func reset(_ channel: String) -> Bool {
        breakers.withLock { breakers in
            guard breakers[channel] != nil else { return false }
            breakers[channel]?.succeed()
            return true
        }
    }
}
