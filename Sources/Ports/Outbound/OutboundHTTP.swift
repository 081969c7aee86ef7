/// A request to another system.
package struct OutboundRequest: Sendable, Equatable {
    package var method: String
    /// Absolute, with scheme and host.
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// For everything: name resolution, connection, reply.
    package var timeout: Duration
    /// Bytes of a reply's body beyond which it is given up.
    package var maxReplyBytes: Int
    /// Whether private, loopback and link-local addresses may be called.
    package var allowsPrivateAddresses: Bool
    /// Who asks, and for what below its URL, in words that hold no credentials: for recordings.
    package var connector: String
    package var path: String
    /// Whether it asks for a credential: such a reply is kept nowhere.
    package var asksForCredentials = false

    package init(
        method: String, url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        timeout: Duration, maxReplyBytes: Int = 10 << 20, allowsPrivateAddresses: Bool = false,
        connector: String = "", path: String = ""
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.maxReplyBytes = maxReplyBytes
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.connector = connector
        self.path = path
    }

    package static func == (left: OutboundRequest, right: OutboundRequest) -> Bool {
        (left.method, left.url, left.body, left.timeout) == (right.method, right.url, right.body, right.timeout)
            && left.headers.elementsEqual(right.headers) { $0 == $1 }
            && left.maxReplyBytes == right.maxReplyBytes
            && left.allowsPrivateAddresses == right.allowsPrivateAddresses
    }
}

package struct OutboundReply: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// - Parameter name: in lower case; the header may be written in any.
    package func header(_ name: String) -> String? {
        headers.first { header in
            header.name.utf8.count == name.utf8.count
                && zip(header.name.utf8, name.utf8).allSatisfy { ($0 >= 65 && $0 <= 90 ? $0 | 32 : $0) == $1 }
        }?.value
    }
}

/// Why there is no reply.
package enum OutboundFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The URL is none that can be called.
    case malformed(String)
    /// The host leads to an address that may not be called. Nothing was sent.
    case refusedAddress(String)
    /// No connection, or it broke.
    case unreachable(String)
    case timedOut
    /// The reply has more bytes than were allowed.
    case tooLarge(Int)
    /// Nothing goes out here, and this call was not recorded.
    case notRecorded(String)

    package var description: String {
        switch self {
        case .malformed(let reason), .refusedAddress(let reason), .unreachable(let reason), .notRecorded(let reason):
            reason
        case .timedOut: "There was no answer in time."
        case .tooLarge(let bytes): "The answer has more than the \(bytes) bytes allowed."
        }
    }
}

/// Calls other systems over HTTP. Redirects are followed for GET and HEAD only, a few times, each behind the same rules
/// as the first address; headers that carry credentials stay with the host they were meant for.
package protocol OutboundHTTP: Sendable {
    func send(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundReply
}
