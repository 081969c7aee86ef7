import Foundation
import Testing

/// The documents, done as they say.
@Suite struct TutorialScenarios {
    /// A free port, for a server that is started later.
    private static func freePort() throws -> Int {
        let upstream = try Upstream { _ in .silence }
        return upstream.port
    }

    @Test func `the webhook receiver works as it is printed`() throws {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let text = try String(contentsOf: root.appendingPathComponent("docs/webhook-receiver.md"), encoding: .utf8)
        let tickets = try Self.freePort()
        // The server is started by the test, as the document's line starts it, on a port of its own.
        let serve = try #require(text.firstMatch(of: /weir serve (.*) &\n/)).1
        let weir = try RunningWeir(
            arguments: serve.split(separator: " ").map(String.init),
            environment: ["WEBHOOK_SECRET": "it-is-a-secret", "TICKETS_TOKEN": "t-1"])
        let folder = weir.folder.appendingPathComponent("webhooks")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for block in text.matches(of: /(?s)`webhooks\/([a-z.]+)`[^`]*(?:`[^`\n]+`[^`]*)*:\n\n```json\n(.*?)```/) {
            try block.2.replacing("9000", with: "\(tickets)").write(
                to: folder.appendingPathComponent(String(block.1)), atomically: true, encoding: .utf8)
        }
        let blocks = text.matches(of: /(?s)```sh\n(.*?)```/).map {
            String($0.1).replacing("9000", with: "\(tickets)").replacing(
                "127.0.0.1:8080", with: "127.0.0.1:\(weir.port)"
            )
            .replacing(/weir serve .*\n/, with: "").replacing("weir ", with: "'\(RunningWeir.binary.path)' ")
        }
        try #require(blocks.count == 5)
        let client = Client(weir.port)
        func waitFor(_ what: String, _ isThere: () throws -> Bool) throws {
            let deadline = Date().addingTimeInterval(40)
            while try !isThere() {
                guard Date() < deadline else { throw RunningWeir.Failure("no \(what) in time") }
            }
        }

        let applied = try weir.shell("cd '\(weir.folder.path)'\n" + blocks[0])
        let delivered = try weir.shell("export WEBHOOK_SECRET=it-is-a-secret\n" + blocks[1])
        let replies = delivered.output.components(separatedBy: "}{").map {
            $0.trimmingCharacters(in: ["{", "}", "\n"])
        }
        try waitFor("dead letter") {
            (try client.call("GET", "\(Client.admin)/trace-dlq").object["data"] as? [Any])?.isEmpty == false
        }
        let dead = try weir.shell(blocks[2])
        // A shell's background job would keep the shell from being seen to end; so the program is started from here.
        let script = try #require(blocks[3].firstMatch(of: /(?s)python3 -c '(.*?)' > tickets.log &/)).1
        let log = weir.folder.appendingPathComponent("tickets.log")
        try Data().write(to: log)
        let system = Process()
        system.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        system.arguments = ["python3", "-c", String(script)]
        system.standardOutput = try FileHandle(forWritingTo: log)
        try system.run()
        defer {
            kill(system.processIdentifier, SIGKILL)
            system.waitUntilExit()
        }
        try waitFor("ticket system") {
            try Tool.run(["curl", "-s", "-o", "/dev/null", "http://127.0.0.1:\(tickets)"]).status == 0
        }
        let requeued = try weir.shell(blocks[4])
        try waitFor("ticket") { try !String(contentsOf: log, encoding: .utf8).isEmpty }
        let id = try #require(delivered.output.firstMatch(of: /"trace_id":"([^"]+)"/)).1
        let trace = try TraceScenarios.wait(client, String(id))
        let seen = try String(contentsOf: log, encoding: .utf8)

        #expect(applied.code == 0 && applied.output.contains("3 definitions, 3 changed"), "\(applied)")
        #expect(replies.count == 3 && replies[0] == replies[1] && replies[2].contains("UNAUTHORIZED"), "\(delivered)")
        #expect(dead.output.contains("github-issues") && dead.output.contains("cannot be reached"), "\(dead)")
        #expect(requeued.code == 0, "\(requeued)")
        #expect(seen == "Bearer t-1 {\"title\":\"acme/boat#7: urgent: it leaks\",\"urgent\":true}\n")
        #expect(text.contains(seen.trimmingCharacters(in: .newlines)))
        #expect(trace["status"] as? String == "completed")
    }
}
