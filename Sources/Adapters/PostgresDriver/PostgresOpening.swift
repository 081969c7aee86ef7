import CPostgres
import ConnectionPooling
import Dispatch
import Glibc
import Vocabulary

/// How a connection is opened. Names are looked up, certificates checked and passwords hashed by libpq, which blocks:
/// on threads of their own.
enum PostgresOpening {
    /// A connection that libpq has opened.
    struct Link: Sendable {
        /// Of libpq's structure; whoever has it ends it.
        var address: Int
        /// Something between us and PostgreSQL, such as PgBouncer, may give each transaction another session: no session
        /// state, no prepared statements.
        var isPooled: Bool
    }

    private static let queue = DispatchQueue(label: "weir.postgres.opening", attributes: .concurrent)

    /// - Parameter done: called elsewhere.
    static func open(
        _ target: PostgresTarget, _ limits: PoolLimits,
        done: @escaping @Sendable (Result<Link, PostgresFailure>) -> Void
    ) {
        queue.async { done(Result { () throws(PostgresFailure) in try connect(target, limits) }) }
    }

    /// Nobody wants it any more.
    static func discard(_ result: Result<Link, PostgresFailure>) {
        if case .success(let link) = result { PQfinish(OpaquePointer(bitPattern: link.address)) }
    }

    /// libpq's messages have lines and hints; ours are one sentence.
    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == "\t" || $0 == " " } }.joined(separator: " ")
    }

    // MARK: Connecting

    private static func connect(
        _ target: PostgresTarget, _ limits: PoolLimits
    ) throws(PostgresFailure) -> Link {
        if let reason = weir_libpq_load() { throw .hopeless(String(cString: reason)) }
        let options = try options(target.url)
        // The URL comes expanded; what is before it fills in, what follows wins.
        var pairs = [("fallback_application_name", "weir")]
        if target.mustTakeWrites { pairs.append(("target_session_attrs", "read-write")) }
        pairs += [
            ("dbname", target.url), ("client_encoding", "UTF8"),
            ("connect_timeout", String(max(2, limits.openSeconds))),
        ]
        if let admits = target.admits {
            let judged = try HostJudgement(options, admits: admits)
            pairs += [
                ("host", judged.hosts.joined(separator: ",")), ("hostaddr", judged.addresses.joined(separator: ",")),
                ("port", judged.ports.joined(separator: ",")),
            ]
        }
        let made = withStrings(pairs.map(\.0)) { keys in
            withStrings(pairs.map(\.1)) { PQconnectdbParams(keys, $0, 1) }
        }
        guard let connection = made else { throw .lost("There is no memory for a connection.") }
        do throws(PostgresFailure) {
            guard PQstatus(connection) == CONNECTION_OK else { throw .lost(message(connection)) }
            // Notices go nowhere: standard error is for our own log.
            _ = PQsetNoticeReceiver(connection, { _, _ in }, nil)
            return Link(
                address: Int(bitPattern: connection), isPooled: try isPooled(connection, settingUp: limits))
        } catch {
            PQfinish(connection)
            throw error
        }
    }

    /// What libpq reads in a URL.
    private static func options(_ url: String) throws(PostgresFailure) -> [String: String] {
        // libpq would quote the part it cannot read, or take for a host, which may be of the password.
        let isAmbiguous = url.prefix { $0 != "?" }.count { $0 == "@" } > 1
        guard !isAmbiguous, let options = PQconninfoParse(url, nil) else {
            throw .hopeless(
                "The URL cannot be read. Special characters of a password are percent-encoded; parameters are those of libpq."
            )
        }
        defer { PQconninfoFree(options) }
        var found: [String: String] = [:]
        var next = options
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { found[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        return found
    }

    /// Asks who answers. A pooler makes up the process number it tells a client; the session has another. Where they are the
    /// same, the session is ours, and its settings are made.
    private static func isPooled(
        _ connection: OpaquePointer, settingUp limits: PoolLimits
    ) throws(PostgresFailure) -> Bool {
        let process = PQbackendPID(connection)
        let milliseconds = limits.statementMilliseconds
        let question = """
            SELECT CASE WHEN pg_backend_pid() = \(process) THEN set_config('statement_timeout', '\(milliseconds)', false)
            || set_config('idle_in_transaction_session_timeout', '\(milliseconds * 2)', false) END
            """
        let result = try ask(
            connection, question, by: Stopwatch.nanoseconds() + UInt64(max(2, limits.openSeconds)) * 1_000_000_000)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_TUPLES_OK, PQntuples(result) == 1 else {
            throw .lost(message(connection))
        }
        return PQgetisnull(result, 0, 0) == 1
    }

    /// One simple question, with a deadline that libpq's own blocking call does not have.
    private static func ask(
        _ connection: OpaquePointer, _ question: String, by deadline: UInt64
    ) throws(PostgresFailure) -> OpaquePointer? {
        guard PQsendQuery(connection, question) == 1 else { throw .lost(message(connection)) }
        while PQisBusy(connection) == 1 {
            let now = Stopwatch.nanoseconds()
            guard now < deadline else { throw .lost("PostgreSQL does not answer.") }
            var wait = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
            _ = poll(&wait, 1, Int32((deadline - now) / 1_000_000 + 1))
            guard wait.revents == 0 || PQconsumeInput(connection) == 1 else { throw .lost(message(connection)) }
        }
        let first = PQgetResult(connection)
        while let more = PQgetResult(connection) { PQclear(more) }
        return first
    }

    private static func message(_ connection: OpaquePointer) -> String {
        PQerrorMessage(connection).map { oneLine(String(cString: $0)) } ?? "PostgreSQL cannot be reached."
    }

    /// A null-terminated list of C strings.
    private static func withStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        var bytes: [CChar] = []
        var starts: [Int] = []
        for string in strings {
            starts.append(bytes.count)
            bytes += string.utf8CString
        }
        return bytes.withUnsafeBufferPointer { buffer in
            let list = starts.map { start in buffer.baseAddress.map { $0 + start } } + [nil]
            return list.withUnsafeBufferPointer { body($0.baseAddress) }
        }
    }
}
