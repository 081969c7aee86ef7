import SQLiteDriver
package import Storage
package import StorageSQL

/// Everything that must survive, in one SQLite file: write-ahead log, every commit synced to disk.
package typealias SQLiteStore = SQLStore<SQLiteStoreDriver>

extension SQLStore where Driver == SQLiteStoreDriver {
    /// - Parameter url: `sqlite:` and a path.
    package static func open(url: String) async throws(StorageFailure) -> SQLiteStore {
        let driver = try await SQLiteStoreDriver.open(url: url)
        do throws(StorageFailure) {
            try await Migrator(driver.writing).up()
            try await CopyMark.refuse(driver.writing)
            try await driver.reader.open(driver.path, readOnly: true)
        } catch {
            await driver.close()
            throw error
        }
        return SQLiteStore(driver)
    }

    /// Whether a file is a whole database of ours.
    /// - Returns: the version of its schema.
    package static func verify(_ file: String) async throws(StorageFailure) -> Int {
        try await SQLiteStoreDriver.verify(file)
    }

    /// Puts a backup in the place of the database, as a whole or not at all. No server may have the database open.
    package static func restore(_ file: String, toURL url: String) async throws(StorageFailure) {
        try await SQLiteStoreDriver.restore(file, toURL: url)
    }
}

extension SQLiteStoreDriver {
    /// Opens the file for writing and keeps others off it; its schema is as it was.
    static func open(url: String) async throws(StorageFailure) -> SQLiteStoreDriver {
        guard url.hasPrefix("sqlite:") else {
            throw .broken("storage.url must begin with `sqlite:`; it is `\(url.prefix { $0 != ":" }):…`.")
        }
        let path = String(url.dropFirst(7))
        let driver = SQLiteStoreDriver(
            writer: SQLiteConnection(label: "weir.sqlite.writer"),
            reader: SQLiteConnection(label: "weir.sqlite.reader"), path: path, lock: try FileLock(path + ".lock"))
        do throws(StorageFailure) { try await driver.writer.open(path, readOnly: false) } catch {
            await driver.close()
            throw error
        }
        return driver
    }

    /// Reads where it writes, for as long as the other connection is not open.
    var writing: SQLiteStoreDriver { SQLiteStoreDriver(writer: writer, reader: writer, path: path, lock: lock) }
}

extension SQLiteStoreDriver {
    /// For looking at a file that a server may have open; writes are refused.
    package static func forReading(url: String) async throws(StorageFailure) -> SQLiteStoreDriver {
        let path = String(url.dropFirst(7))
        let connection = SQLiteConnection(label: "weir.sqlite.looking")
        try await connection.open(path, readOnly: true)
        return SQLiteStoreDriver(writer: connection, reader: connection, path: path, lock: nil)
    }

    /// For migrating and copying: nobody else has the file meanwhile; its schema is as it was.
    package static func forWriting(url: String) async throws(StorageFailure) -> SQLiteStoreDriver {
        try await open(url: url).writing
    }

    /// An empty database that goes when it is closed.
    package static func inMemory() async throws(StorageFailure) -> SQLiteStoreDriver {
        let connection = SQLiteConnection(label: "weir.sqlite.memory")
        try await connection.open(":memory:", readOnly: false, isOurs: false)
        return SQLiteStoreDriver(writer: connection, reader: connection, path: ":memory:", lock: nil)
    }
}
