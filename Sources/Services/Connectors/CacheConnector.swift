import JSONTree
import Synchronization
import Vocabulary
import Workflows

/// A `cache` connector in this process: values under keys, each for a while, bounded by number and bytes.
final class CacheConnector: Sendable {
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

    let name: String
    let contentHash: String
    private let config: CacheConnectorConfig
    private let state = Mutex(State())

    private static let mostEntries = 100_000
    private static let mostBytes = 64 << 20

    init(name: String, contentHash: String, config: CacheConnectorConfig) {
        self.name = name
        self.contentHash = contentHash
        self.config = config
    }

    func call(_ operation: CacheCall.Operation, at now: UInt64) throws(TaskFailure) -> [UInt8] {
        let writes = if case .read = operation { false } else { true }
        guard writes ? config.allowsWrite : config.allowsRead else {
            throw TaskFailure(
                "FUNCTION_ERROR", "The connector `\(name)` does not allow \(writes ? "writing" : "reading").")
        }
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
        (seconds ?? config.defaultSeconds).map { now + UInt64($0) * 1_000_000_000 }
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

/// A `cache` connector's settings.
package struct CacheConnectorConfig: Sendable {
    var defaultSeconds: Int?
    var allowsRead: Bool
    var allowsWrite: Bool

    static func read(_ reader: inout InputReader) -> CacheConnectorConfig? {
        reader.checkNames([
            "type", "backend", "url", "default_ttl_secs", "operations", "allow_private_urls", "max_connections",
        ])
        switch reader.string("backend") {
        case "memory": break
        case "redis":
            reader.report(.init(reader.at("backend"), .invalid, "This release has no `redis` cache yet; use memory."))
        default:
            reader.report(
                .init(
                    reader.at("backend"), reader.field("backend") == nil ? .required : .invalid,
                    "This is no kind of cache.", expected: "memory"))
        }
        let seconds = reader.integer("default_ttl_secs", in: 1...31_536_000)
        var operations = InputReader(reader.field("operations") ?? .null, at: reader.at("operations"))
        operations.checkNames(["read", "write"])
        let allowed = (operations.flag("read") ?? true, operations.flag("write") ?? true)
        reader.absorb(operations)
        return reader.details.isEmpty
            ? CacheConnectorConfig(defaultSeconds: seconds, allowsRead: allowed.0, allowsWrite: allowed.1) : nil
    }
}
