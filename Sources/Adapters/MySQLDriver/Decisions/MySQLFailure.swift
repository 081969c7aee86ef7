package import Storage

/// Why a statement did not succeed, judged by the number of the error (MariaDB and MySQL share those below 1900 and from
/// 2000 on; `mysqld_error.h`, `errmsg.h`).
package struct MySQLFailure: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The server said no.
        case server
        /// The connection broke, or could not be made.
        case lost
        case timedOut
        case cancelled
        /// The answer has more rows or bytes than wanted.
        case tooMuch
        /// We said no, before anything was sent.
        case refused
        /// The address is one that must not be called.
        case refusedAddress
    }

    package var kind: Kind
    /// 0 where it was not the server or its library that said no.
    package var code: UInt32 = 0
    /// Without secrets.
    package var message: String
    /// Nothing that it would have changed is changed: it can be sent again whatever it does.
    package var isUndone = false

    package static func refused(_ message: String) -> MySQLFailure { MySQLFailure(kind: .refused, message: message) }

    static func lost(_ message: String, isUndone: Bool = false) -> MySQLFailure {
        MySQLFailure(kind: .lost, message: message, isUndone: isUndone)
    }

    static let cancelled = MySQLFailure(kind: .cancelled, message: "The caller did not wait for the answer.")
    static let timedOut = MySQLFailure(kind: .timedOut, message: "The server did not answer in time.")

    init(kind: Kind, message: String, isUndone: Bool = false) {
        self.kind = kind
        self.message = message
        self.isUndone = isUndone
    }

    /// - Parameter code: of the server, or of the library (2000 to 2999, 5000 and more).
    init(code: UInt32, message: String) {
        self.code = code
        self.message = message
        kind =
            switch code {
            // Lost in one way or another; the server ends, killed the connection, or shuts down.
            case 1043, 1047, 1053, 1077, 1079, 1080, 1152, 1154...1161, 1184, 1927, 2002...2006, 2012, 2013, 2026, 2055:
                .lost
            case 1969, 3024: .timedOut
            case 2020: .tooMuch
            default: .server
            }
    }

    /// The server undid the transaction and asks for another try, or did not begin: deadlock; lock wait (we roll back the
    /// rest); changed since it was read; a statement it must have prepared again.
    package var wasUndone: Bool { isUndone || [1213, 1205, 1020, 1243, 1615].contains(code) }

    /// The connection leads nowhere: it broke, its state is not known, or the server turned out to take no writes.
    var endsConnection: Bool {
        switch kind {
        case .lost, .timedOut, .cancelled, .tooMuch: true
        case .server: [1153, 1290, 1836].contains(code)
        case .refused, .refusedAddress: false
        }
    }

    /// Opening a connection again cannot help: the address, or whom we say we are, is refused.
    var isHopeless: Bool { [.refused, .refusedAddress].contains(kind) || [1044, 1045, 1049, 1698].contains(code) }

    package var storage: StorageFailure {
        switch kind {
        case .lost, .timedOut, .cancelled: return .unavailable(message)
        case .tooMuch, .refused, .refusedAddress: return .broken(message)
        case .server: break
        }
        switch code {
        // Met another; a key that exists.
        case 1213, 1205, 1020, 1062, 1169, 1586: return .conflict
        // Takes no writes; too many connections or statements; out of memory or disk; interrupted; no rights yet.
        case 1290, 1836, 1040, 1203, 1226, 1461, 1021, 1037, 1038, 1041, 1114, 1317, 1243, 1615:
            return .unavailable(message)
        case 0: return .broken(message)
        default: return .broken("\(message) (error \(code))")
        }
    }
}
