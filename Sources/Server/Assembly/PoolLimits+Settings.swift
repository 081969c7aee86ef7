import Configuring
import ConnectionPooling

extension PoolLimits {
    /// As `storage.*` says.
    init(_ settings: Settings) {
        self.init()
        let second: UInt64 = 1_000_000_000
        mostConnections = settings.storagePoolSize
        leastConnections = settings.storagePoolMinimum
        wait = UInt64(settings.storagePoolWaitMilliseconds) * 1_000_000
        statementMilliseconds = settings.storageStatementMilliseconds
        openSeconds = settings.storageConnectSeconds
        lifetime = UInt64(settings.storageLifetimeSeconds) * second
        idle = UInt64(settings.storageIdleSeconds) * second
        rest = UInt64(settings.storageCheckSeconds) * second
    }
}
