import Glibc
import Storage
import Synchronization

/// Keeps a second process off the same database. The kernel releases it when this process ends, however it ends.
final class FileLock: Sendable {
    private let descriptor: Int32
    private let isReleased = Atomic<Bool>(false)

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

    /// Once is enough; further calls do nothing.
    func release() {
        guard !isReleased.exchange(true, ordering: .acquiringAndReleasing) else { return }
        Glibc.close(descriptor)
    }

    deinit { release() }
}
