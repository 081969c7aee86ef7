import CPostgres
import ConnectionPooling
import Dispatch
import Vocabulary

/// How a connection is opened. Names are looked up, certificates checked and passwords hashed by libpq, which blocks:
/// on threads of their own.
enum PostgresOpening {
    /// - Parameter done: called elsewhere, with the address of the connection or a sentence without secrets.
    static func open(
        _ url: String, _ limits: PoolLimits, done: @escaping @Sendable (Result<Int, PostgresFailure>) -> Void
    ) {
        DispatchQueue.global().async { done(connect(url, limits)) }
    }

    static func connect(_ url: String, _ limits: PoolLimits) -> Result<Int, PostgresFailure> {
        guard let options = PQconninfoParse(url, nil) else {
            // libpq would quote the part it cannot read, which may be of the password.
            return .failure(.lost("The URL cannot be read. Special characters of a password are percent-encoded."))
        }
        PQconninfoFree(options)
        // The URL comes first, expanded; what follows fills in or wins.
        let keywords = ["dbname", "application_name", "client_encoding", "connect_timeout"]
        let values = [url, "weir", "UTF8", String(max(2, limits.openSeconds))]
        guard let connection = withStrings(keywords, { keys in withStrings(values) { PQconnectdbParams(keys, $0, 1) } })
        else { return .failure(.lost("There is no memory for a connection.")) }
        guard PQstatus(connection) == CONNECTION_OK else {
            defer { PQfinish(connection) }
            return .failure(.lost(oneLine(String(cString: PQerrorMessage(connection)))))
        }
        let milliseconds = limits.statementMilliseconds
        let settings = """
            SET statement_timeout = \(milliseconds); SET idle_in_transaction_session_timeout = \(milliseconds * 2);
            SET client_min_messages = warning
            """
        let result = PQexec(connection, settings)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else {
            defer { PQfinish(connection) }
            return .failure(.lost(oneLine(String(cString: PQerrorMessage(connection)))))
        }
        // Notices go nowhere: standard error is for our own log.
        _ = PQsetNoticeReceiver(connection, { _, _ in }, nil)
        return .success(Int(bitPattern: connection))
    }

    /// Nobody wants it any more.
    static func discard(_ result: Result<Int, PostgresFailure>) {
        if case .success(let address) = result { PQfinish(OpaquePointer(bitPattern: address)) }
    }

    /// libpq's messages have lines and hints; ours are one sentence.
    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == "\t" || $0 == " " } }.joined(separator: " ")
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
