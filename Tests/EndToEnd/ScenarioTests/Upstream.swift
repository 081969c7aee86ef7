import Foundation
import Glibc
import Synchronization

/// A server for the tests to call out to: one thread a connection, one answer a request, as the test wants it.
final class Upstream: Sendable {
    struct Request: Sendable {
        var method: String
        var path: String
        var headers: [String: String]
        var body: String
    }

    enum Answer: Sendable {
        case reply(status: Int, headers: [String] = [], body: String = "")
        /// Nothing, for as long as the connection stays.
        case silence
        /// The connection is closed without a word.
        case hangUp
        /// The connection is reset.
        case reset
        /// The head, and then a byte now and then for as long as the other side takes them.
        case drip
        /// A body of this many bytes that nobody holds in memory here.
        case flood(bytes: Int)
        /// An answer that leaves the connection open in word, and closed in deed.
        case replyAndGo(body: String)
    }

    let port: Int
    private let listener: Int32
    private let seen = Mutex<[Request]>([])
    private let answer: @Sendable (Request) -> Answer

    var requests: [Request] { seen.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    init(_ answer: @escaping @Sendable (Request) -> Answer) throws {
        self.answer = answer
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw RunningWeir.Failure("no port for the upstream") }
        port = Int(in_port_t(bigEndian: address.sin_port))
        self.listener = listener
        Thread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                guard let self else {
                    close(connection)
                    return
                }
                Thread { self.serve(connection) }.start()
            }
        }.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        var bytes: [UInt8] = []
        while let request = Self.read(connection, &bytes) {
            seen.withLock { $0.append(request) }
            switch answer(request) {
            case .hangUp: return
            case .replyAndGo(let body):
                let all = Array("HTTP/1.1 200 X\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
                _ = send(connection, all, all.count, Int32(MSG_NOSIGNAL))
                return
            case .reset:
                var now = linger(l_onoff: 1, l_linger: 0)
                setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
                return
            case .drip:
                let head = Array("HTTP/1.1 200 X\r\ncontent-length: 100000\r\n\r\n".utf8)
                _ = send(connection, head, head.count, Int32(MSG_NOSIGNAL))
                // 0x2000 is POLLRDHUP, which Glibc does not bring: wait for a hang-up, and drip when none came.
                var gone = pollfd(fd: connection, events: 0x2000, revents: 0)
                while poll(&gone, 1, 20) == 0, send(connection, [65], 1, Int32(MSG_NOSIGNAL)) == 1 {}
                return
            case .flood(let bytes):
                let head = Array("HTTP/1.1 200 X\r\ncontent-length: \(bytes)\r\n\r\n".utf8)
                _ = send(connection, head, head.count, Int32(MSG_NOSIGNAL))
                let piece = [UInt8](repeating: 65, count: 65_536)
                for _ in 0..<bytes / piece.count {
                    guard send(connection, piece, piece.count, Int32(MSG_NOSIGNAL)) == piece.count else { return }
                }
            case .silence:
                var byte: UInt8 = 0
                _ = recv(connection, &byte, 1, 0)
                return
            case .reply(let status, let headers, let body):
                let head = (["HTTP/1.1 \(status) X", "content-length: \(body.utf8.count)"] + headers).joined(
                    separator: "\r\n")
                let all = Array((head + "\r\n\r\n" + body).utf8)
                guard send(connection, all, all.count, Int32(MSG_NOSIGNAL)) == all.count else { return }
            }
        }
    }

    private static func read(_ connection: Int32, _ bytes: inout [UInt8]) -> Request? {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                let parts = lines[0].split(separator: " ")
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                        in: .whitespaces)
                }
                let length = Int(headers["content-length"] ?? "0") ?? 0
                if bytes.count >= end.upperBound + length {
                    let body = String(decoding: bytes[end.upperBound..<end.upperBound + length], as: UTF8.self)
                    bytes.removeFirst(end.upperBound + length)
                    return Request(method: String(parts[0]), path: String(parts[1]), headers: headers, body: body)
                }
            }
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
        }
    }
}
