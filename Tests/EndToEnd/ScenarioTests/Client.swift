import Foundation
import Glibc

/// One connection, spoken by hand, with a deadline on everything.
final class Client {
    private var socket: Int32 = -1
    private let port: Int

    struct Reply {
        var status: Int
        var head: String
        var body: Data

        var json: Any? { try? JSONSerialization.jsonObject(with: body, options: [.fragmentsAllowed]) }
        var object: [String: Any] { json as? [String: Any] ?? [:] }
        var data: [String: Any] { object["data"] as? [String: Any] ?? [:] }
        var code: String? { (object["error"] as? [String: Any])?["code"] as? String }
        func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix(name + ":") {
                return line.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
            }
            return nil
        }
    }

    init(_ port: Int) { self.port = port }

    deinit { close() }

    func close() {
        if socket >= 0 { Glibc.close(socket) }
        socket = -1
    }

    var isConnected: Bool { socket >= 0 }

    private func connect() -> Bool {
        guard socket < 0 else { return true }
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 15, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 { close() }
        return result == 0
    }

    /// - Returns: whether all of it was taken.
    func write(_ bytes: [UInt8]) -> Bool {
        guard connect() else { return false }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// No more will be sent; replies can still be read.
    func finishWriting() { _ = shutdown(socket, Int32(SHUT_WR)) }

    /// The next reply, or `nil` when the connection ended or nothing came in time.
    func read() -> Reply? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
                var reply = Reply(
                    status: Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0, head: head, body: Data())
                let length = Int(reply.header("content-length") ?? "0") ?? 0
                if bytes.count >= end.upperBound + length {
                    reply.body = Data(bytes[end.upperBound..<end.upperBound + length])
                    if reply.header("connection") == "close" { close() }
                    return reply
                }
            }
            let count = recv(socket, &chunk, chunk.count, 0)
            guard count > 0 else {
                close()
                return nil
            }
            bytes += chunk[..<count]
        }
    }

    static func request(
        _ method: String, _ path: String, _ body: String? = nil, headers: [String] = []
    ) -> [UInt8] {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
        for header in headers { text += header + "\r\n" }
        if let body { text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
        return Array((text + "\r\n" + (body ?? "")).utf8)
    }

    /// Sends bytes as they are.
    func exchange(_ bytes: [UInt8]) -> Reply? { write(bytes) ? read() : nil }

    func call(_ method: String, _ path: String, _ body: String? = nil, headers: [String] = []) throws -> Reply {
        guard write(Self.request(method, path, body, headers: headers)), let reply = read() else {
            throw RunningWeir.Failure("no reply to \(method) \(path)")
        }
        return reply
    }

    static let admin = "/api/v1/admin"
    static let data = "/api/v1/data"

    /// Creates and activates a workflow with these tasks and a channel of the same name.
    func deploy(_ name: String, tasks: String, more: String = "", channel: String = "") throws {
        let steps = [
            (
                "POST", "\(Self.admin)/workflows",
                "{\"workflow_id\":\"\(name)\",\"name\":\"\(name)\",\"tasks\":[\(tasks)]\(more)}", 201
            ),
            ("PATCH", "\(Self.admin)/workflows/\(name)/status", "{\"status\":\"active\"}", 200),
            (
                "POST", "\(Self.admin)/channels",
                "{\"channel_id\":\"\(name)\",\"name\":\"\(name)\",\"channel_type\":\"sync\",\"protocol\":\"rest\",\"workflow_id\":\"\(name)\"\(channel)}",
                201
            ),
            ("PATCH", "\(Self.admin)/channels/\(name)/status", "{\"status\":\"active\"}", 200),
        ]
        for (method, path, body, status) in steps {
            let reply = try call(method, path, body)
            guard reply.status == status else {
                throw RunningWeir.Failure("\(path): \(String(decoding: reply.body, as: UTF8.self))")
            }
        }
    }

    static func task(_ id: String, _ function: String, _ input: String, more: String = "") -> String {
        "{\"id\":\"\(id)\",\"name\":\"\(id)\",\"function\":{\"name\":\"\(function)\",\"input\":\(input)}\(more)}"
    }

    static func map(_ id: String, _ path: String, _ logic: String, more: String = "") -> String {
        task(id, "map", "{\"mappings\":[{\"path\":\"\(path)\",\"logic\":\(logic)}]}", more: more)
    }

    static let parse = task("parse", "parse_json", "{\"source\":\"payload\",\"target\":\"in\"}")
}
