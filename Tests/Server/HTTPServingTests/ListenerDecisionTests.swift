import NIOCore
import Seeds
import Testing
import Vocabulary

@testable import HTTPServing

@Suite struct ListenerDecisionTests {
    @Test func `a change is read once, when it has settled`() {
        var decision = ReloadDecision(loaded: 1)

        #expect(!decision.reads(1) && !decision.reads(2) && !decision.reads(3))
        #expect(decision.reads(3) && !decision.reads(3))
        #expect(!decision.reads(1) && decision.reads(1))
    }

    @Test func `who asks is heard at once, and what was tried is not tried again`() {
        var decision = ReloadDecision(loaded: 1)

        #expect(decision.reads(2, isAsked: true) && !decision.reads(2) && decision.reads(2, isAsked: true))
    }

    /// Whatever the states were, once one stays it is read, and no state is read twice in a row.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `in the end what is there is what was read`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var decision = ReloadDecision(loaded: 0)
        var read = [0]
        for _ in 0..<50 {
            let stamp = Int.random(in: 0..<3, using: &random)
            if decision.reads(stamp) { read.append(stamp) }
        }
        for _ in 0..<2 where decision.reads(7) { read.append(7) }

        #expect(read.last == 7)
        #expect(zip(read, read.dropFirst()).allSatisfy { $0 != $1 })
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `connections are counted in all and of each, and every place is given back`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let counts = ConnectionCounts(most: 12, mostOfClient: 4) { $0 == "proxy" }
        let clients = ["a", "b", "c", "proxy"]
        var open: [String] = []
        for _ in 0..<200 {
            if random.chance(oneIn: 2), let client = open.randomElement(using: &random) {
                counts.leave(client)
                open.remove(at: open.firstIndex(of: client) ?? 0)
                continue
            }
            let client = clients[Int.random(in: 0..<4, using: &random)]
            let own = open.count { $0 == client }
            let expected: ConnectionCounts.Verdict =
                open.count >= 12 ? .full : client != "proxy" && own >= 4 ? .clientFull : .admitted
            #expect(counts.enter(client) == expected)
            if expected == .admitted { open.append(client) }
            #expect(counts.total == open.count)
        }
        for client in open { counts.leave(client) }

        #expect(counts.total == 0)
        for client in clients { #expect(counts.enter(client) == .admitted) }
    }

    @Test func `security headers are there, and the promise of TLS under TLS alone`() {
        var limits = HTTPServerLimits()
        func names(_ isSecure: Bool) -> [String] { FixedHeaders(limits, isSecure: isSecure).pairs.map(\.name) }

        #expect(names(false).count == 5 && names(true) == names(false) + ["strict-transport-security"])
        #expect(
            String(buffer: FixedHeaders(limits, isSecure: true).block).hasSuffix(
                "strict-transport-security: max-age=63072000; includeSubDomains\r\n"))
        limits.strictTransportSeconds = 0
        #expect(names(true).count == 5)
        limits.sendsSecurityHeaders = false
        #expect(names(true).isEmpty && FixedHeaders(limits, isSecure: true).block.readableBytes == 0)
    }
}
