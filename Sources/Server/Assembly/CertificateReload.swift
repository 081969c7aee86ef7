import Dispatch
import Glibc
import HTTPServing
import Logging
import Telemetry
import Vocabulary

/// Looks every second, and on SIGHUP, whether certificate and key were replaced.
final class CertificateReload: Sendable {
    private let identity: TLSIdentity
    private let logger: Logger
    private let expiry: Gauge
    private let replaced: Counter
    private let refused: Counter
    private let looks: AsyncStream<Look>
    private let look: AsyncStream<Look>.Continuation

    private enum Look: Sendable { case usual, asked }

    /// Seconds before its end at which a certificate is complained about.
    private static let soon = 14 * 86_400

    init(_ identity: TLSIdentity, registry: MetricRegistry, logger: Logger) {
        self.identity = identity
        self.logger = logger
        expiry = registry.gauge(Catalogue.tlsCertificateExpiry)
        replaced = registry.counter(Catalogue.tlsReloads, labels: [("status", "ok")])
        refused = registry.counter(Catalogue.tlsReloads, labels: [("status", "error")])
        (looks, look) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(8))
        noteExpiry()
    }

    func run() async {
        let look = look
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { look.yield(.usual) }
        timer.resume()
        let hangUp = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        hangUp.setEventHandler { look.yield(.asked) }
        hangUp.resume()
        for await look in looks { lookOnce(isAsked: look == .asked) }
        timer.cancel()
        hangUp.cancel()
    }

    func stop() { look.finish() }

    func lookOnce(isAsked: Bool) {
        switch identity.lookAgain(isAsked: isAsked) {
        case .unchanged: break
        case .replaced:
            replaced.increment()
            logger.notice("certificate replaced", metadata: ["expires": "\(expiryText)"])
            noteExpiry()
        case .refused(let fault):
            refused.increment()
            logger.error("certificate not replaced; the old one stays", metadata: ["reason": "\(fault)"])
        }
    }

    private var expiryText: String { Timestamp(microseconds: Int64(identity.expiry) * 1_000_000).rfc3339 }

    private func noteExpiry() {
        expiry.set(Double(identity.expiry))
        let left = Int64(identity.expiry) - Timestamp.now().microseconds / 1_000_000
        if left < Self.soon { logger.warning("the certificate ends soon", metadata: ["expires": "\(expiryText)"]) }
    }
}
