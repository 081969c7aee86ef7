import NIOPosix
package import Outbound
import OutboundHTTPClient
import OutboundSQLite

/// The real outside, for a command that calls out and serves nobody.
package struct OutsideWorld: Sendable {
    private let client: HTTPClientOutbound
    package let databases: any DatabaseOpening

    package init() {
        client = HTTPClientOutbound(group: MultiThreadedEventLoopGroup.singleton)
        databases = SQLiteDatabases(ownFile: "")
    }

    package var outbound: any OutboundHTTP { client }

    package func shutDown() async { await client.shutDown() }
}
