import ArgumentParser
import JSONTree
import Remote

/// `weir cluster`: the instances on a server's database.
struct Cluster: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the instances on a server's database: who leads, what each serves, and its load.")

    @OptionGroup var options: ServerOptions

    func run() async throws {
        try await options.run { () async throws(ServerFailure) in
            let reply = try await options.connection.json("GET", "/api/v1/admin/cluster")
            let data = reply.value.member("data") ?? .null
            guard options.output == .table else { return Terminal.show(data) }
            Terminal.show(Self.table(data))
            if data.member("is_current")?.boolValue == false {
                Terminal.show("The database does not answer: this is what was known last. `unknown` may live or not.")
            }
        }
    }

    static func table(_ data: JSONValue) -> TextTable {
        var table = TextTable([
            "INSTANCE", "STATE", "ROLE", "VERSION", "GENERATION", "HEARTBEAT", "QUEUED", "WORKERS", "SERVES", "ADDRESS",
        ])
        let instances = data.member("instances") ?? .null
        for place in 0..<instances.count {
            let instance = instances[place]
            let load = instance.member("load") ?? .null
            func text(_ value: JSONValue?) -> String { Get.cell(value ?? .null) }
            table.add([
                text(instance.member("id")), text(instance.member("state")),
                instance.member("is_leader")?.boolValue == true ? "leader" : "-", text(instance.member("version")),
                text(instance.member("generation")),
                "\(text(instance.member("heartbeat_age_ms"))) ms ago", text(load.member("queued")),
                "\(text(load.member("workers_active")))/\(text(load.member("workers")))",
                serves(instance.member("serves") ?? .null), text(instance.member("address")),
            ])
        }
        return table
    }

    /// `orders.*,payments` or `all`, and what of them not.
    private static func serves(_ serves: JSONValue) -> String {
        func list(_ name: String) -> [String] {
            let names = serves.member(name) ?? .null
            return (0..<names.count).compactMap { names[$0].stringValue }
        }
        let included = list("include").isEmpty ? "all" : list("include").joined(separator: ",")
        return list("exclude").isEmpty ? included : "\(included) but \(list("exclude").joined(separator: ","))"
    }
}
