package import Vocabulary

/// What kind of definition a row holds.
package enum DefinitionKind: String, Sendable, CaseIterable {
    case workflow
    case channel
    /// Unversioned: one row with version 1, active while it is enabled, archived while it is not.
    case connector
}

/// Where a version stands. One draft per id at a time; what was active once is never edited again.
package enum DefinitionStatus: String, Sendable, CaseIterable {
    case draft
    case active
    case archived
}

/// One version of one definition, as it is stored. `body` is the JSON text of its importable content.
package struct DefinitionRecord: Sendable, Equatable {
    package var kind: DefinitionKind
    package var id: String
    package var version: Int
    package var status: DefinitionStatus
    /// Share of the traffic in percent, 0...100; only workflows that share it with another version have less than 100.
    package var rolloutPercentage: Int
    package var body: [UInt8]
    /// `sha256:` and 64 hex digits over `body`.
    package var contentHash: String
    package var createdAt: Timestamp
    package var updatedAt: Timestamp

    package init(
        kind: DefinitionKind, id: String, version: Int, status: DefinitionStatus, rolloutPercentage: Int = 100,
        body: [UInt8], contentHash: String, createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.kind = kind
        self.id = id
        self.version = version
        self.status = status
        self.rolloutPercentage = rolloutPercentage
        self.body = body
        self.contentHash = contentHash
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// Every definition at one moment. `generation` grows by one with each change.
package struct DefinitionSnapshot: Sendable, Equatable {
    package var generation: Int64
    package var records: [DefinitionRecord]

    package init(generation: Int64, records: [DefinitionRecord]) {
        self.generation = generation
        self.records = records
    }
}

/// Rows to write and rows to drop, with the audit entries that tell of it: committed together or not at all.
package struct DefinitionChange: Sendable, Equatable {
    /// Inserted, or replaced where (kind, id, version) exists.
    package var puts: [DefinitionRecord]
    /// Every version of these ids goes.
    package var removals: [Removal]
    package var audit: [AuditRecord]
    /// Every instance is to serve it: the new generation becomes what is wanted of all.
    package var isAnnounced = false

    /// Whether anything of it changes what is served.
    package var goesLive: Bool { puts.contains { $0.status != .draft } || !removals.isEmpty }

    package struct Removal: Sendable, Equatable {
        package var kind: DefinitionKind
        package var id: String

        package init(kind: DefinitionKind, id: String) {
            self.kind = kind
            self.id = id
        }
    }

    package init(puts: [DefinitionRecord] = [], removals: [Removal] = [], audit: [AuditRecord] = []) {
        self.puts = puts
        self.removals = removals
        self.audit = audit
    }
}

/// Keeps workflows and channels.
package protocol DefinitionStore: Sendable {
    /// All versions of all definitions, oldest version first within an id.
    func loadDefinitions() async throws(StorageFailure) -> DefinitionSnapshot

    /// Commits `change` and raises the generation by one, if it is still `generation`; else throws `.conflict` and
    /// changes nothing. What it returned for is on disk.
    func commit(_ change: DefinitionChange, expecting generation: Int64) async throws(StorageFailure) -> Int64
}
