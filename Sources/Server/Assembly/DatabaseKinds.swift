import Outbound
import OutboundMySQL
import OutboundPostgres
import OutboundSQLite

extension DatabaseKinds {
    /// All that a connector can lead to.
    /// - Parameter storageURL: where Weir keeps itself, which no workflow may touch; empty for a command that keeps
    ///   nothing.
    static func all(storageURL: String = "") -> DatabaseKinds {
        let prefix = "sqlite:"
        let file = storageURL.hasPrefix(prefix) ? String(storageURL.dropFirst(prefix.count)) : ""
        return DatabaseKinds([SQLiteDatabases(ownFile: file), PostgresDatabases(), MySQLDatabases()])
    }
}
