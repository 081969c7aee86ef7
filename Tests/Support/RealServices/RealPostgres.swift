package import Foundation
import Synchronization

/// A PostgreSQL server of the tests' own, on a Unix socket in a folder of its own. It ends with this process, however
/// that ends: a shell beside it waits for its input to close.
package final class RealPostgres: Sendable {
    package struct Failure: Error, CustomStringConvertible { package var description: String }

    package let folder: URL
    /// The shell, and the descriptor of its input.
    private let running = Mutex<(shell: pid_t, input: Int32)?>(nil)

    /// One for all tests that do not stop it; ends with the process.
    package static func shared() throws -> RealPostgres { try common.get() }
    private static let common = Result { try RealPostgres() }

    /// The port on 127.0.0.1, where it listens there.
    package let port: Int

    /// - Parameters:
    ///   - settings: more lines for postgresql.conf.
    ///   - primary: this one follows it as a hot standby.
    ///   - isSecured: it also listens on 127.0.0.1, for TLS with passwords by SCRAM and nothing else.
    package init(
        _ settings: [String] = [], standbyOf primary: RealPostgres? = nil, isSecured: Bool = false
    ) throws {
        port = isSecured ? try FreePorts.take() : 5432
        // A socket's path has at most 107 bytes: not under a long temporary folder.
        folder = URL(fileURLWithPath: "/tmp/weir-pg-\(UUID().uuidString.prefix(8).lowercased())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        if getuid() == 0 { try Self.run("/bin/chown", ["postgres:", folder.path]) }
        let making =
            if let primary {
                [
                    try Self.program("pg_basebackup"), "-h", primary.folder.path, "-U", "postgres", "-D", data.path,
                    "-R",
                    "-X", "stream", "-c", "fast", "--no-sync",
                ]
            } else {
                [
                    try Self.program("initdb"), "-D", data.path, "-A", "trust", "-U", "postgres", "-E", "UTF8",
                    "--locale=C.UTF-8", "--no-sync",
                ]
            }
        let command = Self.asPostgres(making)
        try Self.run(command[0], Array(command.dropFirst()))
        var lines =
            [
                "listen_addresses=''", "port=\(port)", "unix_socket_directories='\(folder.path)'", "fsync=off",
                "max_connections=200", "shared_buffers=32MB", "log_min_messages=fatal",
            ] + settings
        if isSecured {
            lines += try makeCertificates()
            let rules = "local all all trust\nlocal replication all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
            try Data(rules.utf8).write(to: data.appendingPathComponent("pg_hba.conf"))
        }
        let file = try FileHandle(forWritingTo: data.appendingPathComponent("postgresql.conf"))
        try file.seekToEnd()
        try file.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
        try file.close()
        try start()
    }

    deinit { stop(.leaving) }

    private var data: URL { folder.appendingPathComponent("data") }

    package func url(database: String = "postgres") -> String {
        "postgres://postgres@/\(database)?host=\(folder.path)&port=\(port)"
    }

    /// A new, empty database.
    package func makeDatabase() throws -> String {
        let name = "test_" + UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
        try sql("CREATE DATABASE \(name)")
        return url(database: name)
    }

    package func sql(_ text: String) throws {
        try Self.run(try Self.program("psql"), ["-q", "-v", "ON_ERROR_STOP=1", "-c", text, url()])
    }

    /// What a statement answers, as text, asked with PostgreSQL's own client.
    package static func ask(_ text: String, at url: String) throws -> String {
        try run(try program("psql"), ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text, url])
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Becomes the primary, if it is a standby.
    package func promote() throws { _ = try Self.ask("SELECT pg_promote()", at: url()) }

    // MARK: Network

    /// Whom its certificate was made by, and another that made none; files.
    package var authority: String { folder.appendingPathComponent("authority.pem").path }
    package var otherAuthority: String { folder.appendingPathComponent("other.pem").path }

    /// Certificates of localhost by an authority of its own.
    private func makeCertificates() throws -> [String] {
        let script = """
            set -e; cd "$1"; kind="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
            for name in authority other; do
                openssl req -x509 $kind -subj "/CN=Tests $name" -keyout $name.key -out $name.pem 2>&1
            done
            openssl req $kind -subj /CN=localhost -keyout server.key -out server.csr 2>&1
            printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' >names
            openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 30 \\
                -extfile names -out server.pem 2>&1
            chmod 600 server.key; if [ "$(id -u)" = 0 ]; then chown postgres: server.key server.pem; fi
            """
        try Self.run("/bin/sh", ["-c", script, "sh", folder.path])
        return [
            "listen_addresses='127.0.0.1'", "ssl=on", "ssl_cert_file='\(folder.path)/server.pem'",
            "ssl_key_file='\(folder.path)/server.key'", "password_encryption='scram-sha-256'",
        ]
    }

    /// Runs one of PostgreSQL's programs to its end, and gives its output.
    @discardableResult
    package static func program(_ name: String, _ arguments: [String]) throws -> String {
        try run(try program(name), arguments)
    }

    // MARK: Life

    /// Starts it, and returns when it answers.
    package func start() throws {
        let script = """
            folder=$1; shift; "$@" >"$folder/log" 2>&1 </dev/null & server=$!
            read word
            case "$word" in
                fast) kill -INT $server; wait $server;;
                at-once) kill -QUIT $server; wait $server;;
                *) kill -QUIT $server; wait $server; rm -rf "$folder";;
            esac
            """
        let server = Self.asPostgres([try Self.program("postgres"), "-D", data.path])
        let started = try ShellSpawning.spawn(["/bin/sh", "-c", script, "sh", folder.path] + server)
        running.withLock { $0 = started }
        let deadline = Date.now.addingTimeInterval(20)
        // The postmaster writes its state on the eighth line of its file; pg_ctl looks there too.
        let file = data.appendingPathComponent("postmaster.pid")
        while true {
            let lines =
                (try? String(contentsOf: file, encoding: .utf8))?.split(
                    separator: "\n", omittingEmptySubsequences: false) ?? []
            if lines.count > 7, lines[7].hasPrefix("ready") { return }
            guard Date.now < deadline else {
                let log = (try? String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)) ?? ""
                throw Failure(description: "PostgreSQL did not start: \(log)")
            }
            usleep(5000)
        }
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
        else { return }
        let word = way.rawValue + "\n"
        _ = word.withCString { write(input, $0, strlen($0)) }
        close(input)
        var status: Int32 = 0
        while waitpid(shell, &status, 0) < 0, errno == EINTR {}
    }

    // MARK: Programs

    /// PostgreSQL does not run as root.
    static func asPostgres(_ command: [String]) -> [String] {
        guard getuid() == 0 else { return command }
        return ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] + command
    }

    static func program(_ name: String) throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let folders =
            versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "\(root)/\($0)/bin" }
            + (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
            return "\(folder)/\(name)"
        }
        throw Failure(description: "The tests need PostgreSQL: `\(name)` was not found. Run scripts/bootstrap --test.")
    }

    /// - Returns: its output.
    @discardableResult
    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let (output, errors) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: "`\(program)` failed: \(complaint)") }
        return text
    }
}
