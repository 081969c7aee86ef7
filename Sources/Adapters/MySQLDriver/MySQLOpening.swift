import CMySQL
import Dispatch
import Glibc
import HostLookup
import Vocabulary

/// How a connection is opened. Names are looked up and certificates checked by the library, which may block: on threads
/// of their own. What it waits for is waited for here, to a deadline.
struct MySQLOpening: Sendable {
    /// A connection made, ours from now on.
    struct Made: Sendable {
        /// Of the library's `MYSQL`.
        var handle: Int
        var threadID: UInt
        var isMariaDB: Bool
    }

    let address: MySQLAddress
    let session: MySQLSession
    /// Nil where every address may be called.
    let judgement: AddressJudgement?
    let timeout: UInt64
    let statementMilliseconds: Int
    /// What the server may send in one piece; more ends the connection.
    let maxPacketBytes: Int

    /// - Parameter done: called elsewhere.
    func open(done: @escaping @Sendable (Result<Made, MySQLFailure>) -> Void) {
        DispatchQueue.global().async { done(connect()) }
    }

    /// Ends what a connection is doing, and the connection. Failing is no harm: the server has limits of its own.
    func kill(_ threadID: UInt) {
        DispatchQueue.global().async {
            guard case .success(let made) = connect() else { return }
            let attempt = Attempt(made.handle, until: Stopwatch.nanoseconds() + timeout)
            _ = attempt.run("KILL \(threadID)")
            attempt.close()
        }
    }

    /// Nobody wants it any more.
    static func discard(_ result: Result<Made, MySQLFailure>) {
        if case .success(let made) = result { Attempt(made.handle, until: 0).close() }
    }

    func connect() -> Result<Made, MySQLFailure> {
        if let reason = Self.library { return .failure(.lost(reason)) }
        let deadline = Stopwatch.nanoseconds() + timeout
        var host = address.host
        if address.socket != nil {
            // Reached from this machine only, as a private address is.
            guard judgement?([]) ?? true else { return .failure(refusedAddress) }
        } else {
            let found = HostAddresses.look(up: host)
            guard let first = found.first else { return .failure(.lost("There is no host `\(host)`.")) }
            if let judgement {
                guard found.allSatisfy({ judgement($0.bytes) }) else { return .failure(refusedAddress) }
                // The one that was judged; a name is needed where the certificate has to hold it.
                if !address.privacy.verifies { host = first.text }
            }
        }
        guard let handle = mysql_init(nil) else { return .failure(.lost("There is no memory for a connection.")) }
        let attempt = Attempt(Int(bitPattern: handle), until: deadline)
        prepare(handle)
        if let failure = attempt.connect(address, host: host, before: { look(at: handle) }) {
            attempt.close()
            return .failure(failure)
        }
        if address.socket == nil, ![.disabled, .preferred].contains(address.privacy),
            mysql_get_ssl_cipher(handle) == nil
        {
            attempt.close()
            return .failure(Self.noTLS)
        }
        let made = Made(
            handle: attempt.address, threadID: mysql_thread_id(handle), isMariaDB: mariadb_connection(handle) != 0)
        for sql in session.statements(isMariaDB: made.isMariaDB, statementMilliseconds: statementMilliseconds) {
            guard let failure = attempt.run(sql) else { continue }
            attempt.close()
            return .failure(.lost(failure.message))
        }
        return .success(made)
    }

    /// Why the library cannot be used; nil where it can.
    private static let library: String? = {
        if let reason = weir_libmariadb_load() { return String(cString: reason) }
        return mysql_server_init(0, nil, nil) == 0 ? nil : "MariaDB's client library cannot be set up."
    }()
    private static let noTLS = MySQLFailure.lost("ssl-mode asks for TLS, and the server offers none.")

    private var refusedAddress: MySQLFailure {
        let place =
            address.socket == nil ? "`\(address.host)` leads to a private address" : "a socket is a private address"
        return MySQLFailure(kind: .refusedAddress, message: place)
    }

    // MARK: Before it is connected

    private func prepare(_ handle: UnsafeMutablePointer<MYSQL>) {
        set(MYSQL_OPT_NONBLOCK, 256 << 10, handle)  // the stack that the library waits on, resolver and TLS included
        set(MYSQL_OPT_MAX_ALLOWED_PACKET, maxPacketBytes, handle)
        // A server could ask for any of our files otherwise.
        set(MYSQL_OPT_LOCAL_INFILE, UInt32(0), handle)
        let kind = address.socket == nil ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET
        set(MYSQL_OPT_PROTOCOL, kind.rawValue, handle)
        mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4")
        mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "weir")
        // None that sends the password as it is.
        mysql_options(
            handle, MARIADB_OPT_RESTRICTED_AUTH,
            "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password")
        guard address.socket == nil, address.privacy != .disabled else { return }
        set(MYSQL_OPT_SSL_ENFORCE, CChar(1), handle)
        set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, CChar(address.privacy.verifies ? 1 : 0), handle)
        mysql_options(handle, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3")
        for (option, file) in [
            (MYSQL_OPT_SSL_CA, address.authorities), (MYSQL_OPT_SSL_CERT, address.certificate),
            (MYSQL_OPT_SSL_KEY, address.key),
        ] where !file.isEmpty { mysql_options(handle, option, file) }
    }

    private func set<Value>(_ option: mysql_option, _ value: Value, _ handle: UnsafeMutablePointer<MYSQL>) {
        withUnsafePointer(to: value) { _ = mysql_options(handle, option, $0) }
    }

    /// Looks at what the library is about to go on with.
    private func look(at handle: UnsafeMutablePointer<MYSQL>) -> MySQLFailure? {
        let socket = mysql_get_socket(handle)
        guard socket >= 0 else { return nil }
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        if let judgement, address.socket == nil, let peer = HostAddresses.peer(of: socket), !judgement(peer) {
            return refusedAddress
        }
        guard address.socket == nil, address.privacy != .disabled, address.privacy != .preferred,
            handle.pointee.server_capabilities == 0  // it has not greeted yet
        else { return nil }
        // Without TLS the library would go on and answer the challenge.
        let greeting = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 512) { buffer in
            let count = recv(socket, buffer.baseAddress, buffer.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
            return count > 0 ? Array(buffer[..<count]) : []
        }
        return ServerGreeting.offersTLS(greeting) == false ? Self.noTLS : nil
    }
}

/// A connection being made, or used once, on a thread that may block.
private struct Attempt {
    let address: Int
    let deadline: UInt64

    init(_ address: Int, until deadline: UInt64) {
        self.address = address
        self.deadline = deadline
    }

    private var handle: UnsafeMutablePointer<MYSQL>? { UnsafeMutablePointer(bitPattern: address) }

    /// - Parameter before: called when the library is about to go on; what it returns ends the attempt.
    func connect(_ target: MySQLAddress, host: String, before: () -> MySQLFailure?) -> MySQLFailure? {
        let socket = target.socket ?? ""
        let texts = [host, target.user, target.password, target.database, socket].map { (text: String) in strdup(text) }
        defer { for text in texts { free(text) } }
        let database = target.database.isEmpty ? nil : texts[3]
        var made: UnsafeMutablePointer<MYSQL>?
        let first = mysql_real_connect_start(
            &made, handle, texts[0], texts[1], texts[2], database, UInt32(target.port),
            target.socket == nil ? nil : texts[4], weir_client_flags)
        if let failure = wait(first, before: before, { mysql_real_connect_cont(&made, handle, $0) }) { return failure }
        guard made == nil else { return nil }
        var failure = MySQLFailure(code: mysql_errno(handle), message: String(cString: mysql_error(handle)))
        failure.kind = .lost
        return failure
    }

    func run(_ sql: String) -> MySQLFailure? {
        var code: Int32 = 0
        let text = strdup(sql)
        defer { free(text) }
        let first = mysql_real_query_start(&code, handle, text, UInt(sql.utf8.count))
        if let failure = wait(first, before: { nil }, { mysql_real_query_cont(&code, handle, $0) }) { return failure }
        guard code != 0 else { return nil }
        return MySQLFailure(code: mysql_errno(handle), message: String(cString: mysql_error(handle)))
    }

    /// The last packet is a few bytes and does not wait.
    func close() { mysql_close(handle) }

    /// Waits for what the library waits for, again and again.
    private func wait(_ first: Int32, before: () -> MySQLFailure?, _ proceed: (Int32) -> Int32) -> MySQLFailure? {
        var wants = first
        var failure: MySQLFailure?
        while wants != 0 {
            let got = failure == nil ? ready(wants) : MYSQL_WAIT_TIMEOUT
            if got == MYSQL_WAIT_TIMEOUT {
                failure = failure ?? .lost("The server did not answer in time.")
            } else {
                failure = before()
            }
            wants = proceed(failure == nil ? got : MYSQL_WAIT_TIMEOUT)
        }
        return failure
    }

    private func ready(_ wants: Int32) -> Int32 {
        var entry = pollfd()
        entry.fd = mysql_get_socket(handle)
        if wants & MYSQL_WAIT_READ != 0 { entry.events |= Int16(POLLIN) }
        if wants & MYSQL_WAIT_WRITE != 0 { entry.events |= Int16(POLLOUT) }
        while true {
            let now = Stopwatch.nanoseconds()
            guard now < deadline else { return MYSQL_WAIT_TIMEOUT }
            let count = poll(&entry, 1, Int32(min((deadline - now) / 1_000_000 + 1, 60_000)))
            if count > 0 { return wants & ~MYSQL_WAIT_TIMEOUT }
            if count < 0, errno != EINTR { return MYSQL_WAIT_TIMEOUT }
        }
    }
}
