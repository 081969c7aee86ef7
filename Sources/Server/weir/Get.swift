import ArgumentParser
import JSONTree
import Remote

/// `weir get`: lists what a server has, or shows one thing whole.
struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List workflows, channels and more, or show one.",
        discussion:
            "weir get workflows; weir get channel orders; weir get functions; weir get engine; weir get cluster; weir get audit-logs"
    )

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case workflows, workflow, channels, channel, connectors, connector, functions, engine, cluster
        case auditLogs = "audit-logs"

        fileprivate var path: String {
            switch self {
            case .workflows, .workflow: "workflows"
            case .channels, .channel: "channels"
            case .connectors, .connector: "connectors"
            case .functions: "functions"
            case .engine: "engine/status"
            case .cluster: "cluster"
            case .auditLogs: "audit-logs"
            }
        }

        /// Headings, and the members of an element they stand for.
        fileprivate var columns: [(heading: String, member: String)] {
            switch self {
            case .workflows, .workflow:
                [
                    ("ID", "workflow_id"), ("NAME", "name"), ("VERSION", "version"), ("STATUS", "status"),
                    ("ROLLOUT", "rollout_percentage"), ("UPDATED", "updated_at"),
                ]
            case .channels, .channel:
                [
                    ("ID", "channel_id"), ("NAME", "name"), ("VERSION", "version"), ("STATUS", "status"),
                    ("TYPE", "channel_type"), ("ROUTE", "route_pattern"), ("WORKFLOW", "workflow_id"),
                    ("UPDATED", "updated_at"),
                ]
            case .connectors, .connector:
                [
                    ("ID", "id"), ("NAME", "name"), ("TYPE", "connector_type"), ("ENABLED", "enabled"),
                    ("STATUS", "load_status"), ("UPDATED", "updated_at"),
                ]
            case .functions: [("NAME", "name"), ("CATEGORY", "category"), ("DESCRIPTION", "description")]
            case .engine, .cluster: []
            case .auditLogs:
                [
                    ("TIME", "created_at"), ("PRINCIPAL", "principal"), ("ACTION", "action"), ("TYPE", "resource_type"),
                    ("ID", "resource_id"),
                ]
            }
        }
    }

    @OptionGroup var options: ServerOptions
    @Argument(help: "workflows, channels, connectors, functions, engine, cluster or audit-logs.") var kind: Kind
    @Argument(help: "Show this one, whole.") var id: String?
    @Option(help: "Only those that are draft, active or archived.") var status: String?
    @Option(help: "Only those with this tag.") var tag: String?
    @Option(help: "At most this many.") var limit = 50

    func run() async throws {
        try await options.run { () async throws(ServerFailure) in
            var path = "/api/v1/admin/\(kind.path)"
            if let id {
                path += "/\(ServerConnection.segment(id))"
            } else if kind != .engine, kind != .functions, kind != .cluster {
                path += ServerConnection.query([("limit", String(limit)), ("status", status), ("tag", tag)])
            }
            let reply = try await options.connection.json("GET", path)
            let data = reply.value.member("data") ?? .null
            guard options.output == .table, id == nil, data.isArray else {
                Terminal.show(data)
                return
            }
            Terminal.show(Self.table(data, kind.columns))
        }
    }

    static func table(_ list: JSONValue, _ columns: [(heading: String, member: String)]) -> TextTable {
        var table = TextTable(columns.map(\.heading))
        for place in 0..<list.count {
            table.add(columns.map { Self.cell(list[place].member($0.member) ?? .null) })
        }
        return table
    }

    static func cell(_ value: JSONValue) -> String {
        value.stringValue ?? (value.isNull ? "-" : JSONWriter.string(value))
    }
}
