/// Which master serves which slot of a cluster.
struct SlotTable: Sendable, Equatable {
    /// Masters; an index in `owners` is a place here.
    private(set) var nodes: [RedisAddress] = []
    private var owners: [UInt16]

    private static let nobody = UInt16.max
    /// The specification recommends at most about 1,000.
    static let mostNodes = 4096

    init() { owners = Array(repeating: Self.nobody, count: KeySlot.count) }

    /// - Parameters:
    ///   - reply: of `CLUSTER SLOTS`: `[from, to, [host, port, id, …], replicas…]` each.
    ///   - sender: who said it; a host that is not known there, or empty, is the same host.
    /// - Returns: nil where it is none, or claims a slot for two.
    init?(_ reply: RedisReply, from sender: RedisAddress) {
        self.init()
        guard let ranges = reply.array else { return nil }
        for range in ranges {
            guard let parts = range.array, parts.count >= 3, let from = parts[0].integer, let to = parts[1].integer,
                (0..<Int64(KeySlot.count)).contains(from), (from..<Int64(KeySlot.count)).contains(to),
                let master = parts[2].array, master.count >= 2, let port = master[1].integer,
                (1...65_535).contains(port)
            else { return nil }
            let name = master[0].text ?? ""
            guard nodes.count < Self.mostNodes else { return nil }
            let host = name.isEmpty || name == "?" ? sender.host : name.lowercased()
            let place = place(of: RedisAddress(host: host, port: Int(port)))
            for slot in Int(from)...Int(to) {
                guard owners[slot] == Self.nobody else { return nil }
                owners[slot] = UInt16(place)
            }
        }
    }

    /// - Returns: the place in ``nodes``; nil where nobody serves the slot.
    func node(of slot: Int) -> Int? { owners[slot] == Self.nobody ? nil : Int(owners[slot]) }

    /// A node says that a slot is elsewhere.
    mutating func move(_ slot: Int, to address: RedisAddress) {
        guard nodes.count < Self.mostNodes || nodes.contains(address) else { return }
        owners[slot] = UInt16(place(of: address))
    }

    private mutating func place(of address: RedisAddress) -> Int {
        if let known = nodes.firstIndex(of: address) { return known }
        nodes.append(address)
        return nodes.count - 1
    }

    var served: Int { owners.count { $0 != Self.nobody } }

    /// The same masters for the same slots, in whatever order they were learned.
    static func == (left: SlotTable, right: SlotTable) -> Bool {
        left.served == right.served
            && left.owners.indices.allSatisfy { slot in
                left.node(of: slot).map { left.nodes[$0] } == right.node(of: slot).map { right.nodes[$0] }
            }
    }
}
