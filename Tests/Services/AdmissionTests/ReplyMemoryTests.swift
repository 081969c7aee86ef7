import Admission
import Seeds
import Synchronization
import Testing

@Suite struct ReplyMemoryTests {
    private func name(_ turn: ReplyMemory<Int>.Turn) -> String {
        switch turn {
        case .work: "work"
        case .underWay: "under way"
        case .done(let reply, let age): "done \(reply) \(age)"
        }
    }

    @Test func `one works, the others wait, and later ones are told what it came to`() {
        let memory = ReplyMemory<Int>()
        let told = Mutex<[Int?]>([])

        #expect(name(memory.take("k", at: 0, lease: 100).turn) == "work")
        let waiting = memory.take("k", at: 1, lease: 100) { reply in told.withLock { $0.append(reply) } }
        #expect(name(waiting.turn) == "under way" && waiting.waits)
        memory.settle("k", with: 7, bytes: 1, lifetime: 50, at: 2)

        #expect(told.withLock { $0 } == [7])
        #expect(name(memory.take("k", at: 10, lease: 100).turn) == "done 7 8")
        #expect(name(memory.take("other", at: 10, lease: 100).turn) == "work")
        #expect(name(memory.take("k", at: 52, lease: 100).turn) == "work")
    }

    @Test func `work that failed may be done again, at once`() {
        let memory = ReplyMemory<Int>()
        _ = memory.take("k", at: 0, lease: 100)

        memory.settle("k", with: nil, bytes: 0, lifetime: 50, at: 1)

        #expect(name(memory.take("k", at: 2, lease: 100).turn) == "work")
    }

    @Test func `work that nobody settled is given up after its lease`() {
        let memory = ReplyMemory<Int>()
        _ = memory.take("k", at: 0, lease: 100)

        #expect(name(memory.take("k", at: 99, lease: 100).turn) == "under way")
        #expect(name(memory.take("k", at: 100, lease: 100).turn) == "work")
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `bounds hold whatever is remembered, and work under way is never forgotten`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let memory = ReplyMemory<Int>(maxEntries: 20, maxBytes: 100)
        var working: Set<String> = []
        for step in 0..<300 {
            let key = "k\(Int.random(in: 0..<60, using: &random))"
            let now = UInt64(step)
            if working.count < 15, case .work = memory.take(key, at: now, lease: 10_000).turn {
                #expect(!working.contains(key), "seed \(seed)")
                working.insert(key)
            } else if let done = working.randomElement(using: &random) {
                let reply = Bool.random(using: &random) ? 1 : nil
                memory.settle(done, with: reply, bytes: Int.random(in: 1...30, using: &random), lifetime: 100, at: now)
                working.remove(done)
            }
            #expect(memory.count <= 20, "seed \(seed)")
        }
        for key in working { #expect(name(memory.take(key, at: 300, lease: 1).turn) == "under way", "seed \(seed)") }
    }
}
