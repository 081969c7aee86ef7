import Storage
import Vocabulary

/// The statements about definitions, admin keys and the audit log whose text never changes.
struct RecordTexts: Sendable {
    private static let definitionColumns = [
        "kind", "id", "version", "status", "rollout", "body", "content_hash", "created_at", "updated_at",
    ]
    private static let keyColumns = [
        "id", "name", "scope", "prefix", "hash", "created_at", "expires_at", "last_used_at",
    ]
    static let auditColumns = [
        "id", "principal", "action", "resource_type", "resource_id", "details", "created_at",
    ]

    let raise: String
    let definitions: String
    let keys: String
    let deleteAudit: String
    private let putDefinitionText: String
    private let removeDefinitionText: String
    private let putKeyText: String
    private let removeKeyText: String
    private let useKeyText: String
    private let auditText: String

    init(_ dialect: any Dialect) {
        raise = dialect.marked("UPDATE numbers SET value = value + 1 WHERE name = ? AND value = ?")
        // One statement, one snapshot: the generation belongs to the rows.
        func joined(_ table: String, _ columns: [String], _ number: String) -> String {
            """
            SELECT n.value, \(columns.map { "r." + $0 }.joined(separator: ", "))
            FROM numbers n LEFT JOIN \(table) r ON 1 = 1 WHERE n.name = '\(number)'
            """
        }
        definitions = joined("definitions", Self.definitionColumns, "generation")
        keys = joined("admin_keys", Self.keyColumns, "admin_keys")
        deleteAudit = dialect.marked("DELETE FROM audit WHERE created_at < ? AND \(ClusterTexts.leads)")
        putDefinitionText = dialect.marked(
            dialect.upsert(into: "definitions", Self.definitionColumns, key: ["kind", "id", "version"]))
        removeDefinitionText = dialect.marked("DELETE FROM definitions WHERE kind = ? AND id = ?")
        putKeyText = dialect.marked(dialect.upsert(into: "admin_keys", Self.keyColumns, key: ["id"]))
        removeKeyText = dialect.marked("DELETE FROM admin_keys WHERE id = ?")
        useKeyText = dialect.marked(
            "UPDATE admin_keys SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)")
        auditText = dialect.marked(dialect.insert(into: "audit", Self.auditColumns))
    }

    func put(_ record: DefinitionRecord) -> StoreStatement {
        StoreStatement(
            putDefinitionText,
            [
                .text(record.kind.rawValue), .text(record.id), .integer(Int64(record.version)),
                .text(record.status.rawValue), .integer(Int64(record.rolloutPercentage)), .bytes(record.body),
                .text(record.contentHash), .time(record.createdAt), .time(record.updatedAt),
            ])
    }

    func remove(_ removal: DefinitionChange.Removal) -> StoreStatement {
        StoreStatement(removeDefinitionText, [.text(removal.kind.rawValue), .text(removal.id)])
    }

    func put(_ record: AdminKeyRecord) -> StoreStatement {
        StoreStatement(
            putKeyText,
            [
                .text(record.id), .text(record.name), .text(record.scope.rawValue), .text(record.prefix),
                .bytes(record.hash), .time(record.createdAt), .time(record.expiresAt), .time(record.lastUsedAt),
            ])
    }

    func removeKey(_ id: String) -> StoreStatement { StoreStatement(removeKeyText, [.text(id)]) }

    func useKey(_ id: String, at time: Timestamp) -> StoreStatement {
        StoreStatement(useKeyText, [.time(time), .text(id), .time(time)])
    }

    func insert(_ record: AuditRecord) -> StoreStatement {
        StoreStatement(
            auditText,
            [
                .uuid(record.id), .text(record.principal), .text(record.action), .text(record.resourceType),
                .text(record.resourceID), .bytes(record.details), .time(record.createdAt),
            ])
    }

    /// - Returns: nil for the row that brings the generation alone.
    static func definition(_ row: some StoreRow) -> DefinitionRecord? {
        guard row.optionalInteger(3) != nil else { return nil }
        return DefinitionRecord(
            kind: DefinitionKind(rawValue: row.text(1)) ?? .workflow, id: row.text(2), version: Int(row.integer(3)),
            status: DefinitionStatus(rawValue: row.text(4)) ?? .archived, rolloutPercentage: Int(row.integer(5)),
            body: row.bytes(6), contentHash: row.text(7), createdAt: row.time(8), updatedAt: row.time(9))
    }

    static func key(_ row: some StoreRow) -> AdminKeyRecord? {
        guard row.optionalInteger(6) != nil else { return nil }
        return AdminKeyRecord(
            // A scope of a newer program is not guessed: such a key may only look.
            id: row.text(1), name: row.text(2), scope: AdminScope(rawValue: row.text(3)) ?? .readOnly,
            prefix: row.text(4), hash: row.bytes(5), createdAt: row.time(6), expiresAt: row.optionalTime(7),
            lastUsedAt: row.optionalTime(8))
    }

    static func audit(_ row: some StoreRow) -> AuditRecord {
        AuditRecord(
            id: row.uuid(0), principal: row.text(1), action: row.text(2), resourceType: row.text(3),
            resourceID: row.text(4), details: row.bytes(5), createdAt: row.time(6))
    }
}
