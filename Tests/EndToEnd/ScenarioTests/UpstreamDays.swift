import Foundation
import Synchronization
import Testing

/// Other systems on their bad days: the caller gets a documented answer in time, and nothing is left behind.
@Suite struct UpstreamDays {
    private static let connectors = "\(Client.admin)/connectors"

    /// Answers by path; `/metadata` leads where nobody may go.
    private static func upstream() throws -> Upstream {
        let turns = Mutex(0)
        return try Upstream { request in
            switch request.path {
            case "/silent": return .silence
            case "/hangup": return .hangUp
            case "/reset": return .reset
            case "/drip": return .drip
            case "/large": return .reply(status: 200, body: String(repeating: "a", count: 2000))
            case "/gigabyte": return .flood(bytes: 1 << 30)
            case "/metadata": return .reply(status: 302, headers: ["location: http://169.254.169.254/latest/meta-data"])
            case "/loop": return .reply(status: 302, headers: ["location: /loop"])
            case "/text": return .reply(status: 200, body: "not json")
            case "/half":
                let turn = turns.withLock {
                    $0 += 1
                    return $0
                }
                return turn % 2 == 0 ? .reply(status: 200, body: "{}") : .reply(status: 503)
            default: return .reply(status: 500, body: "no")
            }
        }
    }

    private func connect(_ client: Client, _ url: String, _ more: String) throws {
        let reply = try client.call(
            "POST", Self.connectors,
            #"{"name":"up","connector_type":"http","config":{"url":"\#(url)","allow_private_urls":true,\#(more)}}"#)
        #expect(reply.status == 201)
    }

    private func deploy(_ client: Client, _ path: String, timeout: Int = 300, channel: String = "") throws {
        let input = #"{"connector":"up","path":"\#(path)","timeout_ms":\#(timeout),"output":"data.reply"}"#
        try client.deploy(
            channel.isEmpty ? path : "limited", tasks: Client.task("call", "http_call", input), channel: channel)
    }

    @Test func `whatever an upstream does, the caller has an answer in time`() throws {
        let upstream = try Self.upstream()
        let weir = try RunningWeir(["engine.circuit_breaker.enabled=false"])
        let client = Client(weir.port)
        try connect(client, upstream.url, #""retry":{"max_retries":0},"max_response_size":1000000"#)
        let wanted = [
            ("silent", "did not answer in time"), ("drip", "did not answer in time"), ("hangup", "cannot be reached"),
            ("reset", "cannot be reached"), ("gigabyte", "more than 1000000 bytes"), ("metadata", "may not be called"),
            ("loop", "answered 302"), ("error", "answered 500"),
        ]
        for (path, _) in wanted { try deploy(client, path) }
        try deploy(client, "silent", timeout: 60_000, channel: #","config":{"timeout_ms":200}"#)
        let memory = weir.residentBytes

        for (path, sentence) in wanted {
            let began = Date()
            let reply = try client.call("POST", "\(Client.data)/\(path)", "{}")
            let text = String(decoding: reply.body, as: UTF8.self)
            #expect(reply.status == 500 && reply.code == "ENGINE_ERROR" && text.contains(sentence), "\(path): \(text)")
            #expect(Date().timeIntervalSince(began) < 5, "\(path)")
        }
        let limited = try client.call("POST", "\(Client.data)/limited", "{}")

        #expect(limited.status == 504 && limited.code == "TIMEOUT")
        #expect(weir.residentBytes < memory + 40 << 20, "\(memory) before, \(weir.residentBytes) after a gigabyte")
    }

    @Test func `over TLS a call is answered, and one that stands still in the middle ends in time`() throws {
        let good = try TLSUpstream("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"tls\": 1}")
        let stuck = try TLSUpstream("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"tls\"")
        func ask(_ upstream: TLSUpstream, _ more: [String]) throws -> Client.Reply {
            let weir = try RunningWeir(more)
            let client = Client(weir.port)
            try connect(client, "https://localhost:\(upstream.port)", #""retry":{"max_retries":0}"#)
            try deploy(client, "tls", timeout: 2000)
            return try client.call("POST", "\(Client.data)/tls", "{}")
        }

        let stranger = try ask(stuck, [])
        let trusted = try ask(good, ["connectors.ca_file=\(good.certificate)"])
        let began = Date()
        let late = try ask(stuck, ["connectors.ca_file=\(stuck.certificate)"])

        #expect(stranger.status == 500 && String(decoding: stranger.body, as: UTF8.self).contains("TLS handshake"))
        #expect((trusted.data["reply"] as? [String: Any])?["tls"] as? Int == 1, "\(trusted)")
        #expect(late.status == 500 && String(decoding: late.body, as: UTF8.self).contains("did not answer in time"))
        #expect(Date().timeIntervalSince(began) < 15)
        let start = try RunningWeir.command([
            "serve", "--port", "0", "--storage-url", "memory:", "--set", "connectors.ca_file=/none",
        ])
        #expect(start.code == 1 && start.errors.contains("connectors.ca_file"), "\(start)")
    }

    @Test func `an upstream that fails half of the time is asked again`() throws {
        let upstream = try Self.upstream()
        let weir = try RunningWeir(["engine.circuit_breaker.failure_threshold=1000"])
        let client = Client(weir.port)
        try connect(client, upstream.url, #""retry":{"max_retries":2,"retry_delay_ms":1}"#)
        try deploy(client, "half", timeout: 5000)

        let statuses = try (0..<100).map { _ in try client.call("POST", "\(Client.data)/half", "{}").status }

        #expect(statuses.allSatisfy { $0 == 200 })
        #expect(upstream.requests.count == 200)
    }

    @Test func `ten thousand calls that fail in every way leave neither connections nor memory behind`() throws {
        let upstream = try Self.upstream()
        let weir = try RunningWeir(["engine.circuit_breaker.enabled=false", "queue.trace_retention_count=1000"])
        let client = Client(weir.port)
        try connect(client, upstream.url, #""retry":{"max_retries":0},"max_response_size":1000"#)
        let paths = ["hangup", "reset", "silent", "drip", "large", "error", "metadata", "half"]
        for path in paths {
            let isSlow = ["silent", "drip"].contains(path)
            try deploy(
                client, path, timeout: isSlow ? 4 : 2000)
        }
        func rounds(_ number: Int) throws {
            for _ in 0..<number {
                for path in paths {
                    let status = try client.call("POST", "\(Client.data)/\(path)", "{}").status
                    #expect(status == 500 || path == "half")
                }
            }
        }
        try rounds(125)
        let descriptors = weir.descriptors
        let memory = weir.residentBytes
        try rounds(1125)

        #expect(weir.descriptors <= descriptors + 10, "\(descriptors) before, \(weir.descriptors) after")
        #expect(weir.residentBytes <= memory + 24 << 20, "\(memory) before, \(weir.residentBytes) after")
    }
}
