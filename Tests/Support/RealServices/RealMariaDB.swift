package import Foundation
import Synchronization

/// A MariaDB server of the tests' own, on a Unix socket in a folder of its own. It ends with this process, however that
/// ends: a shell beside it waits for its input to close.
package final class RealMariaDB: Sendable {
    package struct Failure: Error, CustomStringConvertible { package var description: String }

    package let folder: URL
    /// On loopback; nil where it listens on its socket only.
    package let port: Int?
    private let settings: [String]
    /// The shell, and the descriptor of its input.
    private let running = Mutex<(shell: pid_t, input: Int32)?>(nil)

    /// One for all tests that do not stop it; ends with the process.
    package static func shared() throws -> RealMariaDB { try common.get() }
    private static let common = Result { try RealMariaDB() }

    /// - Parameters:
    ///   - settings: more options; `{folder}` is its folder.
    ///   - onTCP: it listens on a free port of the loopback too.
    ///   - files: more files for its folder, by name.
    package init(_ settings: [String] = [], onTCP: Bool = false, files: [String: Data] = [:]) throws {
        // A socket's path has at most 107 bytes: not under a long temporary folder.
        let folder = URL(fileURLWithPath: "/tmp/weir-my-\(UUID().uuidString.prefix(8).lowercased())")
        self.folder = folder
        port = onTCP ? try Self.freePort() : nil
        self.settings = settings.map { $0.replacingOccurrences(of: "{folder}", with: folder.path) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        for (name, data) in files { try data.write(to: folder.appendingPathComponent(name)) }
        try Self.run("/bin/cp", ["-r", "--sparse=always", Self.template.get(), folder.path + "/data"])
        if getuid() == 0 { try Self.run("/bin/chown", ["-R", "mysql:", folder.path]) }
        try start()
    }

    deinit { stop(.leaving) }

    private var socket: String { "\(folder.path)/socket" }

    /// - Parameter database: empty for none.
    package func url(database: String = "", user: String = "root") -> String {
        "mysql://\(user)@localhost/\(database)?socket=\(socket)"
    }

    /// A new, empty database.
    package func makeDatabase() throws -> String {
        let name = "test_" + UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
        try sql("CREATE DATABASE \(name)")
        return url(database: name)
    }

    /// - Returns: what it brings, a line for a row, columns apart by tabs.
    @discardableResult
    package func sql(_ text: String) throws -> String {
        try Self.run(try Self.program("mariadb"), ["--no-defaults", "-uroot", "-S", socket, "-N", "-B", "-e", text])
    }

    // MARK: Life

    /// Starts it, and returns when it answers.
    package func start() throws {
        let script = """
            folder=$1; shift; "$@" >"$folder/log" 2>&1 </dev/null & server=$!
            read word
            case "$word" in
                fast) kill -TERM $server; wait $server;;
                at-once) kill -KILL $server; wait $server;;
                *) kill -KILL $server; wait $server; rm -rf "$folder";;
            esac
            """
        let network = port.map { ["--bind-address=127.0.0.1", "--port=\($0)"] } ?? ["--skip-networking"]
        let command =
            [
                try Self.program("mariadbd"), "--no-defaults", "--datadir=\(folder.path)/data", "--socket=\(socket)",
                "--pid-file=\(folder.path)/pid", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=32M", "--max-connections=300",
            ] + network + settings
        let started = try ShellSpawning.spawn(["/bin/sh", "-c", script, "sh", folder.path] + Self.asOwner(command))
        running.withLock { $0 = started }
        let deadline = Date.now.addingTimeInterval(30)
        while true {
            let log = (try? String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)) ?? ""
            if log.contains("ready for connections") { return }
            guard Date.now < deadline, !log.contains("Aborting") else {
                stop(.leaving)
                throw Failure(description: "MariaDB did not start: \(log)")
            }
            usleep(5000)
        }
    }

    /// It answers nothing and keeps its connections, as a machine does that swaps. Returns when every thread stands still.
    package func pause() {
        guard let process = processID else { return }
        kill(process, SIGSTOP)
        let tasks = "/proc/\(process)/task"
        while true {
            let states = ((try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []).map { task in
                let text = (try? String(contentsOfFile: "\(tasks)/\(task)/stat", encoding: .utf8)) ?? ""
                // The state follows the name, which is in brackets.
                return text.split(separator: ")").last?.first { $0 != " " }
            }
            if states.allSatisfy({ $0 == "T" }) { return }
            usleep(1000)
        }
    }

    package func resume() { if let process = processID { kill(process, SIGCONT) } }

    private var processID: pid_t? {
        let text = (try? String(contentsOf: folder.appendingPathComponent("pid"), encoding: .utf8)) ?? ""
        return pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    package enum Stop: String, Sendable {
        /// Its connections are ended, what is committed is written.
        case fast
        /// As in a crash.
        case atOnce = "at-once"
        case leaving
    }

    /// Returns when it has ended.
    package func stop(_ way: Stop = .fast) {
        guard
            let (shell, input) = running.withLock({ value in
                defer { value = nil }
                return value
            })
        else {
            if way == .leaving { try? FileManager.default.removeItem(at: folder) }
            return
        }
        _ = (way.rawValue + "\n").withCString { write(input, $0, strlen($0)) }
        close(input)
        var status: Int32 = 0
        while waitpid(shell, &status, 0) < 0, errno == EINTR {}
    }

    // MARK: The first data directory

    /// An empty server's files, made once on a machine: that takes seconds. Others copy it.
    private static let template = Result { try makeTemplate() }

    private static func makeTemplate() throws -> String {
        let version = try run(try program("mariadbd"), ["--no-defaults", "--version"])
        let name = version.unicodeScalars.filter { CharacterSet.alphanumerics.contains($0) }.map(String.init).joined()
        let place = "/tmp/weir-my-template-\(getuid())-\(name.suffix(60))"
        if FileManager.default.fileExists(atPath: place) { return place }
        let made = "/tmp/weir-my-making-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: made, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: made) }
        if getuid() == 0 { try run("/bin/chown", ["mysql:", made]) }
        let install =
            [
                try program("mariadb-install-db"), "--no-defaults", "--datadir=\(made)/data",
                "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M",
            ] + (getuid() == 0 ? ["--user=mysql"] : [])
        try run(install[0], Array(install.dropFirst()))
        // Whole or not at all; where another was quicker, its is as good.
        if rename("\(made)/data", place) != 0, !FileManager.default.fileExists(atPath: place) {
            throw Failure(description: "the empty data directory cannot be kept: \(errno)")
        }
        return place
    }

    // MARK: Programs

    private static func freePort() throws -> Int {
        let descriptor = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw Failure(description: "there is no free port: \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// MariaDB does not run as root.
    private static func asOwner(_ command: [String]) -> [String] {
        guard getuid() == 0 else { return command }
        return ["/usr/bin/setpriv", "--reuid=mysql", "--regid=mysql", "--init-groups"] + command
    }

    private static func program(_ name: String) throws -> String {
        let folders =
            ["/usr/sbin", "/usr/bin"]
            + (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
            return "\(folder)/\(name)"
        }
        throw Failure(description: "The tests need MariaDB: `\(name)` was not found. Run scripts/bootstrap --test.")
    }

    @discardableResult
    private static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: "`\(program)` failed: \(text)") }
        return text
    }
}
