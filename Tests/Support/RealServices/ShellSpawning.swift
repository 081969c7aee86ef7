import Foundation

/// Starts programs that end with this process.
enum ShellSpawning {
    struct Failure: Error, CustomStringConvertible { var description: String }

    /// Starts a program with no signal blocked: threads of a dispatch queue block them all, and `Process` hands that on.
    ///
    /// - Returns: its process, and the descriptor that its input reads from.
    static func spawn(_ command: [String]) throws -> (shell: pid_t, input: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure(description: "no pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let arguments = command.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        var shell: pid_t = 0
        let code = posix_spawn(&shell, command[0], &actions, &attributes, arguments + [nil], environ)
        guard code == 0 else {
            close(ends[1])
            throw Failure(description: "`\(command[0])` did not start: \(code)")
        }
        return (shell, ends[1])
    }
}
