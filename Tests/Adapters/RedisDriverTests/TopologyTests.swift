import Seeds
import Testing

@testable import RedisDriver

@Suite struct TopologyTests {
    private static let here = RedisAddress(host: "10.0.0.1", port: 6379)

    // MARK: Slots

    /// From the specification, and from `CLUSTER KEYSLOT` of Redis 7.0.
    @Test func `keys fall into the slots that Redis says`() {
        #expect(KeySlot.of("123456789") == 12739)
        #expect(KeySlot.of("foo") == 12182 && KeySlot.of("") == 0)
        #expect(KeySlot.of("{user1000}.following") == KeySlot.of("{user1000}.followers"))
        #expect(KeySlot.of("foo{bar}{zap}") == KeySlot.of("bar"))
        #expect(KeySlot.of("foo{}{bar}") != KeySlot.of("bar"))
        #expect(KeySlot.of("foo{{bar}}zap") == KeySlot.of("{bar"))
    }

    @Test func `a command knows its slot, and whether its keys are of several`() {
        var one = RedisCommand(RedisScript("return 1"), keys: ["{a}1", "{a}2"])
        one.append("{b}")
        let several = RedisCommand(RedisScript("return 1"), keys: ["a", "b"])

        #expect(one.slot == KeySlot.of("a") && !one.spansSlots)
        #expect(several.spansSlots)
        #expect(RedisCommand("PING").slot == nil)
        #expect(RedisCommand("GET", key: "").slot == 0)
    }

    private static func range(_ from: Int, _ to: Int, _ host: RedisReply, _ port: Int) -> RedisReply {
        .array([.integer(Int64(from)), .integer(Int64(to)), .array([host, .integer(Int64(port)), .bytes([1])])])
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `a map has each slot where the reply has it`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var ranges: [RedisReply] = []
        var model: [Int: Int] = [:]
        var next = 0
        while next < KeySlot.count {
            let end = min(KeySlot.count - 1, next + .random(in: 0..<3000, using: &random))
            let port = 7000 + Int.random(in: 0..<5, using: &random)
            if !random.chance(oneIn: 4) {
                ranges.append(Self.range(next, end, .bytes(Array("n".utf8)), port))
                for slot in next...end { model[slot] = port }
            }
            next = end + 1
        }

        let table = try #require(SlotTable(.array(ranges.shuffled(using: &random)), from: Self.here))
        for slot in 0..<KeySlot.count { #expect(table.node(of: slot).map { table.nodes[$0].port } == model[slot]) }
        #expect(table.served == model.count)
        #expect(try #require(SlotTable(.array(ranges.shuffled(using: &random)), from: Self.here)) == table)
        var moved = table
        moved.move(7, to: Self.here)
        #expect(moved != table && moved.node(of: 7).map { moved.nodes[$0] } == Self.here)
        #expect(moved.node(of: 8).map { moved.nodes[$0].port } == model[8])
    }

    @Test func `a map that cannot be is none`() {
        let host = RedisReply.bytes(Array("n".utf8))
        for ranges: [RedisReply] in [
            [Self.range(0, 16384, host, 1)], [Self.range(-1, 5, host, 1)], [Self.range(5, 4, host, 1)],
            [Self.range(0, 5, host, 0)], [Self.range(0, 5, host, 1), Self.range(5, 6, host, 2)], [.null],
            [.array([.integer(0), .integer(1)])],
        ] { #expect(SlotTable(.array(ranges), from: Self.here) == nil, "\(ranges)") }
        #expect(SlotTable(.error(RedisError("ERR")), from: Self.here) == nil)
        // A node that does not know its own name is where it was asked.
        let nameless = SlotTable(.array([Self.range(0, 5, .null, 7000)]), from: Self.here)
        #expect(nameless?.nodes == [RedisAddress(host: "10.0.0.1", port: 7000)])
    }

    @Test func `redirections say where`() {
        func read(_ text: String) -> Redirection? { Redirection(RedisError(text), from: Self.here) }
        #expect(read("MOVED 3999 127.0.0.1:6381")?.address == RedisAddress(host: "127.0.0.1", port: 6381))
        #expect(read("MOVED 3999 ::1:6381")?.address == RedisAddress(host: "::1", port: 6381))
        #expect(read("MOVED 3999 :6381")?.address == RedisAddress(host: "10.0.0.1", port: 6381))
        #expect(read("ASK 5 h:1")?.isAsking == true && read("MOVED 5 h:1")?.isAsking == false)
        for text in ["MOVED", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h", "MOVED 1 h:0", "ERR 1 h:1"] {
            #expect(read(text) == nil, "\(text)")
        }
    }

    // MARK: Sentinels

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `no older election is ever followed while anybody knows better`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let sentinels = (1...3).map { RedisAddress(host: "s\($0)", port: 26379) }
        var book = SentinelBook(seeds: sentinels)
        // The world: masters by election; sentinel 0 always knows the newest, the others lag behind.
        var newest = 0
        var followed = -1
        for _ in 0..<100 {
            if random.chance(oneIn: 5) { newest += 1 }
            let place = Int.random(in: 0..<3, using: &random)
            if random.chance(oneIn: 6) {
                book.failed(sentinels[place])
                continue
            }
            let election = place == 0 ? newest : Int.random(in: 0...newest, using: &random)
            let master = RedisAddress(host: "m\(election)", port: 6379)
            switch book.heard(master, epoch: Int64(election), from: sentinels[place]) {
            case .follow(let address):
                #expect(address == master && election > followed, "seed \(seed)")
                followed = election
            case .confirmed: #expect(election >= followed && book.master == master)
            case .ignored: #expect(election < followed)
            }
            #expect(Set(book.sentinels) == Set(sentinels))
        }
        _ = book.heard(RedisAddress(host: "m\(newest)", port: 6379), epoch: Int64(newest), from: sentinels[0])
        #expect(book.master?.host == "m\(newest)")
    }

    @Test func `sentinels that began anew are believed when all of them say so`() {
        let sentinels = (1...3).map { RedisAddress(host: "s\($0)", port: 26379) }
        var book = SentinelBook(seeds: sentinels)
        let (old, new) = (RedisAddress(host: "old", port: 1), RedisAddress(host: "new", port: 1))

        #expect(book.heard(old, epoch: 9, from: sentinels[0]) == .follow(old))
        #expect(book.heard(new, epoch: 0, from: sentinels[0]) == .ignored)
        #expect(book.heard(new, epoch: 0, from: sentinels[1]) == .ignored)
        #expect(book.heard(new, epoch: 0, from: sentinels[2]) == .follow(new))
        #expect(book.sentinels.first == sentinels[2], "who knew is asked first")
        book.learned([RedisAddress(host: "s4", port: 1)])
        #expect(book.sentinels.count == 4)
    }
}
