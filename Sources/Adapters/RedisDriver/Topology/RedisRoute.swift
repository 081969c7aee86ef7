/// Which server a command goes to, as it is known now. What is learned is a new value.
enum RedisRoute: Sendable, Equatable {
    /// Nothing is known yet, or not any more.
    case unknown
    case one(RedisAddress)
    case slots(SlotTable)

    var addresses: Set<RedisAddress> {
        switch self {
        case .unknown: []
        case .one(let address): [address]
        case .slots(let table): Set(table.nodes)
        }
    }
}
