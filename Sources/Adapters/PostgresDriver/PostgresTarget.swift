/// Where a pool's connections lead.
package struct PostgresTarget: Sendable {
    /// As libpq reads it: `postgres://user@host1,host2/database?sslmode=verify-full`. TLS, the kind of password and the order
    /// of hosts are its business.
    package var url: String
    /// Of several hosts the one that takes writes is looked for, unless the URL says otherwise. A standby is then no place to
    /// connect to.
    package var mustTakeWrites: Bool
    /// Which addresses may be connected to, told their 4 or 16 bytes, or none for a Unix socket; nil for any. Every address a
    /// name leads to must be one of them; the connection goes to what was judged.
    package var admits: (@Sendable ([UInt8]) -> Bool)?

    package init(_ url: String, mustTakeWrites: Bool = true, admits: (@Sendable ([UInt8]) -> Bool)? = nil) {
        self.url = url
        self.mustTakeWrites = mustTakeWrites
        self.admits = admits
    }
}
