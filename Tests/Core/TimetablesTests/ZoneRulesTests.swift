import Foundation
import Seeds
import Testing
import Timetables

@Suite struct ZoneRulesTests {
    /// Foundation has zones of its own, of another edition than the system's: what is long past is the same in both.
    @Test(arguments: zoneNames)
    func `offsets are those of another reader, from 1990 to 2023`(name: String) throws {
        let rules = try zoneRules(name)
        let other = try #require(TimeZone(identifier: name))
        var random = SeededRandom(seed: 7)
        for _ in 0..<4000 {
            let second = Int64.random(in: 631_152_000..<1_704_067_200, using: &random)
            let span = rules.span(at: second)

            #expect(
                span.offset == Int64(other.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second)))),
                "\(name) at \(second)")
            #expect(span.end > second)
        }
    }

    @Test(arguments: zoneNames)
    func `a span has one offset to its last second`(name: String) throws {
        let rules = try zoneRules(name)
        var second: Int64 = 0
        // Far beyond the table, where the rule at the end of the file holds.
        while second < 7_000_000_000 {
            let span = rules.span(at: second)
            guard span.end < .max else { break }
            let last = rules.span(at: span.end - 1)
            #expect(last.offset == span.offset && last.end == span.end, "\(name) at \(second)")
            second = span.end
        }
    }

    @Test func `the rule at the end of a file holds for centuries`() throws {
        let berlin = try zoneRules("Europe/Berlin")

        // 2500-07-01 and 2500-12-01, 12:00 UTC.
        #expect(berlin.span(at: 16_740_907_200).offset == 7200)
        #expect(berlin.span(at: 16_754_126_400).offset == 3600)
    }

    @Test func `what is no zone file, or half of one, is refused`() throws {
        let folder = ProcessInfo.processInfo.environment["TZDIR"] ?? "/usr/share/zoneinfo"
        let good = Array(try #require(FileManager.default.contents(atPath: "\(folder)/Europe/Berlin")))
        #expect(throws: ZoneRules.Malformed.self) { try ZoneRules(name: "x", tzif: Array("hello".utf8)) }
        for length in stride(from: 0, to: good.count - 1, by: 7) {
            #expect(throws: ZoneRules.Malformed.self) { try ZoneRules(name: "x", tzif: Array(good[..<length])) }
        }
        // Damage is refused or read as something; it never ends the process.
        var random = SeededRandom(seed: 3)
        for _ in 0..<5000 {
            var bytes = good
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            let rules = try? ZoneRules(name: "x", tzif: bytes)
            _ = rules?.span(at: Int64.random(in: -5_000_000_000..<5_000_000_000, using: &random))
        }
    }
}
