/// A table as it is copied from one database to another: its columns in order, and what its rows are told apart by.
package struct TableShape: Sendable, Equatable {
    package struct Column: Sendable, Equatable {
        package var name: String
        package var type: StoreType

        init(_ name: String, _ type: StoreType) {
            self.name = name
            self.type = type
        }
    }

    package var name: String
    package var columns: [Column]
    package var key: [String]

    /// Everything an installation consists of. Tables of the moment, such as who is alive, are left out.
    package static let all: [TableShape] = [
        TableShape("numbers", key: ["name"], texts: ["name"], order: ["name", "value"]),
        TableShape(
            "definitions", key: ["kind", "id", "version"], texts: ["kind", "id", "status", "content_hash"],
            bytes: ["body"], order: RecordTexts.definitionColumns),
        TableShape(
            "admin_keys", key: ["id"], texts: ["id", "name", "scope", "prefix"], bytes: ["hash"],
            order: RecordTexts.keyColumns),
        TableShape(
            "audit", key: ["id"], texts: ["principal", "action", "resource_type", "resource_id"], bytes: ["details"],
            uuids: ["id"], order: RecordTexts.auditColumns),
        TableShape(
            "schedule_cursors", key: ["channel_id"], texts: ["channel_id"], order: ["channel_id", "through"]),
        TableShape(
            "occurrences", key: ["id"], texts: ["channel_id", "channel", "singleton_key", "error", "owner"],
            bools: ["is_manual"], uuids: ["id"], order: OccurrenceTexts.columns),
        TableShape(
            "traces", key: ["id"], texts: ["channel_id", "channel", "error", "owner", "traceparent"],
            bytes: ["input", "result", "steps", "token_hash"], bools: ["is_dead"], uuids: ["id"],
            order: TraceTexts.columns),
    ]

    /// Tables of the program that hold nothing that has to be copied.
    package static let passing: Set<String> = ["schema_migrations", "schema_versions", "instances", "leadership"]

    /// What is in no list is an integer, which is the one that may be null.
    private init(
        _ name: String, key: [String], texts: Set<String> = [], bytes: Set<String> = [], bools: Set<String> = [],
        uuids: Set<String> = [], order: [String]
    ) {
        self.name = name
        self.key = key
        columns = order.map {
            Column($0, Self.type(of: $0, [.text: texts, .bytes: bytes, .bool: bools, .uuid: uuids]))
        }
    }

    private static func type(of column: String, _ lists: [StoreType: Set<String>]) -> StoreType {
        lists.first { $0.value.contains(column) }?.key ?? .integer
    }

    func values(_ row: some StoreRow) -> [StoreValue] {
        columns.enumerated().map { place, column in
            switch column.type {
            case .integer: .integer(row.optionalInteger(place))
            case .real, .text: .text(row.text(place))
            case .bool: .bool(row.bool(place))
            case .bytes: .bytes(row.bytes(place))
            case .uuid: .uuid(row.uuid(place))
            }
        }
    }
}
