import Storage
import Vocabulary

extension StorageConformance {
    private static func record(
        _ id: String, version: Int = 1, kind: DefinitionKind = .workflow, status: DefinitionStatus = .draft,
        body: [UInt8] = [1]
    ) -> DefinitionRecord {
        DefinitionRecord(
            kind: kind, id: id, version: version, status: status, rolloutPercentage: 30, body: body, contentHash: "h",
            createdAt: at(5), updatedAt: at(6))
    }

    private static func entry(_ id: String, action: String = "create", at time: Int64) -> AuditRecord {
        AuditRecord(
            id: .make(at: at(time * 1_000_000)), principal: "p", action: action, resourceType: "workflow",
            resourceID: id, details: Array("{}".utf8), createdAt: at(time))
    }

    static let definitionPromises: [String: @Sendable (any DurableStore) async throws -> Void] = [
        "an empty store has no definitions and generation 0": { store in
            let loaded = try await store.loadDefinitions()
            try expect(loaded == DefinitionSnapshot(generation: 0, records: []), "it is empty: \(loaded)")
        },
        "a change raises the generation by one and is read back whole, oldest version first": { store in
            let records = [record("b"), record("a", version: 2, status: .active), record("a")]
            let generation = try await store.commit(DefinitionChange(puts: records), expecting: 0)
            let loaded = try await store.loadDefinitions()
            try expect(generation == 1 && loaded.generation == 1, "the generation is 1")
            try expect(loaded.records == [records[2], records[1], records[0]], "all are there in order: \(loaded)")
        },
        "a put of the same version takes its place": { store in
            _ = try await store.commit(DefinitionChange(puts: [record("a")]), expecting: 0)
            let changed = record("a", status: .archived, body: [2, 3])
            _ = try await store.commit(DefinitionChange(puts: [changed]), expecting: 1)
            let loaded = try await store.loadDefinitions()
            try expect(loaded.records == [changed], "only the new one is there")
        },
        "a removal takes every version of an id, and of no other kind or id": { store in
            let kept = [record("a", kind: .channel), record("b")]
            let gone = [record("a"), record("a", version: 2)]
            _ = try await store.commit(DefinitionChange(puts: kept + gone), expecting: 0)
            _ = try await store.commit(
                DefinitionChange(removals: [.init(kind: .workflow, id: "a")]), expecting: 1)
            let loaded = try await store.loadDefinitions()
            try expect(Set(loaded.records.map(\.body)) == [[1]] && loaded.records.count == 2, "two are left")
            try expect(loaded.records.allSatisfy { kept.contains($0) }, "the right two")
        },
        "a change that was overtaken is refused whole, its audit entry included": { store in
            _ = try await store.commit(DefinitionChange(puts: [record("a")], audit: [entry("a", at: 1)]), expecting: 0)
            do {
                _ = try await store.commit(
                    DefinitionChange(
                        puts: [record("b")], removals: [.init(kind: .workflow, id: "a")], audit: [entry("b", at: 2)]),
                    expecting: 0)
                throw Broken(description: "an overtaken change was taken")
            } catch StorageFailure.conflict {}
            let loaded = try await store.loadDefinitions()
            let audit = try await store.auditLog(AuditFilter(), limit: 10, offset: 0)
            try expect(loaded.records == [record("a")] && loaded.generation == 1, "nothing has changed")
            try expect(audit.total == 1, "no audit entry was left behind")
        },
        "of changes at the same time one wins each generation": { store in
            let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        do {
                            _ = try await store.commit(DefinitionChange(puts: [record("w\(number)")]), expecting: 0)
                            return true
                        } catch StorageFailure.conflict { return false }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            let loaded = try await store.loadDefinitions()
            try expect(wins == 1 && loaded.records.count == 1 && loaded.generation == 1, "one won: \(wins)")
        },
    ]

    static let auditPromises: [String: @Sendable (any DurableStore) async throws -> Void] = [
        "audit entries come newest first, in pages, with the number of all": { store in
            try await store.appendAudit((1...5).map { entry("w\($0)", at: $0) })
            let page = try await store.auditLog(AuditFilter(), limit: 2, offset: 1)
            try expect(page.records.map(\.resourceID) == ["w4", "w3"] && page.total == 5, "page: \(page)")
            try expect(page.records.first?.details == Array("{}".utf8), "the details are there")
        },
        "audit filters are met together": { store in
            try await store.appendAudit([entry("a", at: 1), entry("a", action: "delete", at: 2), entry("b", at: 3)])
            var filter = AuditFilter()
            filter.resourceID = "a"
            filter.action = "delete"
            let byBoth = try await store.auditLog(filter, limit: 9, offset: 0)
            filter = AuditFilter()
            filter.from = at(2)
            filter.until = at(2)
            let byTime = try await store.auditLog(filter, limit: 9, offset: 0)
            filter = AuditFilter()
            filter.principal = "nobody"
            let byNobody = try await store.auditLog(filter, limit: 9, offset: 0)
            try expect(byBoth.total == 1 && byBoth.records.first?.action == "delete", "by id and action")
            try expect(byTime.records.map(\.createdAt) == [at(2)], "by time, both ends included")
            try expect(byNobody.total == 0 && byNobody.records.isEmpty, "by a principal there is not")
        },
        "old audit entries go, younger ones stay": { store in
            try await store.appendAudit((1...4).map { entry("w\($0)", at: $0) })
            let gone = try await store.deleteAudit(before: at(3), epoch: 0)
            let left = try await store.auditLog(AuditFilter(), limit: 9, offset: 0)
            try expect(gone == 2 && left.records.map(\.resourceID) == ["w4", "w3"], "two went: \(gone)")
        },
    ]
}
