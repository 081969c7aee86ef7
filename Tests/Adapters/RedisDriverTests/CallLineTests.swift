import Seeds
import Testing

@testable import RedisDriver

/// What is true of every line of callers, over random histories beside a plain model.
@Suite struct CallLineTests {
    private struct Asked {
        var number: Int
        var deadline: UInt64
        var isWaiting = true
    }

    @Test(arguments: 0..<500 as Range<UInt64>)
    func `an answer goes to who asked, and each is let go once`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let line = CallLine<Int>()
        var model: [Asked] = []
        var letGo: [Int: Int] = [:]
        var now: UInt64 = 0
        var asked = 0

        for _ in 0..<200 {
            now += .random(in: 0..<20, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                let deadline = now + .random(in: 1..<60, using: &random)
                line.append(asked, deadline: deadline, bytes: asked % 7)
                model.append(Asked(number: asked, deadline: deadline))
                asked += 1
            case 2:
                line.appendNobody(deadline: now + 5, bytes: 7)
                model.append(Asked(number: -7, deadline: now + 5, isWaiting: false))
            case 3:
                guard !model.isEmpty else { continue }
                let first = model.removeFirst()
                let taken = line.take()
                #expect(taken == (first.isWaiting ? first.number : nil), "seed \(seed)")
                if let taken { letGo[taken, default: 0] += 1 }
            default:
                let expired = line.expire(at: now, keepingPlaces: true)
                let expected = model.filter { $0.isWaiting && $0.deadline <= now }.map(\.number)
                #expect(expired == expected, "seed \(seed)")
                for number in expired { letGo[number, default: 0] += 1 }
                for place in model.indices where model[place].deadline <= now { model[place].isWaiting = false }
            }
            #expect(line.count == model.count)
            #expect(line.bytes == model.reduce(0) { $0 + ($1.number < 0 ? 7 : $1.number % 7) })
            #expect(line.nextDeadline == model.filter(\.isWaiting).map(\.deadline).min() ?? .max)
        }
        for number in line.removeAll() { letGo[number, default: 0] += 1 }

        #expect(letGo.count == asked && letGo.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(line.isEmpty && line.bytes == 0)
    }

    @Test func `places are given back where no answer will come`() {
        let line = CallLine<Int>()
        for number in 0..<12 {
            line.append(number, deadline: 5, bytes: 1)
            #expect(line.take() == number)
        }
        for number in 0..<10 { line.append(number, deadline: number < 5 ? 10 : 20, bytes: 100) }

        #expect(line.expire(at: 10, keepingPlaces: false) == [0, 1, 2, 3, 4])
        #expect(line.count == 5 && line.bytes == 500)
        #expect(line.take() == 5)
    }

    @Test func `whoever is left is let go of with the line`() {
        final class Waiter {}
        weak var taken: Waiter?
        weak var late: Waiter?
        weak var left: Waiter?
        do {
            let line = CallLine<Waiter>()
            for number in 0..<100 {
                let waiter = Waiter()
                line.append(waiter, deadline: number == 30 ? 10 : 20, bytes: 1)
                if number == 0 { taken = waiter }
                if number == 30 { late = waiter }
                if number == 99 { left = waiter }
            }
            #expect(taken != nil && late != nil && left != nil)
            _ = line.take()
            _ = line.expire(at: 10, keepingPlaces: true)
            #expect(taken == nil && late == nil && left != nil && line.count == 99)
            withExtendedLifetime(line) {}
        }
        #expect(left == nil)
    }
}
