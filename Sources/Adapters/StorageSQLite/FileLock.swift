import Glibc
import Storage

/// Keeps a second process off the same database. The kernel releases it when this process ends, however it ends.
final class FileLock: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws(StorageFailure) {
        let descriptor = Glibc.open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unavailable("The lock file `\(path)` cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(descriptor)
            throw .unavailable(
                "Another Weir has this database open (`\(path)` is locked). Stop it, or set storage.url to another file."
            )
        }
        self.descriptor = descriptor
    }

    deinit { Glibc.close(descriptor) }
}
