package import Vocabulary

/// What an admin key may do. Each scope may do what those before it may.
package enum AdminScope: String, Sendable, CaseIterable, Comparable {
    /// Look at everything, change nothing.
    case readOnly = "read_only"
    /// Also validate, dry-run and save drafts; nothing of that goes live.
    case draft
    /// Everything: activate, delete, connectors, keys.
    case full

    private var rank: Int {
        switch self {
        case .readOnly: 0
        case .draft: 1
        case .full: 2
        }
    }

    package static func < (left: AdminScope, right: AdminScope) -> Bool { left.rank < right.rank }
}

/// One admin key made over the API. The key itself is nowhere: it was shown once.
package struct AdminKeyRecord: Sendable, Equatable {
    /// `key-` and 16 hex digits of the hash of the hash: also its name in the audit log.
    package var id: String
    /// What people call it.
    package var name: String
    package var scope: AdminScope
    /// How the key begins, so that its owner recognises it.
    package var prefix: String
    /// SHA-256 of the key.
    package var hash: [UInt8]
    package var createdAt: Timestamp
    /// Not taken from then on.
    package var expiresAt: Timestamp?
    /// To the minute, and known a little late.
    package var lastUsedAt: Timestamp?

    package init(
        id: String, name: String, scope: AdminScope, prefix: String, hash: [UInt8], createdAt: Timestamp,
        expiresAt: Timestamp? = nil, lastUsedAt: Timestamp? = nil
    ) {
        self.id = id
        self.name = name
        self.scope = scope
        self.prefix = prefix
        self.hash = hash
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.lastUsedAt = lastUsedAt
    }
}

/// Every admin key at one moment, oldest first. `generation` grows by one with each key that comes or goes.
package struct AdminKeySnapshot: Sendable, Equatable {
    package var generation: Int64
    package var records: [AdminKeyRecord]

    package init(generation: Int64, records: [AdminKeyRecord]) {
        self.generation = generation
        self.records = records
    }
}

/// A key that comes or goes, with the audit entries that tell of it: committed together or not at all.
package struct AdminKeyChange: Sendable, Equatable {
    package var put: AdminKeyRecord?
    /// The id of a key that goes.
    package var removal: String?
    package var audit: [AuditRecord]

    package init(put: AdminKeyRecord? = nil, removal: String? = nil, audit: [AuditRecord] = []) {
        self.put = put
        self.removal = removal
        self.audit = audit
    }
}

/// Keeps the admin keys made over the API.
package protocol AdminKeyStore: Sendable {
    func loadAdminKeys() async throws(StorageFailure) -> AdminKeySnapshot

    /// Commits `change` and raises the generation by one, if it is still `generation`; else throws `.conflict` and
    /// changes nothing. What it returned for is on disk, and wanted of every instance.
    func commit(_ change: AdminKeyChange, expecting generation: Int64) async throws(StorageFailure) -> Int64

    /// Notes when keys were used last, by id; unknown ids are passed over, an earlier time than is known changes nothing.
    /// The generation stays.
    func noteUse(ofAdminKeys uses: [String: Timestamp]) async throws(StorageFailure)
}
