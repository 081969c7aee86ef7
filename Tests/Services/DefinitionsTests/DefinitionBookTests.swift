import Definitions
import JSONTree
import Seeds
import Storage
import Testing
import Vocabulary

@Suite struct DefinitionBookTests {
    private let now = Timestamp(microseconds: 1)

    private func content(_ name: String, kind: DefinitionKind = .workflow) throws -> DefinitionContent {
        let json = try OwnedJSON(parsing: Array(#"{"name":"\#(name)"}"#.utf8))
        return json.read { DefinitionContent($0, kind: kind) }
    }

    /// The book after a change, as a store would have it.
    private func after(_ change: DefinitionChange, _ book: DefinitionBook) -> DefinitionBook {
        var records = book.snapshot.records.filter { record in
            !change.removals.contains { $0.kind == record.kind && $0.id == record.id }
                && !change.puts.contains { ($0.kind, $0.id, $0.version) == (record.kind, record.id, record.version) }
        }
        records += change.puts
        records.sort { ($0.kind.rawValue, $0.id, $0.version) < ($1.kind.rawValue, $1.id, $1.version) }
        return DefinitionBook(DefinitionSnapshot(generation: book.snapshot.generation + 1, records: records))
    }

    private let empty = DefinitionBook(DefinitionSnapshot(generation: 0, records: []))

    private func problem(_ work: () throws -> DefinitionChange) -> Problem.Code? {
        do {
            _ = try work()
            return nil
        } catch { return (error as? Problem)?.code }
    }

    @Test func `nothing can be done to what is not there`() throws {
        let content = try content("a")

        #expect(problem { try empty.edit(.workflow, id: "a", content: content, at: now) } == .notFound)
        #expect(problem { try empty.newVersion(.workflow, id: "a", at: now) } == .notFound)
        #expect(problem { try empty.activate(.workflow, id: "a", percentage: 100, at: now) } == .notFound)
        #expect(problem { try empty.archive(.workflow, id: "a", at: now) } == .notFound)
        #expect(problem { try empty.delete(.workflow, id: "a") } == .notFound)
        #expect(problem { try empty.rollOut(id: "a", percentage: 50, at: now) } == .notFound)
        #expect(problem { try empty.rollBack(.workflow, id: "a", to: 1, at: now) } == .notFound)
    }

    @Test func `an id is created once, and what is active is not edited`() throws {
        var book = after(try empty.create(.workflow, id: "a", content: content("a"), at: now), empty)
        let content = try content("b")

        #expect(problem { try book.create(.workflow, id: "a", content: content, at: now) } == .conflict)
        book = after(try book.activate(.workflow, id: "a", percentage: 100, at: now), book)
        #expect(problem { try book.edit(.workflow, id: "a", content: content, at: now) } == .validation)
        #expect(problem { try book.activate(.workflow, id: "a", percentage: 100, at: now) } == .validation)
    }

    @Test func `no two channels share a name, not even drafts`() throws {
        let book = after(try empty.create(.channel, id: "a", content: content("n", kind: .channel), at: now), empty)
        let content = try content("n", kind: .channel)

        #expect(problem { try book.create(.channel, id: "b", content: content, at: now) } == .conflict)
        #expect(problem { try book.edit(.channel, id: "a", content: content, at: now) } == nil)
    }

    @Test func `the first version goes live whole`() throws {
        let book = after(try empty.create(.workflow, id: "a", content: content("a"), at: now), empty)

        #expect(problem { try book.activate(.workflow, id: "a", percentage: 20, at: now) } == .validation)
        #expect(problem { try book.activate(.workflow, id: "a", percentage: 101, at: now) } == .validation)
    }

    @Test func `a rollback makes an old version the newest, and live`() throws {
        var book = after(try empty.create(.workflow, id: "a", content: content("one"), at: now), empty)
        book = after(try book.activate(.workflow, id: "a", percentage: 100, at: now), book)
        book = after(try book.newVersion(.workflow, id: "a", at: now), book)
        book = after(try book.edit(.workflow, id: "a", content: content("two"), at: now), book)
        #expect(problem { try book.rollBack(.workflow, id: "a", to: 1, at: now) } == .conflict)
        book = after(try book.activate(.workflow, id: "a", percentage: 100, at: now), book)

        book = after(try book.rollBack(.workflow, id: "a", to: 1, at: now), book)

        let live = book.active(.workflow, "a")
        #expect(live.map(\.version) == [3])
        #expect(live.first?.contentHash == (try content("one")).hash)
        #expect(problem { try book.rollBack(.workflow, id: "a", to: 9, at: now) } == .notFound)
    }

    /// Whatever is done in whatever order, the laws of the lifecycle hold.
    @Test(arguments: 0..<400 as Range<UInt64>)
    func `one draft at a time, at most two share the traffic, and their shares add up`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var book = empty
        var finished: [String: [UInt8]] = [:]
        for step in 0..<30 {
            let content = try content("c\(Int.random(in: 0..<4, using: &random))")
            let percentage = [100, 100, 50, 20, 1, 0].randomElement(using: &random) ?? 100
            let version = Int.random(in: 1...5, using: &random)
            let change: DefinitionChange?
            switch Int.random(in: 0..<7, using: &random) {
            case 0: change = try? book.create(.workflow, id: "w", content: content, at: now)
            case 1: change = try? book.edit(.workflow, id: "w", content: content, at: now)
            case 2: change = try? book.newVersion(.workflow, id: "w", at: now)
            case 3: change = try? book.activate(.workflow, id: "w", percentage: percentage, at: now)
            case 4: change = try? book.rollOut(id: "w", percentage: percentage, at: now)
            case 5: change = try? book.rollBack(.workflow, id: "w", to: version, at: now)
            default: change = step % 5 == 0 ? try? book.archive(.workflow, id: "w", at: now) : nil
            }
            guard let change else { continue }
            book = after(change, book)
            let versions = book.versions(.workflow, "w")
            let active = book.active(.workflow, "w")
            #expect(versions.count { $0.status == .draft } <= 1, "seed \(seed)")
            #expect(versions.last?.status == .draft || !versions.contains { $0.status == .draft }, "seed \(seed)")
            #expect(active.count <= 2, "seed \(seed)")
            #expect(active.isEmpty || active.reduce(0) { $0 + $1.rolloutPercentage } == 100, "seed \(seed)")
            for record in versions where record.status != .draft {
                let known = finished.updateValue(record.body, forKey: "\(record.version)")
                #expect(known == nil || known == record.body, "seed \(seed): version \(record.version) was changed")
            }
        }
    }

    @Test func `what is left out hashes like what it means`() throws {
        let short = try OwnedJSON(parsing: Array(#"{"name":"n","tasks":[1]}"#.utf8))
        let long = try OwnedJSON(
            parsing: Array(
                #"{"tags":[],"tasks":[1],"priority":0,"condition":true,"name":"n","continue_on_error":false,"description":null,"version":7}"#
                    .utf8))

        let one = short.read { DefinitionContent($0, kind: .workflow) }
        let other = long.read { DefinitionContent($0, kind: .workflow) }

        #expect(one == other && one.hash.hasPrefix("sha256:"))
    }
}
