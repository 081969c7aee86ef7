import SQLiteDriver
package import Storage
import Vocabulary

/// Everything that must survive, in one SQLite file: write-ahead log, every commit synced to disk.
///
/// One connection writes; others read, so that a long list does not hold up a commit.
package final class SQLiteStore: DurableStore {
    let writer = SQLiteConnection(label: "weir.sqlite.writer")
    let reader = SQLiteConnection(label: "weir.sqlite.reader")
    let path: String
    private let lock: FileLock

    private init(path: String, lock: FileLock) {
        self.path = path
        self.lock = lock
    }

    /// - Parameter url: `sqlite:` and a path.
    package static func open(url: String) async throws(StorageFailure) -> SQLiteStore {
        guard url.hasPrefix("sqlite:") else {
            throw .broken("storage.url must begin with `sqlite:`; it is `\(url.prefix { $0 != ":" }):…`.")
        }
        let path = String(url.dropFirst(7))
        let store = SQLiteStore(path: path, lock: try FileLock(path + ".lock"))
        try await store.writer.with { connection throws(StorageFailure) in
            try connection.open(path, readOnly: false)
            try SQLiteSchema.migrate(connection)
        }
        try await store.reader.open(path, readOnly: true)
        return store
    }

    package func ping() async throws(StorageFailure) {
        _ = try await reader.with { connection throws(StorageFailure) in
            try connection.query("SELECT 1") { $0.integer(0) }
        }
    }

    package func close() async {
        await reader.close()
        await writer.close()
        lock.release()
    }
}

extension Identifier {
    var bytes: [UInt8] {
        (0..<16).map { place in
            UInt8(truncatingIfNeeded: (place < 8 ? high : low) >> UInt64(56 - 8 * (place & 7)))
        }
    }

    init(bytes: [UInt8]) {
        let word = { (range: Range<Int>) in bytes[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        self = bytes.count == 16 ? Identifier(high: word(0..<8), low: word(8..<16)) : Identifier(high: 0, low: 0)
    }
}

extension SQLiteBinding {
    func identifier(_ place: Int32, _ value: Identifier) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2) { words in
            words[0] = value.high.bigEndian
            words[1] = value.low.bigEndian
            copied(place, UnsafeRawBufferPointer(words))
        }
    }
}
