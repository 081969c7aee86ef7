import JSONTree

/// One message of JSON-RPC 2.0, as the Model Context Protocol narrows it: ids are strings or numbers, params objects.
enum JSONRPCMessage {
    case request(id: JSONValue, method: String, params: JSONValue)
    case notification(method: String)
    /// The client's answer to something; we ask nothing, so nothing is done with it.
    case response

    init(_ value: JSONValue) throws(JSONRPCFailure) {
        let id = value.member("id")
        let known = id.flatMap { $0.isString || $0.isNumber ? $0 : nil }
        func invalid(_ reason: String) -> JSONRPCFailure {
            JSONRPCFailure(.invalidRequest, reason, id: known ?? .null)
        }
        guard value.isObject else { throw invalid("A message must be an object.") }
        guard value.member("jsonrpc")?.stringValue == "2.0" else {
            throw invalid("A message must have `jsonrpc`: \"2.0\".")
        }
        guard id == nil || known != nil else { throw invalid("The `id` must be a string or a number.") }
        guard let method = value.member("method") else {
            guard known != nil, value.member("result") != nil || value.member("error") != nil else {
                throw invalid("A message must have a `method`.")
            }
            self = .response
            return
        }
        guard let method = method.stringValue else { throw invalid("The `method` must be a string.") }
        guard let known else {
            self = .notification(method: method)
            return
        }
        let params = value.member("params")
        guard params?.isObject ?? true else {
            throw JSONRPCFailure(.invalidParams, "The `params` must be an object.", id: known)
        }
        self = .request(id: known, method: method, params: params ?? .null)
    }
}

/// What is answered to a message that cannot be followed.
struct JSONRPCFailure: Error {
    /// JSON-RPC 2.0, section 5.1.
    enum Code: Int64 {
        case parseError = -32700
        case invalidRequest = -32600
        case methodNotFound = -32601
        case invalidParams = -32602
    }

    var code: Code
    var message: String
    /// Null where the message did not say whose it is.
    var id: JSONValue

    init(_ code: Code, _ message: String, id: JSONValue = .null) {
        self.code = code
        self.message = message
        self.id = id
    }

    func write(into buffer: inout JSONByteBuffer) {
        buffer.append("{\"jsonrpc\":\"2.0\",\"id\":")
        JSONWriter.write(id, into: &buffer)
        buffer.append(",\"error\":{\"code\":")
        buffer.append(integer: code.rawValue)
        buffer.append(",\"message\":")
        JSONWriter.write(message, into: &buffer)
        buffer.append("}}")
    }
}
