package import Vocabulary

/// Who changed what, and what it was before and after.
package struct AuditRecord: Sendable, Equatable {
    package var id: Identifier
    package var principal: String
    package var action: String
    package var resourceType: String
    package var resourceID: String
    /// JSON text: request id, client address, before, after.
    package var details: [UInt8]
    package var createdAt: Timestamp

    package init(
        id: Identifier, principal: String, action: String, resourceType: String, resourceID: String,
        details: [UInt8], createdAt: Timestamp
    ) {
        self.id = id
        self.principal = principal
        self.action = action
        self.resourceType = resourceType
        self.resourceID = resourceID
        self.details = details
        self.createdAt = createdAt
    }
}

package struct AuditFilter: Sendable, Equatable {
    package var action: String?
    package var resourceType: String?
    package var resourceID: String?
    package var principal: String?
    package var from: Timestamp?
    package var until: Timestamp?

    package init() {}
}

/// Keeps the audit log. Entries of definition changes come in with ``DefinitionStore/commit(_:expecting:)``.
package protocol AuditStore: Sendable {
    func appendAudit(_ records: [AuditRecord]) async throws(StorageFailure)

    /// Newest first, with the number of all that match.
    func auditLog(_ filter: AuditFilter, limit: Int, offset: Int) async throws(StorageFailure)
        -> (records: [AuditRecord], total: Int)

    /// - Parameter epoch: the leader's; throws `.conflict` where another leads by now.
    /// - Returns: how many went.
    func deleteAudit(before: Timestamp, epoch: Int64) async throws(StorageFailure) -> Int
}
