import Dispatch
import Glibc

/// Waits for SIGTERM or SIGINT.
enum StopSignals {
    static func wait() async {
        let (signals, signal) = AsyncStream<Void>.makeStream()
        let sources = [SIGTERM, SIGINT].map { number in
            Glibc.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { signal.yield() }
            source.resume()
            return source
        }
        for await _ in signals { break }
        for source in sources { source.cancel() }
    }
}
