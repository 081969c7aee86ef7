import NIOSSL
import Synchronization

/// The certificate and key new connections are greeted with; replaced while the server runs.
package final class TLSIdentity: Sendable {
    private struct State: Sendable {
        var loaded: TLSFiles.Loaded
        var decision: ReloadDecision<TLSFiles.Stamp>
    }

    private let files: TLSFiles
    private let state: Mutex<State>

    /// - Throws: where the files cannot be used.
    package init(_ files: TLSFiles) throws(TLSFault) {
        self.files = files
        let stamp = files.stamp
        state = Mutex(State(loaded: try files.load(), decision: ReloadDecision(loaded: stamp)))
    }

    var context: NIOSSLContext { state.withLock { $0.loaded.context } }

    /// Seconds since 1970 at which the certificate ends.
    package var expiry: Int { state.withLock { $0.loaded.expiry } }

    package enum Outcome: Sendable, Equatable {
        case unchanged
        case replaced
        /// The pair there was stays in use.
        case refused(TLSFault)
    }

    /// Looks whether the files have changed and takes over what they hold. Call it every second or so: what has changed
    /// is read when it has stayed the same from one look to the next.
    ///
    /// - Parameter isAsked: read them whatever they look like.
    package func lookAgain(isAsked: Bool = false) -> Outcome {
        let stamp = files.stamp
        guard state.withLock({ $0.decision.reads(stamp, isAsked: isAsked) }) else { return .unchanged }
        do throws(TLSFault) {
            let loaded = try files.load()
            state.withLock { $0.loaded = loaded }
            return .replaced
        } catch {
            return .refused(error)
        }
    }
}
