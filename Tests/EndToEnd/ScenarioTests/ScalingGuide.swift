import Foundation
import RealServices
import Testing

/// docs/scaling.md, done as it says, on ports and databases of its own.
@Suite struct ScalingGuide {
    private static func freePort() throws -> Int { try Upstream { _ in .silence }.port }

    @Test func `from one instance to three, as it is printed`() throws {
        let root = LocalCluster.root
        let text = try String(contentsOf: root.appendingPathComponent("docs/scaling.md"), encoding: .utf8)
        let blocks = text.matches(of: /(?s)```sh\n(.*?)```/).map { String($0.1) }
        try #require(blocks.count == 8)
        let database = try RealPostgres.shared().makeDatabase()
        let redis = try RealRedis()
        let ports = try (0..<4).map { _ in try Self.freePort() }
        func here(_ block: String, first: Int) -> String {
            var block = block.replacing("postgres://weir@db.example/weir", with: "'\(database)'").replacing(
                "redis://cache.example:6379/0", with: redis.url)
            for (place, port) in [first, ports[1], ports[2], ports[3]].enumerated() {
                block = block.replacing("127.0.0.1:808\(place)", with: "127.0.0.1:\(port)")
            }
            return block.replacing("deploy/haproxy", with: "\(root.path)/deploy/haproxy").replacing(
                "weir storage", with: "'\(RunningWeir.binary.path)' storage"
            ).replacing("weir migrate", with: "'\(RunningWeir.binary.path)' migrate").replacing(
                "weir cluster", with: "'\(RunningWeir.binary.path)' cluster")
        }

        // One instance, and two orders; the second is done when the instance has stopped.
        let single = try RunningWeir(arguments: ["--apply", root.path + "/Examples/orders"])
        try #require(blocks[0].contains("weir serve --storage-url sqlite:weir.db --apply Examples/orders &"))
        let orders = try single.shell(here(blocks[1], first: single.port))
        let trace = try #require(orders.output.firstMatch(of: /"trace_id":"([^"]+)"/)).1
        _ = try TraceScenarios.wait(Client(single.port), String(trace))
        single.send(signal: SIGTERM)
        try #require(single.waitForExit() == 0)

        let moved = try single.shell("cd '\(single.folder.path)'\n" + here(blocks[2], first: 0))
        let key = try String(contentsOf: single.folder.appendingPathComponent("weir.db.key"), encoding: .utf8)

        // Three instances, started as the loop starts them.
        let line = try #require(blocks[3].firstMatch(of: /(?s)weir serve (.*?) &\n/)).1
        let arguments = here(String(line), first: 0).replacing("\\\n", with: " ").replacing("'", with: "").split(
            separator: " "
        ).map(String.init)
        let instances = try (1...3).map { number in
            try RunningWeir(
                arguments: arguments.map { $0 == "808$n" ? "\(ports[number])" : $0 }, storageURL: database,
                environment: [
                    "WEIR_STORAGE__CONNECTOR_ENCRYPTION_KEY": key.trimmingCharacters(in: .whitespacesAndNewlines)
                ])
        }
        #expect(instances.map(\.port) == Array(ports[1...]))
        let seen = try single.shell(here(blocks[4], first: 0))
        let kept = try Client(ports[2]).call("GET", "\(Client.admin)/traces/\(trace)")

        // HAProxy before them; not as a daemon, which would keep the shell from being seen to end.
        let place = single.folder.path
        let proxy = Process()
        proxy.executableURL = URL(fileURLWithPath: "/bin/sh")
        let start = here(blocks[5], first: ports[0])
        try #require(start.contains("haproxy -D ") && start.contains("HAPROXY_SOCKET=$PWD/haproxy.sock"))
        proxy.arguments = ["-c", "cd '\(place)'\n" + start.replacing("haproxy -D ", with: "exec haproxy -db ")]
        proxy.standardOutput = FileHandle.nullDevice
        proxy.standardError = FileHandle.nullDevice
        try proxy.run()
        defer {
            kill(proxy.processIdentifier, SIGKILL)
            proxy.waitUntilExit()
        }
        var answer = try single.shell(here(blocks[6], first: ports[0]))
        let deadline = Date().addingTimeInterval(20)
        while !answer.output.contains("vip"), Date() < deadline {
            answer = try single.shell(here(blocks[6], first: ports[0]))
        }
        let changed = try single.shell("cd '\(single.folder.path)'\n" + here(blocks[7], first: ports[0]))

        // One is lost; callers of the one address go on.
        instances[1].send(signal: SIGKILL)
        _ = instances[1].waitForExit()
        var statuses: [Int] = []
        let client = Client(ports[0])
        for _ in 0..<200 {
            statuses.append(
                client.exchange(
                    Client.request("POST", "\(Client.data)/orders/async", #"{"data":{"amount":750}}"#))?.status ?? 0)
        }

        #expect(orders.output.contains("\"tier\":\"vip\""), "\(orders)")
        #expect(moved.code == 0 && moved.output.contains("verified"), "\(moved)")
        #expect(seen.code == 0 && seen.output.split(separator: "\n").count >= 4, "\(seen)")
        #expect(kept.status == 200 && kept.data["status"] as? String == "completed", "\(kept)")
        #expect(answer.output.contains("\"tier\":\"vip\""), "\(answer)")
        #expect(changed.output.contains("weir-instances: 3/3"), "\(changed)")
        #expect(statuses.suffix(150).allSatisfy { $0 == 202 }, "\(statuses)")
    }
}
