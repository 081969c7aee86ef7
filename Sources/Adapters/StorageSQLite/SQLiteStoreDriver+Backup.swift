import Glibc
import SQLiteDriver
package import Storage

extension SQLiteStoreDriver {
    /// On a connection of its own, so that requests and commits go on meanwhile. The file has its name once it is whole,
    /// and never takes another's place.
    ///
    /// - Throws: `conflict` where there is such a file.
    package func backUp(to file: String) async throws(StorageFailure) {
        let part = file + ".\(UInt64.random(in: .min ... .max)).part"
        defer { unlink(part) }
        // Made here, so that only its owner may read it.
        let made = Glibc.open(part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard made >= 0 else {
            throw .unavailable("`\(part)` cannot be made: \(String(cString: strerror(errno)))")
        }
        Glibc.close(made)
        try await copy(to: part)
        _ = try await Self.verify(part)
        try Self.sync(part)
        guard link(part, file) == 0 else {
            if errno == EEXIST { throw .conflict }
            throw .unavailable("`\(file)` cannot be made: \(String(cString: strerror(errno)))")
        }
        try Self.sync(Self.folder(of: file))
    }

    private func copy(to file: String) async throws(StorageFailure) {
        let source = SQLiteConnection(label: "weir.sqlite.backup")
        try await source.open(path, readOnly: true)
        do throws(StorageFailure) {
            try await source.with { connection throws(StorageFailure) in
                _ = try connection.query("VACUUM INTO ?1", bind: { $0.text(1, file) }, read: { _ in })
            }
        } catch {
            await source.close()
            throw error
        }
        await source.close()
    }

    private static func folder(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    /// What is written is on disk.
    private static func sync(_ path: String) throws(StorageFailure) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .unavailable("`\(path)` cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw .unavailable("`\(path)` cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// Whether a file is a whole database of ours.
    /// - Returns: the version of its schema.
    static func verify(_ file: String) async throws(StorageFailure) -> Int {
        let copy = SQLiteConnection(label: "weir.sqlite.verify")
        try await copy.open(file, readOnly: true)
        do throws(StorageFailure) {
            let version = try await copy.with { connection throws(StorageFailure) in
                let verdict = try connection.query("PRAGMA integrity_check") { $0.text(0) }
                guard verdict == ["ok"] else {
                    throw .broken("The file `\(file)` is damaged: \(verdict.first ?? "no answer").")
                }
                let tables = try connection.query("SELECT name FROM sqlite_master WHERE type = 'table'") { $0.text(0) }
                guard Set(tables).isSuperset(of: ["definitions", "traces", "audit"]) else {
                    throw .broken("The file `\(file)` is no database of Weir.")
                }
                return Int(try connection.query("PRAGMA user_version") { $0.integer(0) }.first ?? 0)
            }
            await copy.close()
            guard version <= SQLiteSchema.migrations.count else {
                throw .broken("The file `\(file)` was written by a newer Weir (schema \(version)).")
            }
            return version
        } catch {
            await copy.close()
            throw error
        }
    }

    /// Puts a backup in the place of the database, as a whole or not at all. No server may have the database open.
    static func restore(_ file: String, toURL url: String) async throws(StorageFailure) {
        guard url.hasPrefix("sqlite:") else { throw .broken("Only a sqlite: database can be restored.") }
        let path = String(url.dropFirst(7))
        let lock = try FileLock(path + ".lock")
        defer { lock.release() }
        _ = try await verify(file)
        let copy = path + ".restoring"
        do throws(StorageFailure) { try Self.copy(file, to: copy) } catch {
            unlink(copy)
            throw error
        }
        // What the old database had not put into its file yet must not be mixed with the new one.
        for ending in ["-wal", "-shm"] { unlink(path + ending) }
        guard rename(copy, path) == 0 else {
            throw .unavailable("`\(path)` cannot be replaced: \(String(cString: strerror(errno)))")
        }
        try Self.sync(folder(of: path))
    }

    private static func copy(_ from: String, to: String) throws(StorageFailure) {
        func failure(_ name: String) -> StorageFailure {
            .unavailable("`\(name)` cannot be copied: \(String(cString: strerror(errno)))")
        }
        let source = Glibc.open(from, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw failure(from) }
        defer { Glibc.close(source) }
        let target = Glibc.open(to, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o600)
        guard target >= 0 else { throw failure(to) }
        defer { Glibc.close(target) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = Glibc.read(source, &buffer, buffer.count)
            guard count >= 0 else { throw failure(from) }
            if count == 0 { break }
            var written = 0
            while written < count {
                let done = buffer.withUnsafeBytes {
                    Glibc.write(target, $0.baseAddress?.advanced(by: written), count - written)
                }
                guard done > 0 else { throw failure(to) }
                written += done
            }
        }
        guard fsync(target) == 0 else { throw failure(to) }
    }
}
