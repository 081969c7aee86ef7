import NIOPosix
package import Outbound
import OutboundHTTPClient

/// The real outside, for a command that calls out and serves nobody.
package struct OutsideWorld: Sendable {
    private let client: HTTPClientOutbound
    package let databases: any DatabaseOpening

    /// - Parameter authorities: a PEM file of certificates that are trusted besides the system's; empty for none.
    /// - Throws: where the file holds no certificates.
    package init(authorities: String = "") throws(StartFailure) {
        do throws(OutboundFailure) {
            client = try HTTPClientOutbound(group: MultiThreadedEventLoopGroup.singleton, authorities: authorities)
        } catch {
            throw StartFailure("`\(authorities)` holds no certificates.")
        }
        databases = DatabaseKinds.all()
    }

    package var outbound: any OutboundHTTP { client }

    package func shutDown() async { await client.shutDown() }
}
