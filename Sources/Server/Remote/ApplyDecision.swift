package import Definitions
import JSONTree
package import Storage

/// A version of a definition, as the server shows it.
package struct RemoteVersion: Sendable {
    package var version: Int
    package var status: DefinitionStatus
    package var content: DefinitionContent

    package init(version: Int, status: DefinitionStatus, content: DefinitionContent) {
        self.version = version
        self.status = status
        self.content = content
    }

    /// Nil where the document is not one of a version.
    init?(_ document: JSONValue, kind: DefinitionKind) {
        guard let version = document.member("version")?.intValue,
            let status = document.member("status")?.stringValue.flatMap(DefinitionStatus.init(rawValue:))
        else { return nil }
        self.init(version: Int(version), status: status, content: DefinitionContent(document, kind: kind))
    }
}

/// What has to be done so that a definition is live as its file says.
package enum ApplyDecision: Sendable, Equatable {
    case unchanged(version: Int)
    case create
    /// New content goes into the draft, or into a new version, and that goes live.
    case update
    /// The draft has this content already: it goes live.
    case activate
    /// The latest version has this content and was taken out of service: it comes back.
    case restore(version: Int)
    /// Live, and in no file: deleted, when that was asked for.
    case delete

    package static func decide(_ wanted: DefinitionContent, versions: [RemoteVersion]) -> ApplyDecision {
        guard let latest = versions.max(by: { $0.version < $1.version }) else { return .create }
        let active = versions.filter { $0.status == .active }.max { $0.version < $1.version }
        if let active, active.content.hash == wanted.hash { return .unchanged(version: active.version) }
        guard latest.content.hash == wanted.hash else { return .update }
        return latest.status == .draft ? .activate : .restore(version: latest.version)
    }

    package var name: String {
        switch self {
        case .unchanged: "unchanged"
        case .create: "created"
        case .update: "updated"
        case .activate: "activated"
        case .restore: "restored"
        case .delete: "deleted"
        }
    }

    package var changesAnything: Bool { if case .unchanged = self { false } else { true } }
}
