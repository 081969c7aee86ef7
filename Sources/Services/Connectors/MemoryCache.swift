import JSONTree
import Synchronization
import Vocabulary
import Workflows

/// A cache in this process: JSON texts under keys, each for a while, bounded by number and bytes.
final class MemoryCache: Sendable {
    private struct Entry {
        var value: [UInt8]
        /// ``Stopwatch`` nanoseconds; nil for never.
        var expires: UInt64?
        var serial: UInt64
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var bytes = 0
        var serial: UInt64 = 0
        var order: [(key: String, serial: UInt64)] = []
        var firstLive = 0
    }

    private let state = Mutex(State())

    private static let mostEntries = 100_000
    private static let mostBytes = 64 << 20

    func call(_ operation: CacheCall.Operation, at now: UInt64) throws(TaskFailure) -> [UInt8] {
        switch operation {
        case .read(let keys): return read(keys, now)
        case .write(let key, let value, let seconds):
            state.withLock { put(key, value, expires(seconds, now), in: &$0) }
            return Array("true".utf8)
        case .delete(let keys):
            let count = state.withLock { state in
                keys.count { key in Self.live(key, now, in: &state) != nil && Self.drop(key, from: &state) }
            }
            return Array("{\"deleted\":\(count)}".utf8)
        case .increment(let key, let step, let seconds): return try increment(key, step, seconds, now)
        }
    }

    private func expires(_ seconds: Int?, _ now: UInt64) -> UInt64? {
        seconds.map { now + UInt64($0) * 1_000_000_000 }
    }

    private func read(_ keys: [String], _ now: UInt64) -> [UInt8] {
        let values = state.withLock { state in keys.map { Self.live($0, now, in: &state)?.value } }
        var text = JSONByteBuffer()
        text.append("[")
        for (place, value) in values.enumerated() {
            if place > 0 { text.append(",") }
            if let value { text.append(value) } else { text.append("null") }
        }
        text.append("]")
        return text.bytes
    }

    private func increment(
        _ key: String, _ step: Int64, _ seconds: Int?, _ now: UInt64
    ) throws(TaskFailure) -> [UInt8] {
        let result: Int64? = state.withLock { state in
            let known = Self.live(key, now, in: &state)
            let text = known.map { String(decoding: $0.value, as: UTF8.self) } ?? "0"
            guard let number = Int64(text) else { return nil }
            let (sum, overflows) = number.addingReportingOverflow(step)
            guard !overflows else { return nil }
            // The time runs from when the number was made.
            put(key, Array("\(sum)".utf8), known.map(\.expires) ?? expires(seconds, now), in: &state)
            return sum
        }
        guard let result else {
            throw TaskFailure("FUNCTION_ERROR", "Under this key is no whole number, or it is too large.")
        }
        return Array("\(result)".utf8)
    }

    private static func live(_ key: String, _ now: UInt64, in state: inout State) -> Entry? {
        guard let entry = state.entries[key] else { return nil }
        guard entry.expires.map({ $0 > now }) ?? true else {
            _ = drop(key, from: &state)
            return nil
        }
        return entry
    }

    private static func drop(_ key: String, from state: inout State) -> Bool {
        guard let gone = state.entries.removeValue(forKey: key) else { return false }
        state.bytes -= gone.value.count + key.utf8.count
        return true
    }

    private func put(_ key: String, _ value: [UInt8], _ expires: UInt64?, in state: inout State) {
        _ = Self.drop(key, from: &state)
        guard value.count + key.utf8.count <= Self.mostBytes / 16 else { return }  // larger than is good for the others
        state.serial += 1
        state.entries[key] = Entry(value: value, expires: expires, serial: state.serial)
        state.bytes += value.count + key.utf8.count
        state.order.append((key, state.serial))
        while state.entries.count > Self.mostEntries || state.bytes > Self.mostBytes,
            state.firstLive < state.order.count
        {
            let (oldest, serial) = state.order[state.firstLive]
            state.firstLive += 1
            if state.entries[oldest]?.serial == serial { _ = Self.drop(oldest, from: &state) }
        }
        if state.order.count > 1024 + 4 * state.entries.count {
            state.order = state.entries.map { ($0.key, $0.value.serial) }.sorted { $0.serial < $1.serial }
            state.firstLive = 0
        }
    }
}
