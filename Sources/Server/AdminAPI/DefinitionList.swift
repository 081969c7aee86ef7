import JSONTree
import Storage

/// Filters and orders for lists of definitions.
struct DefinitionList {
    private let entries: [(record: DefinitionRecord, body: OwnedJSON?)]

    init(_ records: [DefinitionRecord]) {
        entries = records.map { ($0, try? OwnedJSON(parsing: $0.body)) }  // unreadable bodies match no filter
    }

    private init(entries: [(record: DefinitionRecord, body: OwnedJSON?)]) { self.entries = entries }

    func filtered(by query: [String: String]) -> DefinitionList {
        DefinitionList(
            entries: entries.filter { record, body in
                if let status = query["status"], record.status.rawValue != status { return false }
                for name in ["channel_type", "protocol"] {
                    if let wanted = query[name], body?.value.member(name)?.stringValue != wanted { return false }
                }
                guard let tag = query["tag"] else { return true }
                let tags = body?.value.member("tags") ?? .null
                return (0..<tags.count).contains { tags.isArray && tags[$0].stringValue == tag }
            })
    }

    func sorted(by field: String?, ascending: Bool) -> [DefinitionRecord] {
        func key(_ entry: (record: DefinitionRecord, body: OwnedJSON?)) -> (Int64, String) {
            switch field {
            case "name": return (0, entry.body?.value.member("name")?.stringValue ?? "")
            case "status": return (0, entry.record.status.rawValue)
            case "channel_type", "protocol": return (0, entry.body?.value.member(field ?? "")?.stringValue ?? "")
            case "created_at": return (entry.record.createdAt.microseconds, "")
            case "updated_at": return (entry.record.updatedAt.microseconds, "")
            default: return (entry.body?.value.member("priority")?.intValue ?? 0, "")
            }
        }
        return entries.sorted { left, right in
            let one = key(left)
            let other = key(right)
            if one != other { return ascending ? one < other : other < one }
            return left.record.id < right.record.id
        }.map(\.record)
    }
}
