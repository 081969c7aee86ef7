import Crypto

/// One step of a schema, from one version to the next.
package struct Migration: Sendable {
    package let statements: [String]

    package init(_ statements: [String]) { self.statements = statements }

    /// `sha256:` and 64 hex digits over the statements: what was applied is what this program knows.
    package var checksum: String {
        var hash = SHA256()
        for statement in statements {
            hash.update(data: [UInt8](statement.utf8))
            hash.update(data: [0])
        }
        let digits = Array("0123456789abcdef")
        return "sha256:" + hash.finalize().reduce(into: "") { $0 += [digits[Int($1 >> 4)], digits[Int($1 & 15)]] }
    }
}

/// Where a database stands with one migration.
package struct MigrationState: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case applied
        case pending
        /// Applied with other statements than this program knows.
        case differs
        /// Applied by a newer program.
        case unknown
    }

    package var version: Int
    package var kind: Kind
    package var checksum: String

    package init(version: Int, kind: Kind, checksum: String) {
        self.version = version
        self.kind = kind
        self.checksum = checksum
    }
}
