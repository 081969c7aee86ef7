/// What a caller is told when something cannot be done: the one shape of every error that leaves Weir.
///
/// `message` is a sentence for people and holds no secret. `code` is stable: clients switch on it.
package struct Problem: Error, Sendable, Equatable {
    package var code: Code
    package var message: String
    package var details: [Detail]
    /// When asking again may help; sent as `Retry-After`, rounded up to whole seconds.
    package var retryAfter: Duration?

    package init(_ code: Code, _ message: String, details: [Detail] = [], retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.details = details
        self.retryAfter = retryAfter
    }

    /// The stable names. The table from code to HTTP status is `ProblemStatus` in `HTTPAPI`.
    package enum Code: String, Sendable, CaseIterable {
        case validation = "VALIDATION_ERROR"
        case unauthorized = "UNAUTHORIZED"
        case forbidden = "FORBIDDEN"
        case notFound = "NOT_FOUND"
        case methodNotAllowed = "METHOD_NOT_ALLOWED"
        case conflict = "CONFLICT"
        case preconditionFailed = "PRECONDITION_FAILED"
        case payloadTooLarge = "PAYLOAD_TOO_LARGE"
        case uriTooLong = "URI_TOO_LONG"
        case headersTooLarge = "HEADERS_TOO_LARGE"
        case unsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
        case requestTimeout = "REQUEST_TIMEOUT"
        case rateLimited = "RATE_LIMITED"
        case internalError = "INTERNAL_ERROR"
        case engine = "ENGINE_ERROR"
        case storage = "STORAGE_ERROR"
        case responseTooLarge = "RESPONSE_TOO_LARGE"
        case unavailable = "SERVICE_UNAVAILABLE"
        case timeout = "TIMEOUT"
        case circuitOpen = "CIRCUIT_OPEN"
        case notImplemented = "NOT_IMPLEMENTED"
    }

    /// One field that is wrong, and why.
    package struct Detail: Sendable, Equatable {
        /// Where, from the root of the resource: `tasks[1].function.input.mappings[0].path`.
        package var path: String
        package var code: Code
        package var message: String
        package var expected: String?
        package var got: String?

        package init(
            _ path: String, _ code: Code, _ message: String, expected: String? = nil, got: String? = nil
        ) {
            self.path = path
            self.code = code
            self.message = message
            self.expected = expected
            self.got = got
        }

        package enum Code: String, Sendable {
            case required = "REQUIRED"
            case requiredForProtocol = "REQUIRED_FOR_PROTOCOL"
            case invalid = "INVALID"
            case typeMismatch = "TYPE_MISMATCH"
            case tooLong = "TOO_LONG"
            case unknownField = "UNKNOWN_FIELD"
            case duplicateField = "DUPLICATE_FIELD"
            case duplicateTaskID = "DUPLICATE_TASK_ID"
            case unknownFunction = "UNKNOWN_FUNCTION"
            case unknownOperator = "UNKNOWN_OPERATOR"
            case notFound = "NOT_FOUND"
            case conflict = "CONFLICT"
        }
    }
}
