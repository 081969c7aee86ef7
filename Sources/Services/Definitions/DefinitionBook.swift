import JSONTree
package import Storage
package import Vocabulary
import Workflows

/// All versions of all definitions at one moment, and what may be done to them: pure decisions.
package struct DefinitionBook: Sendable {
    package let snapshot: DefinitionSnapshot

    package init(_ snapshot: DefinitionSnapshot) { self.snapshot = snapshot }

    package func versions(_ kind: DefinitionKind, _ id: String) -> [DefinitionRecord] {
        snapshot.records.filter { $0.kind == kind && $0.id == id }
    }

    package func latest(_ kind: DefinitionKind, _ id: String) -> DefinitionRecord? { versions(kind, id).last }

    package func active(_ kind: DefinitionKind, _ id: String) -> [DefinitionRecord] {
        versions(kind, id).filter { $0.status == .active }
    }

    /// The latest version of every id.
    package func latest(_ kind: DefinitionKind) -> [DefinitionRecord] {
        var found: [String: DefinitionRecord] = [:]
        for record in snapshot.records where record.kind == kind { found[record.id] = record }
        return Array(found.values)
    }

    package static func unknown(_ kind: DefinitionKind, _ id: String) -> Problem {
        Problem(.notFound, "There is no \(kind.rawValue) `\(id)`.")
    }

    // MARK: - Decisions

    package func create(
        _ kind: DefinitionKind, id: String, content: DefinitionContent, at now: Timestamp
    ) throws(Problem) -> DefinitionChange {
        guard versions(kind, id).isEmpty else {
            throw Problem(.conflict, "There is a \(kind.rawValue) `\(id)` already.")
        }
        try Self.checkID(kind, id)
        try checkName(kind, id, content)
        return DefinitionChange(puts: [content.record(kind, id: id, version: 1, status: .draft, at: now)])
    }

    package func edit(
        _ kind: DefinitionKind, id: String, content: DefinitionContent, at now: Timestamp
    ) throws(Problem) -> DefinitionChange {
        guard let latest = latest(kind, id) else { throw Self.unknown(kind, id) }
        guard latest.status == .draft else {
            throw Problem(
                .validation, "The \(kind.rawValue) `\(id)` has no draft to edit. POST to its versions to make one.")
        }
        try checkName(kind, id, content)
        var record = content.record(kind, id: id, version: latest.version, status: .draft, at: now)
        record.createdAt = latest.createdAt
        return DefinitionChange(puts: [record])
    }

    package func newVersion(_ kind: DefinitionKind, id: String, at now: Timestamp) throws(Problem) -> DefinitionChange {
        guard var record = latest(kind, id) else { throw Self.unknown(kind, id) }
        guard record.status != .draft else {
            throw Problem(.conflict, "The \(kind.rawValue) `\(id)` has a draft already: version \(record.version).")
        }
        record.version += 1
        record.status = .draft
        record.rolloutPercentage = 100
        record.createdAt = now
        record.updatedAt = now
        return DefinitionChange(puts: [record])
    }

    /// Ids that are words of the paths beside them could not be read back.
    private static func checkID(_ kind: DefinitionKind, _ id: String) throws(Problem) {
        guard ["import", "export", "validate", "circuit-breakers"].contains(id) else { return }
        let field = kind == .connector ? "id" : "\(kind.rawValue)_id"
        throw Problem(
            .validation, "The \(kind.rawValue) is not valid.",
            details: [.init(field, .invalid, "`\(id)` is a word of the API; choose another.")])
    }

    package func createConnector(
        id: String, content: DefinitionContent, isEnabled: Bool, at now: Timestamp
    ) throws(Problem) -> DefinitionChange {
        try Self.checkID(.connector, id)
        guard latest(.connector, id) == nil else { throw Problem(.conflict, "There is a connector `\(id)` already.") }
        try checkName(.connector, id, content)
        return DefinitionChange(puts: [
            content.record(.connector, id: id, version: 1, status: isEnabled ? .active : .archived, at: now)
        ])
    }

    package func replaceConnector(
        id: String, content: DefinitionContent, isEnabled: Bool, at now: Timestamp
    ) throws(Problem) -> DefinitionChange {
        guard let stored = latest(.connector, id) else { throw Self.unknown(.connector, id) }
        try checkName(.connector, id, content)
        var record = content.record(.connector, id: id, version: 1, status: isEnabled ? .active : .archived, at: now)
        record.createdAt = stored.createdAt
        return DefinitionChange(puts: [record])
    }

    package func delete(_ kind: DefinitionKind, id: String) throws(Problem) -> DefinitionChange {
        guard latest(kind, id) != nil else { throw Self.unknown(kind, id) }
        return DefinitionChange(removals: [.init(kind: kind, id: id)])
    }

    package func archive(_ kind: DefinitionKind, id: String, at now: Timestamp) throws(Problem) -> DefinitionChange {
        guard latest(kind, id) != nil else { throw Self.unknown(kind, id) }
        let active = active(kind, id)
        guard !active.isEmpty else { throw Problem(.validation, "The \(kind.rawValue) `\(id)` has no active version.") }
        return DefinitionChange(puts: active.map { Self.set($0, .archived, 100, now) })
    }

    /// The draft becomes active; with less than all of the traffic, the newest active version keeps the rest.
    package func activate(
        _ kind: DefinitionKind, id: String, percentage: Int, at now: Timestamp
    ) throws(Problem) -> DefinitionChange {
        guard let draft = latest(kind, id) else { throw Self.unknown(kind, id) }
        guard draft.status == .draft else { throw Problem(.validation, "The \(kind.rawValue) `\(id)` has no draft.") }
        return try activate(draft, percentage: percentage, at: now)
    }

    func activate(
        _ draft: DefinitionRecord, percentage: Int, at now: Timestamp
    ) throws(Problem) -> DefinitionChange {
        guard (0...100).contains(percentage) else {
            throw Problem(.validation, "The rollout percentage must be 0 to 100.")
        }
        let active = active(draft.kind, draft.id)
        guard percentage == 100 || !active.isEmpty else {
            throw Problem(
                .validation, "There is no active version to share the traffic with: the first goes live at 100 percent."
            )
        }
        var puts = [Self.set(draft, .active, percentage, now)]
        for (place, record) in active.reversed().enumerated() {
            let shares = percentage < 100 && place == 0
            puts.append(Self.set(record, shares ? .active : .archived, shares ? 100 - percentage : 100, now))
        }
        return DefinitionChange(puts: puts)
    }

    package func rollOut(id: String, percentage: Int, at now: Timestamp) throws(Problem) -> DefinitionChange {
        guard latest(.workflow, id) != nil else { throw Self.unknown(.workflow, id) }
        guard (1...100).contains(percentage) else {
            throw Problem(.validation, "The rollout percentage must be 1 to 100.")
        }
        let active = active(.workflow, id)
        guard let newest = active.last else {
            throw Problem(.validation, "The workflow `\(id)` has no active version.")
        }
        guard percentage == 100 || active.count > 1 else {
            throw Problem(.validation, "The workflow `\(id)` has only one active version: there is nothing to share.")
        }
        var puts = [Self.set(newest, .active, percentage, now)]
        if let older = active.dropLast().last {
            puts.append(
                percentage == 100
                    ? Self.set(older, .archived, 100, now) : Self.set(older, .active, 100 - percentage, now))
        }
        return DefinitionChange(puts: puts)
    }

    /// The content of an earlier version goes live at once, as a new version.
    package func rollBack(
        _ kind: DefinitionKind, id: String, to version: Int, at now: Timestamp
    ) throws(Problem) -> DefinitionChange {
        guard let latest = latest(kind, id) else { throw Self.unknown(kind, id) }
        guard var record = versions(kind, id).first(where: { $0.version == version }) else {
            throw Problem(.notFound, "The \(kind.rawValue) `\(id)` has no version \(version).")
        }
        guard latest.status != .draft else {
            throw Problem(.conflict, "The \(kind.rawValue) `\(id)` has a draft; activate it or edit it instead.")
        }
        record.version = latest.version + 1
        record.createdAt = now
        return try activate(record, percentage: 100, at: now)
    }

    private static func set(
        _ record: DefinitionRecord, _ status: DefinitionStatus, _ percentage: Int, _ now: Timestamp
    ) -> DefinitionRecord {
        var record = record
        record.status = status
        record.rolloutPercentage = percentage
        record.updatedAt = now
        return record
    }

    /// Channels and connectors are called by name, so no two may share one.
    private func checkName(_ kind: DefinitionKind, _ id: String, _ content: DefinitionContent) throws(Problem) {
        guard kind != .workflow else { return }
        for other in latest(kind) where other.id != id {
            if DefinitionContent.name(of: other) == content.name {
                throw Problem(.conflict, "The \(kind.rawValue) `\(other.id)` has the name `\(content.name)` already.")
            }
        }
    }
}
