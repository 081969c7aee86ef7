import Definitions
import JSONTree
package import Storage

/// Brings a server to what files say, step by step, and says what it does.
package struct Applying: Sendable {
    private let server: ServerConnection

    package init(server: ServerConnection) { self.server = server }

    package struct Step: Sendable {
        package var kind: DefinitionKind
        package var id: String
        package var decision: ApplyDecision
        /// Lines of the difference between what is live and what shall be.
        package var difference: [String]
        var local: LocalDefinition?
    }

    /// What there is to do, in the order in which it can be done. Every definition is checked by the server first, so
    /// that nothing is half applied because of a slip in the last file.
    package func plan(_ files: [LocalDefinition], prunes: Bool) async throws(ServerFailure) -> [Step] {
        for file in files { try await check(file) }
        var steps: [Step] = []
        for file in files {
            let (decision, live) =
                file.kind == .connector ? try await connectorDecision(file) : try await decision(file)
            let difference =
                decision.changesAnything ? LineDifference.lines(from: Self.lines(live), to: Self.lines(file.shown)) : []
            steps.append(
                Step(kind: file.kind, id: file.id, decision: decision, difference: difference, local: file))
        }
        guard prunes else { return steps }
        for kind in [DefinitionKind.channel, .workflow, .connector] {
            for (id, name) in try await identifiers(kind)
            where !files.contains(where: { $0.kind == kind && ($0.id == id || $0.id == name) }) {
                steps.append(Step(kind: kind, id: id, decision: .delete, difference: []))
            }
        }
        return steps
    }

    private func decision(
        _ file: LocalDefinition
    ) async throws(ServerFailure) -> (ApplyDecision, DefinitionContent?) {
        let versions = try await versions(file.kind, file.id)
        let live = versions.last { $0.status == .active }
        let decision = ApplyDecision.decide(file.content, versions: versions)
        // What the server shows has its secrets masked; only the server can tell whether they are the same.
        if let live, decision == .update, file.shown.hash == live.content.hash,
            try await importOutcome(file, isDryRun: true) == "unchanged"
        {
            return (.unchanged(version: live.version), live.content)
        }
        return (decision, live?.content)
    }

    private func connectorDecision(
        _ file: LocalDefinition
    ) async throws(ServerFailure) -> (ApplyDecision, DefinitionContent?) {
        let page = try await server.json("GET", "/api/v1/admin/connectors/export")
        let list = page.value.member("data") ?? .null
        let live =
            list.isArray
            ? (0..<list.count).first {
                [list[$0].member("id")?.stringValue, list[$0].member("name")?.stringValue].contains(file.id)
            } : nil
        let content = live.map { DefinitionContent(list[$0], kind: .connector) }
        switch try await importOutcome(file, isDryRun: true) {
        case "created": return (.create, content)
        case "unchanged": return (.unchanged(version: 1), content)
        default: return (.update, content)
        }
    }

    /// What importing this one does, or would do.
    private func importOutcome(_ file: LocalDefinition, isDryRun: Bool) async throws(ServerFailure) -> String {
        let reply = try await server.json(
            "POST",
            "/api/v1/admin/\(file.kind.rawValue)s/import?on_conflict=new_version" + (isDryRun ? "&dry_run=true" : ""),
            body: Array("[".utf8) + file.bytes + Array("]".utf8))
        try Self.checkImport(reply.value)
        let results = reply.value.member("data")?.member("results") ?? .null
        return results.isArray && results.count > 0 ? results[0].member("action")?.stringValue ?? "" : ""
    }

    /// Does one step and returns the version that is live afterwards; nil where none is.
    package func perform(_ step: Step) async throws(ServerFailure) -> Int? {
        let path = "/api/v1/admin/\(step.kind.rawValue)s/\(ServerConnection.segment(step.id))"
        switch step.decision {
        case .unchanged(let version): return version
        case .create, .update:
            if let local = step.local { _ = try await importOutcome(local, isDryRun: false) }
            return step.kind == .connector ? nil : try await activate(path)
        case .activate: return try await activate(path)
        case .restore(let version):
            let reply = try await server.json(
                "POST", path + "/rollback", body: Array("{\"version\":\(version)}".utf8))
            return reply.value.member("data")?.member("version")?.intValue.map { Int($0) }
        case .delete:
            _ = try await server.json("DELETE", path)
            return nil
        }
    }

    private func activate(_ path: String) async throws(ServerFailure) -> Int? {
        let reply = try await server.json("PATCH", path + "/status", body: Array("{\"status\":\"active\"}".utf8))
        return reply.value.member("data")?.member("version")?.intValue.map { Int($0) }
    }

    private static func checkImport(_ reply: JSONValue) throws(ServerFailure) {
        guard let data = reply.member("data"), data.member("failed")?.intValue != 0 else { return }
        let error = data.member("errors").flatMap { $0.isArray && $0.count > 0 ? $0[0] : nil }
        let message = error?.member("error")?.stringValue ?? error?.member("message")?.stringValue
        throw .refused(
            status: 400, message: message ?? "The definition was refused.", body: JSONWriter.bytes(reply))
    }

    private func check(_ file: LocalDefinition) async throws(ServerFailure) {
        let verdict = try await server.json(
            "POST", "/api/v1/admin/\(file.kind.rawValue)s/validate", body: file.bytes)
        guard let errors = verdict.value.member("data")?.member("errors"), errors.isArray, errors.count > 0 else {
            return
        }
        let reasons = (0..<errors.count).map { place in
            "\n  \(errors[place].member("path")?.stringValue ?? ""): \(errors[place].member("message")?.stringValue ?? "")"
        }
        throw .input("\(file.file) is not valid; nothing was applied." + reasons.joined())
    }

    private func versions(_ kind: DefinitionKind, _ id: String) async throws(ServerFailure) -> [RemoteVersion] {
        let path = "/api/v1/admin/\(kind.rawValue)s/\(ServerConnection.segment(id))/versions?limit=1000"
        let reply: OwnedJSON
        do throws(ServerFailure) { reply = try await server.json("GET", path) } catch {
            if case .refused(404, _, _) = error { return [] }
            throw error
        }
        guard let list = reply.value.member("data"), list.isArray else { return [] }
        return (0..<list.count).compactMap { RemoteVersion(list[$0], kind: kind) }.sorted { $0.version < $1.version }
    }

    /// The name only where a file may use it instead of the id.
    private func identifiers(
        _ kind: DefinitionKind
    ) async throws(ServerFailure) -> [(id: String, name: String?)] {
        let field = kind == .connector ? "id" : "\(kind.rawValue)_id"
        var found: [(id: String, name: String?)] = []
        while true {
            let page = try await server.json(
                "GET",
                "/api/v1/admin/\(kind.rawValue)s?limit=1000&offset=\(found.count)&sort_by=created_at&sort_order=asc")
            guard let list = page.value.member("data"), list.isArray, list.count > 0 else { return found }
            for place in 0..<list.count {
                guard let id = list[place].member(field)?.stringValue else { continue }
                found.append((id, kind == .connector ? list[place].member("name")?.stringValue : nil))
            }
            guard list.count == 1000 else { return found }
        }
    }

    private static func lines(_ content: DefinitionContent?) -> [String] {
        guard let content, let json = try? OwnedJSON(parsing: content.body) else { return [] }  // our own writing
        return JSONWriter.string(json.value, pretty: true).split(separator: "\n").map(String.init)
    }
}
