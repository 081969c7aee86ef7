import Foundation
import Testing

@Suite struct TLSScenarios {
    @Test func `one port speaks both versions of HTTP over TLS, for calls and for administration`() throws {
        let certificate = try Certificate()
        let weir = try RunningWeir(certificate.settings + ["admin_auth.api_keys=k"])
        let trust = certificate.certificate

        let old = try #require(try weir.curl("/health", "--http1.1", trusting: trust))
        let new = try #require(try weir.curl("/health", "--http2", trusting: trust))
        let admin = try #require(
            try weir.curl("\(Client.admin)/workflows", "-H 'Authorization: Bearer k'", trusting: trust))
        let stranger = try #require(try weir.curl("\(Client.admin)/workflows", trusting: trust))

        #expect(old.status == 200 && old.version == "1.1" && new.status == 200 && new.version == "2")
        #expect(admin.status == 200 && stranger.status == 401)
        for reply in [old, new, admin, stranger] {
            #expect(reply.header("strict-transport-security") == "max-age=63072000; includeSubDomains")
            #expect(reply.header("x-content-type-options") == "nosniff" && reply.header("x-request-id") != nil)
        }
        let plain = try RunningWeir()
        #expect(try Client(plain.port).call("GET", "/health").header("strict-transport-security") == nil)
    }

    @Test func `the command line asks over TLS too, and trusts whom it is told to`() throws {
        let certificate = try Certificate()
        let weir = try RunningWeir(certificate.settings)
        let url = ["WEIR_SERVER_URL": "https://localhost:\(weir.port)"]
        let trusting = url.merging(["WEIR_CA_FILE": certificate.certificate]) { $1 }

        #expect(try RunningWeir.command(["get", "workflows"], environment: trusting).code == 0)
        #expect(try RunningWeir.command(["get", "workflows"], environment: url).code == 2)
    }

    @Test func `without HTTP 2 there is the older version alone`() throws {
        let certificate = try Certificate()
        let weir = try RunningWeir(certificate.settings + ["server.http2.enabled=false"])

        let reply = try weir.curl("/health", "--http2", trusting: certificate.certificate)

        #expect(reply?.status == 200 && reply?.version == "1.1")
    }

    @Test func `who speaks no TLS is hung up on, and the others are served on`() throws {
        let certificate = try Certificate()
        let weir = try RunningWeir(certificate.settings)
        let plain = Client(weir.port)

        #expect(plain.write(Client.request("GET", "/health")))
        #expect(plain.read() == nil)

        #expect(try weir.curl("/health", trusting: certificate.certificate)?.status == 200)
        #expect(
            try weir.metric("weir_tls_handshake_failures_total", trusting: certificate.certificate) == 1)
    }

    @Test func `old versions of TLS are refused`() throws {
        let certificate = try Certificate()
        let weir = try RunningWeir(certificate.settings)
        let strict = try RunningWeir(certificate.settings + ["server.tls.min_version=1.3"])
        func status(_ weir: RunningWeir, _ version: String) throws -> Int? {
            try weir.curl(
                "/health", "--tls-max \(version) --ciphers DEFAULT@SECLEVEL=0", trusting: certificate.certificate)?
                .status
        }

        #expect(try status(weir, "1.1") == nil && status(weir, "1.2") == 200 && status(weir, "1.3") == 200)
        #expect(try status(strict, "1.2") == nil && status(strict, "1.3") == 200)
    }

    @Test func `a new certificate is for new connections, and those there are go on`() throws {
        let (first, second) = (try Certificate(), try Certificate())
        let weir = try RunningWeir(first.settings)
        let old = first.folder.appendingPathComponent("old.pem").path
        try FileManager.default.copyItem(atPath: first.certificate, toPath: old)
        let expiry = try #require(try weir.metric("weir_tls_certificate_expiry_timestamp_seconds", trusting: old))
        let kept = try KeptConnection(weir, trusting: old)
        #expect(kept.ask() == "200 1")

        try first.replace(certificate: second.certificate, key: second.key)

        #expect(try RunningWeir.eventually { try weir.curl("/health", trusting: second.certificate)?.status == 200 })
        #expect(try weir.curl("/health", trusting: old) == nil)
        #expect(kept.ask() == "200 0", "a connection that was there began anew or ended")
        #expect(try weir.metric(#"weir_tls_reloads_total{status="ok"}"#, trusting: second.certificate) == 1)
        #expect(abs(expiry - Date().timeIntervalSince1970 - 30 * 86_400) < 600)
    }

    @Test func `a broken pair changes nothing and is said, and SIGHUP reads at once`() throws {
        let (first, second) = (try Certificate(), try Certificate())
        let weir = try RunningWeir(first.settings)
        let old = first.folder.appendingPathComponent("old.pem").path
        try FileManager.default.copyItem(atPath: first.certificate, toPath: old)

        try first.replace(certificate: second.certificate, key: nil)
        weir.send(signal: SIGHUP)
        let failed = #"weir_tls_reloads_total{status="error"}"#

        #expect(try RunningWeir.eventually { try weir.metric(failed, trusting: old) ?? 0 >= 1 })
        #expect(try weir.curl("/health", trusting: old)?.status == 200)
        let reasons = weir.logLines.compactMap { ($0["metadata"] as? [String: Any])?["reason"] as? String }
        #expect(reasons.contains { $0.contains("is not the key of the certificate") }, "\(reasons)")
        try first.replace(certificate: nil, key: second.key)
        weir.send(signal: SIGHUP)
        #expect(try RunningWeir.eventually { try weir.curl("/health", trusting: second.certificate)?.status == 200 })
    }

    @Test func `what cannot be used stops the start, and says which file`() throws {
        let (first, second) = (try Certificate(), try Certificate())
        let cases: [(settings: [String], said: String)] = [
            (["server.tls.enabled=true"], "server.tls.cert_path"),
            (
                ["server.tls.enabled=true", "server.tls.cert_path=/nowhere", "server.tls.key_path=\(first.key)"],
                "/nowhere"
            ),
            (
                ["server.tls.enabled=true", "server.tls.cert_path=\(first.key)", "server.tls.key_path=\(first.key)"],
                "cannot be read as certificates"
            ),
            (
                [
                    "server.tls.enabled=true", "server.tls.cert_path=\(first.certificate)",
                    "server.tls.key_path=/nowhere",
                ],
                "server.tls.key_path `/nowhere`"
            ),
            (
                [
                    "server.tls.enabled=true", "server.tls.cert_path=\(first.certificate)",
                    "server.tls.key_path=\(second.key)",
                ], "not the key of the certificate"
            ),
            (["rate_limit.trusted_proxies=10.0.0.0/99"], "10.0.0.0/99"),
            (["cors.allowed_origins=example.com"], "example.com"),
        ]
        for (settings, said) in cases {
            let run = try RunningWeir.command(
                ["serve", "--port", "0", "--storage-url", "memory:"] + settings.flatMap { ["--set", $0] })
            #expect(run.code == 1 && run.errors.contains(said), "\(settings): \(run)")
        }
    }
}

/// A client that keeps its connection and asks when it is told to.
private final class KeptConnection {
    private let process = Process()
    private let questions = Pipe()
    private let answers = Pipe()

    init(_ weir: RunningWeir, trusting certificate: String) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            """
            import http.client, ssl, sys
            context = ssl.create_default_context(cafile=sys.argv[2])
            connection = http.client.HTTPSConnection("localhost", int(sys.argv[1]), context=context, timeout=20)
            for _ in sys.stdin:
                fresh = connection.sock is None
                connection.request("GET", "/healthz")
                reply = connection.getresponse()
                reply.read()
                print(reply.status, int(fresh), flush=True)
            """, "\(weir.port)", certificate,
        ]
        process.standardInput = questions
        process.standardOutput = answers
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit {
        try? questions.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// - Returns: the status, and whether the connection was made for this question.
    func ask() -> String {
        questions.fileHandleForWriting.write(Data("ask\n".utf8))
        var answer = ""
        while !answer.hasSuffix("\n") {
            let data = answers.fileHandleForReading.availableData
            guard !data.isEmpty else { break }
            answer += String(decoding: data, as: UTF8.self)
        }
        return answer.trimmingCharacters(in: .newlines)
    }
}
