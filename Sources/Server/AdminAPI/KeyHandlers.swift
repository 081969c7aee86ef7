import JSONTree
import Storage
import Vocabulary
import Workflows

/// Admin keys: made, listed, revoked. Only their hashes are kept.
enum KeyHandlers {
    private static let base = "/api/v1/admin/keys"

    static let routes: [AdminRoute] = [
        .init(
            "GET", base, tag: "keys", "The admin keys, without what they open with", answer: .one("AdminKeys"),
            scope: .full
        ) { api, _ in list(api) },
        .init(
            "POST", base, tag: "keys", "Make an admin key; the reply is the only place that ever shows it",
            query: ["wait"], body: "AdminKeyDraft", answer: .one("NewAdminKey"), success: 201
        ) { try await create($0, $1) },
        .init(
            "DELETE", base + "/{id}", tag: "keys", "Revoke an admin key, at once", query: ["wait"], answer: .nothing,
            success: 204
        ) { try await revoke($0, $1) },
    ]

    static let schemas = #"""
        "AdminKeyDraft":{"type":"object","required":["name","scope"],"properties":{"name":{"type":"string",\#
        "minLength":1,"maxLength":255},"scope":{"type":"string","enum":["read_only","draft","full"],\#
        "description":"draft may also validate, dry-run and save drafts."},"expires_in_secs":{"type":"integer",\#
        "minimum":1,"maximum":315360000}}},
        "AdminKey":{"type":"object","required":["id","scope","source"],"properties":{"id":{"type":"string"},\#
        "name":{"type":["string","null"]},"scope":{"type":"string","enum":["read_only","draft","full"]},\#
        "source":{"type":"string","enum":["api","settings"]},"prefix":{"type":["string","null"]},\#
        "created_at":{"type":["string","null"],"format":"date-time"},"expires_at":{"type":["string","null"],\#
        "format":"date-time"},"last_used_at":{"type":["string","null"],"format":"date-time",\#
        "description":"To the minute."}}},
        "AdminKeys":{"type":"array","items":{"$ref":"#/components/schemas/AdminKey"}},
        "NewAdminKey":{"allOf":[{"$ref":"#/components/schemas/AdminKey"},{"type":"object","required":["key"],\#
        "properties":{"key":{"type":"string","description":"Shown this once."}}}]},
        """#

    private static let mostTries = 8

    private static func list(_ api: AdminAPI) -> AdminResponse {
        .data(headers: [("cache-control", "no-store")]) { buffer in
            buffer.append("[")
            for (place, principal) in api.keys.configured.enumerated() {
                if place > 0 { buffer.append(",") }
                AdminKeyDocument.write(principal, into: &buffer)
            }
            for (place, record) in api.keys.records.enumerated() {
                if place > 0 || !api.keys.configured.isEmpty { buffer.append(",") }
                AdminKeyDocument.write(record, secret: nil, into: &buffer)
            }
            buffer.append("]")
        }
    }

    private static func create(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let draft = try AdminKeyDraft(call.body)
        let secret = AdminKeySecret.make()
        let record = try await change(api) { snapshot, now throws(Problem) in
            try AdminKeyRules.checkAdding(draft.scope, to: snapshot.records, configured: api.keys.configured)
            let hash = secret.hash
            let record = AdminKeyRecord(
                id: hash.principal, name: draft.name, scope: draft.scope, prefix: secret.prefix, hash: hash.bytes,
                createdAt: now, expiresAt: draft.lifetime.map { now + $0 })
            return (AdminKeyChange(put: record, audit: [audit(call, "create", record, now)]), record)
        }
        return .data(201, headers: [("cache-control", "no-store")]) {
            AdminKeyDocument.write(record, secret: secret.text, into: &$0)
        }
    }

    private static func revoke(_ api: AdminAPI, _ call: AdminCall) async throws -> AdminResponse {
        let id = call.parameters[0]
        guard !api.keys.configured.contains(where: { $0.name == id }) else {
            throw Problem(
                .conflict, "The key `\(id)` comes from the settings: take it out of admin_auth and start again.")
        }
        _ = try await change(api) { snapshot, now throws(Problem) in
            guard let record = snapshot.records.first(where: { $0.id == id }) else {
                throw Problem(.notFound, "There is no admin key `\(id.prefix(64))`.")
            }
            try AdminKeyRules.checkRevoking(id, of: snapshot.records, configured: api.keys.configured, at: now)
            return (AdminKeyChange(removal: id, audit: [audit(call, "revoke", record, now)]), record)
        }
        return AdminResponse(status: 204, body: [])
    }

    /// Loads, decides, commits; whoever was overtaken decides anew. In effect when it returns.
    private static func change(
        _ api: AdminAPI,
        _ decide: (AdminKeySnapshot, Timestamp) throws(Problem) -> (AdminKeyChange, AdminKeyRecord)
    ) async throws -> AdminKeyRecord {
        for _ in 0..<mostTries {
            var snapshot = try await api.store.loadAdminKeys()
            let (change, record) = try decide(snapshot, api.clock.now())
            do throws(StorageFailure) {
                snapshot.generation = try await api.store.commit(change, expecting: snapshot.generation)
            } catch {
                guard error == .conflict else { throw error }
                continue
            }
            // Not read again: what was committed must count even if the database goes away now.
            snapshot.records.removeAll { $0.id == change.removal }
            if let put = change.put { snapshot.records.append(put) }
            api.keys.install(snapshot)
            return record
        }
        throw Problem(.conflict, "The admin keys are being changed by others; try again.", retryAfter: .seconds(1))
    }

    private static func audit(
        _ call: AdminCall, _ action: String, _ record: AdminKeyRecord, _ now: Timestamp
    ) -> AuditRecord {
        AuditEntry.make(call, action: action, "admin_key", record.id, at: now) { details in
            details.append(",\"key\":")
            AdminKeyDocument.write(record, secret: nil, into: &details)
        }
    }
}

/// What somebody asks for who asks for a key.
struct AdminKeyDraft: Sendable {
    let name: String
    let scope: AdminScope
    let lifetime: Duration?

    /// Ten years.
    private static let longestSeconds = 315_360_000

    init(_ body: JSONValue) throws(Problem) {
        guard body.isObject else { throw Problem(.validation, "The body must be an object.") }
        var reader = InputReader(body, at: "")
        reader.checkNames(["name", "scope", "expires_in_secs"])
        let name = reader.string("name", maxLength: 255) ?? ""
        if name.allSatisfy(\.isWhitespace) {
            reader.report(.init("name", .required, "Say whose key it is, such as `deploy-bot`."))
        }
        let text = reader.string("scope")
        let scope = text.flatMap(AdminScope.init(rawValue:))
        if scope == nil {
            reader.report(
                .init(
                    "scope", text == nil ? .required : .invalid, "Say what it may do.",
                    expected: AdminScope.allCases.map(\.rawValue).joined(separator: ", "), got: text))
        }
        let seconds = reader.integer("expires_in_secs", in: 1...Self.longestSeconds)
        guard let scope, reader.details.isEmpty else {
            throw Problem(.validation, "The key is not described well.", details: reader.details)
        }
        self.name = name
        self.scope = scope
        lifetime = seconds.map { .seconds($0) }
    }
}

/// What must not happen to keys: that nobody is left who may manage them.
enum AdminKeyRules {
    static let mostKeys = 256

    static func checkAdding(
        _ scope: AdminScope, to records: [AdminKeyRecord], configured: [AdminKeys.Principal]
    ) throws(Problem) {
        guard records.count < mostKeys else {
            throw Problem(.conflict, "There are \(mostKeys) admin keys already; revoke those nobody uses.")
        }
        guard scope == .full || !(records.isEmpty && configured.isEmpty) else {
            throw Problem(
                .validation, "The first key must be a full one: from then on a key is needed to make others.",
                details: [.init("scope", .invalid, "Make a full key first.", expected: "full", got: scope.rawValue)])
        }
    }

    /// The very last key may go: where others can reach the server, there is one in the settings.
    static func checkRevoking(
        _ id: String, of records: [AdminKeyRecord], configured: [AdminKeys.Principal], at now: Timestamp
    ) throws(Problem) {
        let left = records.filter { $0.id != id }
        let hasFull =
            configured.contains { $0.scope == .full }
            || left.contains { $0.scope == .full && $0.expiresAt.map { now < $0 } ?? true }
        guard hasFull || left.isEmpty && configured.isEmpty else {
            throw Problem(
                .conflict,
                "This is the last full key, and others would be left that nobody could manage. Revoke them "
                    + "first, or make another full key.")
        }
    }
}

/// How an admin key is shown.
enum AdminKeyDocument {
    static func write(_ principal: AdminKeys.Principal, into buffer: inout JSONByteBuffer) {
        buffer.append("{\"id\":")
        JSONWriter.write(principal.name, into: &buffer)
        buffer.append(",\"name\":null,\"scope\":")
        JSONWriter.write(principal.scope.rawValue, into: &buffer)
        buffer.append(",\"source\":\"settings\",\"prefix\":null,\"created_at\":null,\"expires_at\":null,")
        buffer.append("\"last_used_at\":null}")
    }

    /// - Parameter secret: the key itself, for the one who made it.
    static func write(_ record: AdminKeyRecord, secret: String?, into buffer: inout JSONByteBuffer) {
        buffer.append("{\"id\":")
        JSONWriter.write(record.id, into: &buffer)
        for (name, value) in [
            ("name", record.name), ("scope", record.scope.rawValue), ("source", "api"), ("prefix", record.prefix),
            ("created_at", record.createdAt.rfc3339), ("expires_at", record.expiresAt?.rfc3339),
            ("last_used_at", record.lastUsedAt?.rfc3339), ("key", secret),
        ] {
            guard value != nil || name != "key" else { continue }
            buffer.append(",")
            JSONWriter.write(name, into: &buffer)
            buffer.append(":")
            if let value { JSONWriter.write(value, into: &buffer) } else { buffer.append("null") }
        }
        buffer.append("}")
    }
}
