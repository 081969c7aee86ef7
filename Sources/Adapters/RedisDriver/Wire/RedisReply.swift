/// What the server said to one command (RESP2).
package enum RedisReply: Sendable, Equatable {
    /// `+OK`, `+PONG`.
    case status(String)
    case integer(Int64)
    case bytes([UInt8])
    case array([RedisReply])
    case null
    /// Inside an array only: where the whole reply is an error, the call fails with ``RedisFailure/refused(_:)``.
    case error(RedisError)

    package var integer: Int64? {
        switch self {
        case .integer(let number): number
        case .bytes(let bytes): Int64(String(decoding: bytes, as: UTF8.self))
        case .status, .array, .null, .error: nil
        }
    }

    package var bytes: [UInt8]? {
        switch self {
        case .bytes(let bytes): bytes
        case .status(let text): Array(text.utf8)
        case .integer, .array, .null, .error: nil
        }
    }

    package var text: String? {
        switch self {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        case .integer, .array, .null, .error: nil
        }
    }

    package var array: [RedisReply]? { if case .array(let elements) = self { elements } else { nil } }

    package var isNull: Bool { self == .null }
}

/// An error of the server's: `WRONGTYPE Operation against a key holding the wrong kind of value`.
package struct RedisError: Error, Sendable, Equatable {
    /// The first word, by which errors are told apart.
    package var code: String
    /// All of it. Redis quotes commands that it does not know, and values of none.
    package var message: String

    package init(_ message: String) {
        self.message = message
        code = String(message.prefix { $0 != " " })
    }
}
