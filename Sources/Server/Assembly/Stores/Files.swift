import Glibc

/// What commands do with files.
enum Files {
    static func exist(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// A new file that only its owner may read.
    static func copyPrivately(_ from: String, to: String) throws {
        func failure(_ path: String) -> StartFailure {
            StartFailure("`\(path)` cannot be copied: \(String(cString: strerror(errno)))")
        }
        let source = Glibc.open(from, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw failure(from) }
        defer { Glibc.close(source) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(source, &bytes, bytes.count)
        let target = Glibc.open(to, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard count >= 0, target >= 0 else { throw failure(to) }
        defer { Glibc.close(target) }
        guard Glibc.write(target, bytes, count) == count, fsync(target) == 0 else { throw failure(to) }
    }
}
