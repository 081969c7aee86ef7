import Foundation
import Testing

@Suite struct HTTP2Scenarios {
    private static let echo = Client.parse + "," + Client.map("m", "data.n", #"{"var":"data.in.n"}"#)

    private func load(_ weir: RunningWeir, _ arguments: String, body: String, scheme: String = "http") throws
        -> CommandRun
    {
        let file = weir.folder.appendingPathComponent("body-\(UUID().uuidString)")
        try body.write(to: file, atomically: true, encoding: .utf8)
        return try weir.shell(
            "h2load \(arguments) -T 60 -N 60 -H 'content-type: application/json' -d '\(file.path)' "
                + "'\(scheme)://localhost:\(weir.port)\(Client.data)/echo'")
    }

    @Test func `many requests at a time on few connections are all answered`() throws {
        let certificate = try Certificate()
        for (settings, scheme) in [([], "http"), (certificate.settings, "https")] {
            let weir = try RunningWeir(settings)
            // Over TLS what has no channel is enough: every stream gets its own answer.
            if scheme == "http" { try Client(weir.port).deploy("echo", tasks: Self.echo) }
            let run = try load(weir, "-n 3000 -c 3 -m 100", body: #"{"n":1}"#, scheme: scheme)

            let expected = scheme == "http" ? "3000 2xx" : "3000 4xx"
            #expect(run.output.contains("3000 done") && run.output.contains(expected), "\(run)")
            #expect(run.output.contains("0 errored, 0 timeout"))
        }
    }

    @Test func `large bodies come in beside one another, and too large a one is refused in words`() throws {
        let weir = try RunningWeir()
        try Client(weir.port).deploy("echo", tasks: Self.echo)
        let large = #"{"n":1,"x":""# + String(repeating: "a", count: 700_000) + #""}"#

        let run = try load(weir, "-n 60 -c 1 -m 60", body: large)
        let file = weir.folder.appendingPathComponent("too-large").path
        try String(repeating: " ", count: 3_000_000).write(toFile: file, atomically: true, encoding: .utf8)
        let said = try weir.curl("\(Client.data)/echo", "--http2-prior-knowledge --data-binary '@\(file)'")
        let unsaid = try weir.curl(
            "\(Client.data)/echo", "--http2-prior-knowledge -H 'content-length:' -T - < '\(file)' -X POST")

        #expect(run.output.contains("60 2xx") && run.output.contains("0 errored, 0 timeout"), "\(run)")
        #expect(
            said?.status == 413 && said?.version == "2" && said?.code == "PAYLOAD_TOO_LARGE",
            "\(String(describing: said))")
        #expect(unsaid?.status == 413, "\(String(describing: unsaid))")
    }

    @Test func `request ids, gzip and refusals are as they are in the older version`() throws {
        let weir = try RunningWeir(["server.max_header_bytes=8192", "server.max_uri_length=1000"])
        let client = Client(weir.port)
        let long = String(repeating: "b", count: 4000)
        try client.deploy("long", tasks: Client.map("m", "data.x", "\"\(long)\""))
        let how = "--http2-prior-knowledge -H 'content-type: application/json' -H 'x-request-id: mine-1'"

        let reply = try #require(try weir.curl("\(Client.data)/long", how + " --compressed -d '{}'"))
        let head = try #require(try weir.curl("/health", how + " -I"))
        let missing = try #require(try weir.curl("\(Client.data)/none", how + " -d '{}'"))
        let header = try #require(try weir.curl("/health", how + " -H 'x: \(String(repeating: "y", count: 10_000))'"))
        let target = try #require(try weir.curl("/health?\(String(repeating: "y", count: 1000))", how))

        #expect(reply.status == 200 && reply.header("content-encoding") == "gzip" && reply.body.contains(long))
        #expect(reply.header("x-request-id") == "mine-1" && reply.header("x-frame-options") == "DENY")
        #expect(head.status == 200 && head.header("content-length").flatMap(Int.init) ?? 0 > 0)
        #expect(missing.status == 404 && missing.code == "NOT_FOUND" && missing.header("x-request-id") == "mine-1")
        #expect(header.status == 431 && target.status == 414)
    }

    @Test func `SIGTERM lets streams under way finish`() throws {
        let weir = try RunningWeir()
        let loop = DataScenarios.busy.loop.replacingOccurrences(of: "10000", with: "1000")
        try Client(weir.port).deploy("slow", tasks: DataScenarios.busy.tasks, more: loop)
        let command = Process()
        command.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        command.arguments = [
            "curl", "-sS", "--http2-prior-knowledge", "-H", "content-type: application/json", "-d", "{}", "-w",
            "%{http_code}", "-o", "/dev/null", "http://localhost:\(weir.port)\(Client.data)/slow",
        ]
        let output = Pipe()
        command.standardOutput = output
        try command.run()
        let isUnderWay = try RunningWeir.eventually {
            try weir.metric("weir_http_connections") ?? 0 >= 2 && command.isRunning
        }
        #expect(isUnderWay)

        weir.send(signal: SIGTERM)

        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        command.waitUntilExit()
        #expect(said == "200" && weir.waitForExit() == 0)
    }

    /// A frame, as RFC 9113, section 4.1 has it.
    private func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
        let length = payload.count
        return [UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags]
            + (0..<4).map { UInt8(stream >> (24 - 8 * $0) & 255) } + payload
    }

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// `GET /`, from HPACK's static table, and `:authority: x`.
    private static let get: [UInt8] = [0x82, 0x86, 0x84, 0x41, 1, 120]

    @Test func `who opens streams only to reset them is cut off, and nobody else notices`() throws {
        let weir = try RunningWeir()
        let attacker = Client(weir.port)
        var bytes = Self.preface + frame(4, stream: 0)
        for number in 0..<2000 as Range<UInt32> {
            bytes += frame(1, flags: 5, stream: 1 + 2 * number, Self.get)
            bytes += frame(3, stream: 1 + 2 * number, [0, 0, 0, 8])
        }

        let wasTaken = attacker.write(bytes)
        // The server hangs up: what comes is no HTTP/1.1, so the end of the connection is all there is to read.
        #expect(attacker.read() == nil || !wasTaken)

        #expect(try Client(weir.port).call("GET", "/health").status == 200)
        #expect(try RunningWeir.eventually { try weir.metric("weir_http_connections") == 1 })
    }

    @Test func `what breaks the rules of frames ends its connection alone`() throws {
        let weir = try RunningWeir()
        let broken: [[UInt8]] = [
            frame(0, stream: 1, [1]), frame(1, flags: 5, stream: 2, Self.get),
            frame(1, flags: 5, stream: 1, [0xFF, 0xFF]),
            frame(9, stream: 1, [0]), frame(6, stream: 0, [1]), [255, 255, 255, 0, 0, 0, 0, 0, 1],
        ]
        for bytes in broken {
            let client = Client(weir.port)
            _ = client.write(Self.preface + frame(4, stream: 0) + bytes)
            client.finishWriting()
            #expect(client.read() == nil)
        }
        let header = Client(weir.port)
        _ = header.write(
            Self.preface + frame(4, stream: 0)
                + frame(1, flags: 5, stream: 1, Self.get + [0x40, 1, 120, 4, 97, 13, 10, 98]))
        header.finishWriting()
        #expect(header.read() == nil)

        #expect(try Client(weir.port).call("GET", "/health").status == 200)
    }

    @Test func `a connection that says nothing, or begins and goes no further, is ended`() throws {
        let weir = try RunningWeir(["server.header_timeout_secs=1", "server.body_timeout_secs=1"])
        let silent = Client(weir.port)
        #expect(silent.write(Self.preface + frame(4, stream: 0)))
        let slow = Client(weir.port)
        // Flags: the head is whole, its body is not.
        #expect(slow.write(Self.preface + frame(4, stream: 0) + frame(1, flags: 4, stream: 1, Self.get)))

        #expect(silent.read() == nil)
        slow.finishWriting()
        #expect(slow.read() == nil)
        #expect(try RunningWeir.eventually { try weir.metric("weir_http_connections") == 1 })
    }
}
