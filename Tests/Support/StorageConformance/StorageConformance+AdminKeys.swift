import Storage
import Vocabulary

extension StorageConformance {
    private static func key(_ id: String, scope: AdminScope = .draft, at time: Int64 = 1) -> AdminKeyRecord {
        AdminKeyRecord(
            id: id, name: "ci", scope: scope, prefix: "weir_abc", hash: Array(0..<32), createdAt: at(time),
            expiresAt: at(90), lastUsedAt: nil)
    }

    private static func entry(_ id: String) -> AuditRecord {
        AuditRecord(
            id: .make(at: at(1)), principal: "p", action: "create", resourceType: "admin_key", resourceID: id,
            details: Array("{}".utf8), createdAt: at(1))
    }

    static let adminKeyPromises: [String: @Sendable (any DurableStore) async throws -> Void] = [
        "an empty store has no admin keys": { store in
            let loaded = try await store.loadAdminKeys()
            try expect(loaded == AdminKeySnapshot(generation: 0, records: []), "it is empty: \(loaded)")
        },
        "an admin key is read back whole, oldest first, and goes with its id": { store in
            let later = key("key-a", scope: .full, at: 2)
            let first = key("key-b", at: 1)
            _ = try await store.commit(AdminKeyChange(put: later, audit: [entry("key-a")]), expecting: 0)
            _ = try await store.commit(AdminKeyChange(put: first), expecting: 1)
            let both = try await store.loadAdminKeys()
            let generation = try await store.commit(AdminKeyChange(removal: "key-a"), expecting: 2)
            let left = try await store.loadAdminKeys()
            let audit = try await store.auditLog(AuditFilter(), limit: 10, offset: 0)
            try expect(both == AdminKeySnapshot(generation: 2, records: [first, later]), "both are there: \(both)")
            try expect(generation == 3 && left.records == [first], "one is left: \(left)")
            try expect(audit.records.map(\.resourceID) == ["key-a"], "the audit entry came with it")
        },
        "a change of admin keys that was overtaken is refused whole": { store in
            _ = try await store.commit(AdminKeyChange(put: key("key-a")), expecting: 0)
            do {
                _ = try await store.commit(
                    AdminKeyChange(put: key("key-b"), removal: "key-a", audit: [entry("key-b")]), expecting: 0)
                throw Broken(description: "an overtaken change was taken")
            } catch StorageFailure.conflict {}
            let loaded = try await store.loadAdminKeys()
            let audit = try await store.auditLog(AuditFilter(), limit: 10, offset: 0)
            try expect(loaded == AdminKeySnapshot(generation: 1, records: [key("key-a")]), "nothing has changed")
            try expect(audit.total == 0, "nor is it in the audit log")
        },
        "the last use of an admin key only moves forward, and raises no generation": { store in
            _ = try await store.commit(AdminKeyChange(put: key("key-a")), expecting: 0)
            try await store.noteUse(ofAdminKeys: ["key-a": at(60), "key-none": at(60)])
            try await store.noteUse(ofAdminKeys: ["key-a": at(30)])
            let loaded = try await store.loadAdminKeys()
            try expect(loaded.generation == 1 && loaded.records.count == 1, "no key came or went")
            try expect(loaded.records.first?.lastUsedAt == at(60), "the latest use is kept: \(loaded)")
        },
    ]
}
