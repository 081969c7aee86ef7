import HostLookup

/// Looks up the hosts of a URL and says which addresses to connect to. The connection goes to what was judged: a name that
/// leads elsewhere a moment later changes nothing.
struct HostJudgement {
    /// libpq's `host`, `hostaddr` and `port`: lists of the same length.
    private(set) var hosts: [String] = []
    private(set) var addresses: [String] = []
    private(set) var ports: [String] = []

    /// - Parameter options: what libpq found in the URL. May take as long as names take to be looked up.
    init(_ options: [String: String], admits: ([UInt8]) -> Bool) throws(PostgresFailure) {
        guard options["service"] == nil else {
            throw .refusedAddress("The URL names a service, whose file could lead anywhere.")
        }
        let names = Self.list(options["host"])
        let given = Self.list(options["hostaddr"])
        let places = Self.list(options["port"])
        let count = max(names.count, given.count, 1)
        for place in 0..<count {
            let name = place < names.count ? names[place] : ""
            let address = place < given.count ? given[place] : ""
            let port = places.count == 1 ? places[0] : place < places.count ? places[place] : ""
            if address.isEmpty, name.isEmpty || name.hasPrefix("/") || name.hasPrefix("@") {
                guard admits([]) else {
                    throw .refusedAddress("A Unix socket is reached from this machine only, as a private address is.")
                }
                append(name, "", port)
                continue
            }
            let found = HostAddresses.look(up: address.isEmpty ? name : address)
            guard !found.isEmpty else { throw .lost("There is no host `\(name.isEmpty ? address : name)`.") }
            guard found.allSatisfy({ admits($0.bytes) }) else {
                throw .refusedAddress("`\(name.isEmpty ? address : name)` leads to a private address.")
            }
            for each in found { append(name, each.text, port) }
        }
    }

    private mutating func append(_ host: String, _ address: String, _ port: String) {
        hosts.append(host)
        addresses.append(address)
        ports.append(port)
    }

    private static func list(_ text: String?) -> [String] {
        guard let text, !text.isEmpty else { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}
