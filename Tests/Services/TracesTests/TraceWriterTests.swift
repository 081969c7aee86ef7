import Storage
import Synchronization
import Testing
import Traces
import Vocabulary

@Suite struct TraceWriterTests {
    private func record() -> TraceRecord {
        let now = Timestamp(microseconds: 1)
        return TraceRecord(
            id: .make(), channelID: "c", channel: "c", mode: .sync, status: .completed, dueAt: now, createdAt: now)
    }

    @Test func `rows of all lanes are committed together, and each is told`() async throws {
        let store = InMemoryStore()
        let disk = UnreliableStore(store)
        let writer = TraceWriter(store: disk, lanes: 3)
        let told = Atomic<Int>(0)

        for lane in 0..<30 {
            writer.insert(record(), lane: lane) { if $0 { told.add(1, ordering: .relaxed) } }
        }
        let wrote = await writer.commitOnce()
        let again = await writer.commitOnce()

        #expect(wrote && !again)
        #expect(told.load(ordering: .relaxed) == 30)
        #expect(disk.writes.load(ordering: .relaxed) == 1)
        #expect(try await store.countTraces(TraceFilter()) == 30)
    }

    @Test func `when the disk refuses, every caller hears it, once`() async throws {
        let disk = UnreliableStore(InMemoryStore())
        disk.isBroken.store(true, ordering: .relaxed)
        let events = Mutex<[String]>([])
        let writer = TraceWriter(store: disk, lanes: 1) { event in events.withLock { $0.append("\(event)") } }
        let answers = Mutex<[Bool]>([])

        for _ in 0..<3 {
            writer.insert(record(), lane: 0) { isCommitted in answers.withLock { $0.append(isCommitted) } }
        }
        _ = await writer.commitOnce()
        _ = await writer.commitOnce()

        #expect(answers.withLock { $0 } == [false, false, false])
        #expect(events.withLock { $0 }.contains { $0.hasPrefix("failed") })
    }

    @Test func `what was handed in before the end is written`() async throws {
        let store = InMemoryStore()
        let writer = TraceWriter(store: store, lanes: 1)
        for _ in 0..<5 { writer.insert(record(), lane: 0) }

        writer.finish()
        await writer.run()

        #expect(try await store.countTraces(TraceFilter()) == 5)
    }

    @Test func `it says when too much waits`() async throws {
        let writer = TraceWriter(store: InMemoryStore(), lanes: 1, capacity: 2)

        writer.insert(record(), lane: 0)
        let before = writer.isFull
        writer.insert(record(), lane: 0)
        let full = writer.isFull
        _ = await writer.commitOnce()

        #expect(!before && full && !writer.isFull)
    }
}
