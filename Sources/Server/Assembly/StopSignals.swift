@preconcurrency import Dispatch  // its sources may be used on any thread
import Glibc

/// SIGTERM and SIGINT, noticed from the moment this is made: one that comes before somebody waits is not lost.
struct StopSignals: Sendable {
    private let sources: [any DispatchSourceSignal]
    private let signals: AsyncStream<Void>

    /// Returns when both are noticed. They are not ignored before that: a stop ends the process then, which has promised
    /// nothing yet.
    init() async {
        let (signals, signal) = AsyncStream<Void>.makeStream()
        let (registrations, registration) = AsyncStream<Void>.makeStream()
        self.signals = signals
        sources = [SIGTERM, SIGINT].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { signal.yield() }
            source.setRegistrationHandler { registration.yield() }
            source.resume()
            return source
        }
        var missing = sources.count
        for await _ in registrations {
            missing -= 1
            if missing == 0 { break }
        }
    }

    func wait() async { for await _ in signals { return } }

    /// After ``wait()``: returns when somebody asks again, a second or more later. A terminal and a parent process may
    /// both tell us of the same Ctrl-C.
    func waitForAnother() async {
        let first = ContinuousClock.now
        for await _ in signals where ContinuousClock.now - first > .seconds(1) { return }
    }

    func cancel() { for source in sources { source.cancel() } }
}
