import Foundation
import Synchronization

/// PgBouncer in transaction mode before a PostgreSQL of the tests, on a Unix socket. It has fewer sessions than its clients
/// have connections, so that sessions change hands. It ends with this process, however that ends.
package final class RealPgBouncer: Sendable {
    private let folder: URL
    private let running = Mutex<(shell: pid_t, input: Int32)?>(nil)

    /// One before ``RealPostgres/shared()``; ends with the process.
    package static func shared() throws -> RealPgBouncer { try common.get() }
    private static let common = Result { try RealPgBouncer(before: RealPostgres.shared()) }

    package init(before server: RealPostgres, sessions: Int = 3) throws {
        folder = URL(fileURLWithPath: "/tmp/weir-pgb-\(UUID().uuidString.prefix(8).lowercased())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let settings = """
            [databases]
            * = host=\(server.folder.path) port=5432 user=postgres
            [pgbouncer]
            unix_socket_dir = \(folder.path)
            listen_port = 6432
            auth_type = any
            pool_mode = transaction
            default_pool_size = \(sessions)
            max_client_conn = 500
            """
        let file = folder.appendingPathComponent("pgbouncer.ini")
        try Data(settings.utf8).write(to: file)
        if getuid() == 0 { try RealPostgres.run("/bin/chown", ["-R", "postgres:", folder.path]) }
        try start(file)
    }

    deinit { stop() }

    package func url(database: String = "postgres") -> String {
        "postgres://postgres@/\(database)?host=\(folder.path)&port=6432"
    }

    /// The same database as behind `url`, through the pooler.
    package func url(through url: String) -> String {
        let name = url.split(separator: "?")[0].split(separator: "/").last.map(String.init) ?? "postgres"
        return self.url(database: name)
    }

    private func start(_ file: URL) throws {
        let places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
        guard let program = places.first(where: FileManager.default.isExecutableFile) else {
            throw RealPostgres.Failure(
                description: "The tests need PgBouncer: `pgbouncer` was not found. Run scripts/bootstrap --test.")
        }
        let script = """
            folder=$1; shift; "$@" >"$folder/log" 2>&1 </dev/null & server=$!
            read word; kill -INT $server; sleep 0.1; kill -KILL $server 2>/dev/null; wait $server; rm -rf "$folder"
            """
        let command = RealPostgres.asPostgres([program, file.path])
        let started = try ShellSpawning.spawn(["/bin/sh", "-c", script, "sh", folder.path] + command)
        running.withLock { $0 = started }
        let socket = folder.appendingPathComponent(".s.PGSQL.6432").path
        let deadline = Date.now.addingTimeInterval(20)
        while access(socket, F_OK) != 0 {
            guard Date.now < deadline else {
                let log = (try? String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)) ?? ""
                throw RealPostgres.Failure(description: "PgBouncer did not start: \(log)")
            }
            usleep(5000)
        }
    }

    package func stop() {
        guard
            let (shell, input) = running.withLock({ value in
                defer { value = nil }
                return value
            })
        else { return }
        close(input)
        var status: Int32 = 0
        while waitpid(shell, &status, 0) < 0, errno == EINTR {}
    }
}
