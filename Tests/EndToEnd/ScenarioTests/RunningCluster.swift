import Foundation
import RealServices

/// Several real instances on one PostgreSQL database of their own.
final class RunningCluster {
    typealias Row = [String: Any]

    let storageURL: String
    private(set) var instances: [RunningWeir] = []

    static let settings = ["storage.connector_encryption_key=\(String(repeating: "5a", count: 32))"]

    /// - Parameters:
    ///   - settings: of all of them; `each` adds to one by its place.
    ///   - storageURL: another database than a new one on the server that all tests share.
    init(
        _ count: Int = 3, _ settings: [String] = [], each: (Int) -> [String] = { _ in [] }, storageURL: String? = nil
    ) throws {
        self.storageURL = try storageURL ?? RealPostgres.shared().makeDatabase()
        for place in 0..<count { try add(settings + each(place)) }
    }

    @discardableResult
    func add(
        _ settings: [String] = [], environment: [String: String] = [:], wrapper: [String] = []
    ) throws -> RunningWeir {
        let weir = try RunningWeir(
            Self.settings + settings, storageURL: storageURL, environment: environment, wrapper: wrapper)
        instances.append(weir)
        return weir
    }

    subscript(_ place: Int) -> RunningWeir { instances[place] }

    func client(_ place: Int) -> Client { Client(instances[place].port) }

    /// The cluster as an instance sees it.
    func view(_ place: Int) throws -> Row { try client(place).call("GET", "\(Client.admin)/cluster").data }

    static func live(_ view: Row) -> [Row] {
        (view["instances"] as? [Row] ?? []).filter { $0["state"] as? String == "live" }
    }

    /// Its name in the cluster.
    func id(_ place: Int) throws -> String {
        guard let id = try view(place)["this_instance"] as? String else { throw RunningWeir.Failure("no id") }
        return id
    }

    /// The place of the instance that leads, as another sees it.
    func leader(seenBy place: Int, among places: [Int]? = nil) throws -> Int? {
        guard let leader = try view(place)["leader"] as? String else { return nil }
        return try (places ?? Array(instances.indices)).first { try id($0) == leader }
    }

    /// Asks until it holds.
    static func wait(
        _ what: String, seconds: Double = 30, until holds: () throws -> Bool
    ) throws {
        let deadline = Date.now.addingTimeInterval(seconds)
        while try !holds() {
            guard Date.now < deadline else { throw RunningWeir.Failure("not in \(seconds) s: \(what)") }
            usleep(10_000)
        }
    }

    /// Waits until everybody sees as many live ones, one of whom leads.
    func settle(_ count: Int? = nil) throws {
        try Self.wait("all see each other, and a leader") {
            try instances.indices.allSatisfy { place in
                let view = try view(place)
                return Self.live(view).count == count ?? instances.count && view["leader"] is String
            }
        }
    }
}
