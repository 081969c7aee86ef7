import Crypto
package import Storage
import Vocabulary

/// Copies everything from one database to another, of any kinds, and proves that it is there.
///
/// The target carries a mark until all is proved: no server opens it before, and a copy that begins again after an
/// interruption knows that what lies there is its own.
package struct StoreCopy<Source: StoreDriver, Target: StoreDriver>: Sendable {
    private let source: Source
    private let target: Target
    /// Rows that are read and written at once; a trace may have some megabytes.
    private let batch: Int

    package init(from source: Source, to target: Target, batch: Int = 200) {
        self.source = source
        self.target = target
        self.batch = batch
    }

    /// - Parameter progress: told now and then which table is under way, and how many of its rows are done.
    /// - Returns: each table with its rows, which are the same on both sides.
    /// - Throws: `conflict` where the target holds something that is not of an interrupted copy; `broken` where the
    ///   source is not up to date or the two sides are not the same in the end.
    package func run(
        progress: @Sendable (CopyStep) -> Void
    ) async throws(StorageFailure) -> [CopiedTable] {
        guard try await Migrator(source).states().allSatisfy({ $0.kind == .applied }) else {
            throw .broken("The source's schema is not of this version. Run `weir migrate up` on it first.")
        }
        try await Migrator(target).up()
        if try await CopyMark.isThere(target) {
            progress(.beganAgain)
            try await clear()
        } else {
            guard try await isEmpty() else { throw .conflict }
            try await target.run([CopyMark.set(target.dialect)], canRepeat: true)
        }
        try await target.prepare()
        for shape in TableShape.all {
            try await copy(shape) { progress(.copying(table: shape.name, rows: $0)) }
        }
        // Who leads next must do it under a later epoch than anybody before.
        if target.dialect.isShared {
            let epoch = "UPDATE leadership SET epoch = (SELECT value FROM numbers WHERE name = 'schedule_epoch')"
            try await target.run([StoreStatement(epoch)], canRepeat: true)
        }
        var tables: [CopiedTable] = []
        for shape in TableShape.all {
            progress(.verifying(table: shape.name))
            let (left, right) = (try await sum(shape, of: source), try await sum(shape, of: target))
            guard left == right else {
                throw .broken(
                    """
                    The table `\(shape.name)` is not the same on both sides: \(left.rows) rows and \(right.rows). Is a \
                    server still running on the source? Stop it and copy again.
                    """)
            }
            tables.append(left)
        }
        try await target.run([CopyMark.remove(target.dialect)], canRepeat: true)
        return tables
    }

    private func isEmpty() async throws(StorageFailure) -> Bool {
        for shape in TableShape.all where shape.name != "numbers" {
            let any = StoreStatement("SELECT 1 FROM \(shape.name) LIMIT 1")
            if try await target.read([any])[0].count > 0 { return false }
        }
        let moved = StoreStatement("SELECT 1 FROM numbers WHERE name = 'generation' AND value > 0")
        return try await target.read([moved])[0].count == 0
    }

    private func clear() async throws(StorageFailure) {
        for shape in TableShape.all where shape.name != "numbers" {
            try await target.run([StoreStatement("DELETE FROM \(shape.name)")], canRepeat: true)
        }
    }

    private func copy(_ shape: TableShape, _ progress: (Int) -> Void) async throws(StorageFailure) {
        let columns = shape.columns.map(\.name)
        let text =
            shape.name == "numbers"
            ? target.dialect.upsert(into: shape.name, columns, key: shape.key)
            : target.dialect.insert(into: shape.name, columns)
        let insert = target.dialect.marked(text)
        var done = 0
        try await walk(shape, of: source) { rows throws(StorageFailure) in
            try await target.run(rows.map { StoreStatement(insert, $0) }, canRepeat: false)
            done += rows.count
            progress(done)
        }
    }

    private func sum(_ shape: TableShape, of driver: some StoreDriver) async throws(StorageFailure) -> CopiedTable {
        var table = CopiedTable(name: shape.name)
        try await walk(shape, of: driver) { rows in
            for row in rows { table.add(row) }
        }
        return table
    }

    /// Reads a table in the order of its key, some rows at a time.
    private func walk(
        _ shape: TableShape, of driver: some StoreDriver, _ visit: ([[StoreValue]]) async throws(StorageFailure) -> Void
    ) async throws(StorageFailure) {
        let places = shape.key.compactMap { key in shape.columns.firstIndex { $0.name == key } }
        let (list, key) = (shape.columns.map(\.name).joined(separator: ", "), shape.key.joined(separator: ", "))
        let marks = shape.key.map { _ in "?" }.joined(separator: ", ")
        // The other numbers are of the moment: what the instances of a cluster tell each other, and the mark.
        let mine = shape.name == "numbers" ? "name IN ('generation', 'schedule_epoch', 'admin_keys')" : "1 = 1"
        var last: [StoreValue] = []
        while true {
            let after = last.isEmpty ? "" : " AND (\(key)) > (\(marks))"
            let statement = driver.dialect.statement(
                "SELECT \(list) FROM \(shape.name) WHERE \(mine)\(after) ORDER BY \(key) LIMIT \(batch)", last)
            let rows = try await driver.read([statement])[0].map { shape.values($0) }
            guard let end = rows.last else { return }
            try await visit(rows)
            guard rows.count == batch else { return }
            last = places.map { end[$0] }
        }
    }
}

/// How far a copy has come.
package enum CopyStep: Sendable, Equatable {
    /// What an interrupted copy left was removed.
    case beganAgain
    case copying(table: String, rows: Int)
    case verifying(table: String)
}

/// A table that was copied: how many rows, and a sum over what is in them that does not depend on their order.
package struct CopiedTable: Sendable, Equatable {
    package var name: String
    package private(set) var rows = 0
    private var sum: (UInt64, UInt64) = (0, 0)

    init(name: String) { self.name = name }

    /// 32 hex digits.
    package var checksum: String {
        [sum.0, sum.1].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// Adds the first half of SHA-256 over the values, each with its kind and its length.
    mutating func add(_ row: [StoreValue]) {
        var hash = SHA256()
        func put(_ kind: UInt8, _ bytes: some Collection<UInt8>) {
            hash.update(data: [kind] + (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) })
            hash.update(data: [UInt8](bytes))
        }
        func number(_ kind: UInt8, _ words: UInt64...) {
            put(kind, words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } })
        }
        for value in row {
            switch value {
            case .null, .texts, .uuids: put(0, [])
            case .integer(let value): number(1, UInt64(bitPattern: value))
            case .real(let value): number(2, value.bitPattern)
            case .bool(let value): put(3, [value ? 1 : 0])
            case .text(let value): put(4, Array(value.utf8))
            case .bytes(let value): put(5, value)
            case .uuid(let value): number(6, value.high, value.low)
            }
        }
        let digest = Array(hash.finalize())
        let word = { (range: Range<Int>) in digest[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        sum = (sum.0 &+ word(0..<8), sum.1 &+ word(8..<16))
        rows += 1
    }

    package static func == (left: CopiedTable, right: CopiedTable) -> Bool {
        left.name == right.name && left.rows == right.rows && left.sum == right.sum
    }
}

/// The mark of a target that a copy is not done with.
package enum CopyMark {
    static let name = "copy_unfinished"

    static func isThere(_ driver: some StoreDriver) async throws(StorageFailure) -> Bool {
        try await driver.read([StoreStatement("SELECT 1 FROM numbers WHERE name = '\(name)'")])[0].count > 0
    }

    static func set(_ dialect: some Dialect) -> StoreStatement {
        dialect.statement(
            dialect.upsert(into: "numbers", ["name", "value"], key: ["name"]), [.text(name), .integer(1)])
    }

    static func remove(_ dialect: some Dialect) -> StoreStatement {
        dialect.statement("DELETE FROM numbers WHERE name = ?", [.text(name)])
    }

    /// What a store asks before it opens.
    package static func refuse(_ driver: some StoreDriver) async throws(StorageFailure) {
        guard try await isThere(driver) else { return }
        throw .broken("`weir storage copy` into this database was not finished. Run it again.")
    }
}
