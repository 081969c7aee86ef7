import Foundation
import RealServices
import Testing

/// The cache functions on real Redis servers, through the real binary.
@Suite struct RedisConnectorScenarios {
    private static let connectors = "\(Client.admin)/connectors"

    /// A server with workflows that write, read, count and forget what they are told.
    private struct World {
        let weir: RunningWeir
        let client: Client

        init(_ url: String, _ more: String = #","allow_private_urls":true"#, settings: [String] = []) throws {
            weir = try RunningWeir(settings)
            client = Client(weir.port)
            try connect(url, more)
            func task(_ function: String, _ input: String) -> String {
                Client.parse + "," + Client.task("t", function, #"{"connector":"far",\#(input)}"#)
            }
            let key = #""key":{"var":"data.in.k"}"#
            try client.deploy("write", tasks: task("cache_write", #"\#(key),"value":{"var":"data.in.v"}"#))
            try client.deploy("brief", tasks: task("cache_write", #"\#(key),"value":1,"ttl_secs":1"#))
            try client.deploy("read", tasks: task("cache_read", #"\#(key),"output":"data.v""#))
            try client.deploy("list", tasks: task("cache_read", #""keys":{"var":"data.in.k"},"output":"data.v""#))
            try client.deploy("count", tasks: task("cache_incr", #"\#(key),"by":{"var":"data.in.by"},"ttl_secs":60"#))
            try client.deploy("forget", tasks: task("cache_delete", #""keys":{"var":"data.in.k"}"#))
        }

        func connect(_ url: String, _ more: String, method: String = "POST", at place: String = "") throws {
            let body =
                #"{"id":"far","name":"far","connector_type":"cache","config":{"backend":"redis","url":"\#(url)"\#(more)}}"#
            let reply = try client.call(method, RedisConnectorScenarios.connectors + place, body)
            guard reply.status == (method == "POST" ? 201 : 200) else {
                throw RunningWeir.Failure(String(decoding: reply.body, as: UTF8.self))
            }
        }

        func ask(_ channel: String, _ body: String) throws -> Client.Reply {
            try client.call("POST", "\(Client.data)/\(channel)", body)
        }

        func read(_ key: String) throws -> Any? { try ask("read", #"{"k":"\#(key)"}"#).data["v"] }

        /// What a caller is told who reads while something is wrong, and how long it took.
        func failure() throws -> (status: Int, text: String, seconds: Double) {
            let began = Date.now
            let reply = try ask("read", #"{"k":"any"}"#)
            return (reply.status, String(decoding: reply.body, as: UTF8.self), Date.now.timeIntervalSince(began))
        }
    }

    @Test func `values of every kind come back, and others can read and write them`() throws {
        let server = try RealRedis()
        let world = try World(server.url + "/1", #","allow_private_urls":true,"default_ttl_secs":1000"#)
        let values = [
            #""text""#, #""12""#, #""true""#, #""""#, #""a\"b""#, "12", "2.5", "true", #"{"a":[1,null]}"#, #"[]"#,
        ]

        for (place, value) in values.enumerated() {
            #expect(try world.ask("write", #"{"k":"k\#(place)","v":\#(value)}"#).status == 200)
            let got = try world.read("k\(place)").map { try JSONSerialization.data(withJSONObject: [$0]) }
            let given = try JSONSerialization.data(
                withJSONObject: JSONSerialization.jsonObject(with: Data("[\(value)]".utf8)))
            #expect(got == given, "\(value)")
        }
        let stored = try ["k0", "k1", "k8"].map { try server.cli("-n", "1", "GET", $0) }
        let seconds = Int(try server.cli("-n", "1", "TTL", "k0")) ?? 0
        try server.cli("-n", "1", "SET", "theirs", "plain words")
        let theirs = try world.read("theirs") as? String
        _ = try world.ask("brief", #"{"k":"brief"}"#)
        let list = try world.ask("list", #"{"k":["k5","none","k0"]}"#).data["v"] as? [Any]
        let gone = try RunningWeir.eventually { try world.read("brief") is NSNull }
        let counts = try [5, 2].map { try world.ask("count", #"{"k":"n","by":\#($0)}"#).data["count"] as? Int }
        let large = try world.ask("count", #"{"k":"large","by":9007199254740993}"#).data["count"] as? Int
        let forgot = try world.ask("forget", #"{"k":["k0","k1","none"]}"#).data["cache"] as? [String: Int]

        #expect(stored == ["text", #""12""#, #"{"a":[1,null]}"#])
        #expect((900...1000).contains(seconds))
        #expect(theirs == "plain words" && gone)
        #expect(list?.count == 3 && list?.first as? Int == 12 && list?[1] is NSNull && list?.last as? String == "text")
        #expect(counts == [5, 7] && large == 9_007_199_254_740_993)
        #expect((1...60).contains(Int(try server.cli("-n", "1", "TTL", "n")) ?? 0))
        #expect(forgot == ["deleted": 2])
        let probe = try world.client.call("POST", "\(Self.connectors)/far/test")
        #expect(probe.status == 200, "\(String(decoding: probe.body, as: UTF8.self))")
    }

    @Test func `a server that is gone or asleep fails in time, and is found again by itself`() throws {
        let server = try RealRedis()
        let world = try World(
            server.url, #","allow_private_urls":true,"timeout_ms":600"#,
            settings: ["engine.circuit_breaker.enabled=false"])
        #expect(try world.ask("write", #"{"k":"k","v":1}"#).status == 200)

        server.pause()
        let asleep = try world.failure()
        server.resume()
        #expect(try RunningWeir.eventually { try world.read("k") as? Int == 1 })
        server.stop()
        let gone = try world.failure()
        try server.start()
        #expect(try RunningWeir.eventually { try world.read("k") is NSNull })

        #expect(asleep.text.contains("did not answer in time") && asleep.seconds < 5, "\(asleep)")
        #expect(gone.text.contains("cannot be reached") && gone.seconds < 5, "\(gone)")
        #expect(asleep.status == 500 && gone.status == 500)
    }

    @Test func `the breaker opens for a server that is gone, and closes when it is back`() throws {
        let server = try RealRedis()
        let world = try World(
            server.url, #","allow_private_urls":true,"timeout_ms":200,"retry":{"max_retries":0}"#,
            settings: ["engine.circuit_breaker.failure_threshold=2", "engine.circuit_breaker.recovery_timeout_secs=1"])
        #expect(try world.ask("write", #"{"k":"k","v":1}"#).status == 200)

        server.stop()
        for _ in 0..<2 { _ = try world.failure() }
        let open = try world.failure()
        try server.start()

        #expect(open.status == 503 && open.text.contains("circuit"), "\(open)")
        #expect(try RunningWeir.eventually { try world.ask("read", #"{"k":"k"}"#).status == 200 })
    }

    @Test func `a wrong type, a wrong password and a private address are told apart, and no secret is shown`() throws {
        let server = try RealRedis(["requirepass right-pass-1"])
        let base = "127.0.0.1:\(server.port)"
        let world = try World("redis://:right-pass-1@\(base)")
        try server.cli("-a", "right-pass-1", "RPUSH", "any", "x")

        let wrongType = try world.failure()
        let badCount = try world.ask("count", #"{"k":"any","by":1}"#)
        let shown = try world.client.call("GET", "\(Self.connectors)/far").data["config"] as? [String: Any]
        // The mask means what is stored.
        try world.connect("******", #","allow_private_urls":true,"timeout_ms":900"#, method: "PUT", at: "/far")
        let kept = try world.ask("write", #"{"k":"k","v":1}"#)
        try world.connect("redis://:wrong-pass-2@\(base)", #","allow_private_urls":true"#, method: "PUT", at: "/far")
        let denied = try world.failure()
        try world.connect("redis://:right-pass-1@\(base)", "", method: "PUT", at: "/far")
        let privately = try world.failure()
        let audit = String(
            decoding: try world.client.call("GET", "\(Client.admin)/audit-logs").body, as: UTF8.self)
        world.weir.send(signal: SIGTERM)
        _ = world.weir.waitForExit()
        let files = ["weir.db", "weir.db-wal", "log"].compactMap {
            try? Data(contentsOf: world.weir.folder.appendingPathComponent($0))
        }
        let texts = files.map { String(decoding: $0, as: UTF8.self) } + [denied.text, privately.text, audit]

        #expect(wrongType.text.contains("WRONGTYPE") && badCount.status == 500)
        #expect(shown?["url"] as? String == "******" && kept.status == 200)
        #expect(denied.text.contains("refuses the user or the password (WRONGPASS)"), "\(denied)")
        #expect(privately.text.contains("may not be called") && privately.seconds < 5, "\(privately)")
        #expect(texts.allSatisfy { !$0.contains("right-pass-1") && !$0.contains("wrong-pass-2") })
    }

    @Test func `URLs that lead nowhere are found out before they are needed`() throws {
        let weir = try RunningWeir()
        let client = Client(weir.port)
        let malformed = try client.call(
            "POST", Self.connectors,
            #"{"id":"a","name":"a","connector_type":"cache","config":{"backend":"redis","url":"redis://:hidden-3@host/x"}}"#
        )
        let status = try client.call("GET", "\(Self.connectors)/a").data

        #expect(malformed.status == 201 && status["load_status"] as? String == "failed")
        #expect((status["load_error"] as? String)?.contains("its database is no number") == true)
        #expect(!"\(status)".contains("hidden-3"))
        for config in [
            #"{"backend":"redis"}"#, #"{"backend":"redis","url":""}"#, #"{"backend":"redis","url":"http://x"}"#,
            #"{"backend":"redis","url":"redis://x","timeout_ms":0}"#,
            #"{"backend":"redis","url":"redis://x","retry":{"times":1}}"#,
        ] {
            let body = #"{"name":"c","connector_type":"cache","config":\#(config)}"#
            #expect(try client.call("POST", Self.connectors, body).status == 400, "\(config)")
        }
    }

    @Test func `a cluster and a server behind TLS are caches as well`() throws {
        let cluster = try World(RealRedisCluster.shared().url)
        let run = UUID().uuidString
        let keys = (0..<30).map { "\(run)\($0)" }
        for key in keys { #expect(try cluster.ask("write", #"{"k":"\#(key)","v":"\#(key)"}"#).status == 200) }
        let list = "[" + keys.map { "\"\($0)\"" }.joined(separator: ",") + "]"
        let read = try cluster.ask("list", #"{"k":\#(list)}"#).data["v"] as? [String]
        let forgot = try cluster.ask("forget", #"{"k":\#(list)}"#).data["cache"] as? [String: Int]

        let secured = try RealRedis(
            [
                "port 0", "tls-port {port}", "tls-cert-file {folder}/cert.pem", "tls-key-file {folder}/key.pem",
                "tls-ca-cert-file {folder}/cert.pem", "tls-auth-clients no",
            ], files: TLSFiles.make())
        let authorities = secured.folder.appendingPathComponent("cert.pem").path
        let world = try World(
            "rediss://localhost:\(secured.port)", settings: ["connectors.ca_file=\(authorities)"])

        #expect(read == keys && forgot == ["deleted": 30])
        #expect(try world.ask("write", #"{"k":"k","v":"safe"}"#).status == 200)
        #expect(try world.read("k") as? String == "safe")
    }
}
