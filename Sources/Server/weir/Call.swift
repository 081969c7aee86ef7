import ArgumentParser
import Foundation
import JSONTree
import Remote
import Vocabulary

/// `weir call`: calls a channel as a client would.
struct Call: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Call a channel and print its reply.",
        discussion: """
            weir call orders '{"data":{"amount":750}}'; weir call orders @order.json; weir call orders - < order.json. \
            With --async --wait it waits until the trace is done and prints it; the exit code is 1 when that failed.
            """)

    @OptionGroup var options: ServerOptions
    @Argument(help: "The channel's name or route.") var channel: String
    @Argument(help: "The body as JSON, @FILE, or - for standard input.") var body: String?
    @Option(help: "The HTTP method.") var method = "POST"
    @Option(name: [.customShort("H"), .long], help: "A header, such as 'x-user: 7'.") var header: [String] = []
    @Flag(name: .customLong("async"), help: "Accept now, do it later.") var isAsync = false
    @Flag(help: "With --async: wait until it is done.") var wait = false

    func run() async throws {
        try await options.run { () async throws(ServerFailure) in
            let path = channel.split(separator: "/").map { ServerConnection.segment(String($0)) }.joined(separator: "/")
            let reply = try await options.connection.send(
                method.uppercased(), "/api/v1/data/\(path)\(isAsync ? "/async" : "")", body: try bytes(),
                headers: try headers())
            guard (200..<300).contains(reply.status) else {
                throw ServerFailure(status: reply.status, answer: reply.body)
            }
            if isAsync, wait { try await follow(reply.body) } else { Self.show(reply.body) }
        }
    }

    private static func show(_ body: [UInt8]) {
        if let json = try? OwnedJSON(parsing: body) {  // a shaped reply may be any text
            Terminal.show(json.value)
        } else {
            Terminal.show(String(decoding: body, as: UTF8.self))
        }
    }

    private func bytes() throws(ServerFailure) -> [UInt8]? {
        guard let body else { return nil }
        if body == "-" { return Array(FileHandle.standardInput.readDataToEndOfFile()) }
        guard body.hasPrefix("@") else { return Array(body.utf8) }
        guard let data = FileManager.default.contents(atPath: String(body.dropFirst())) else {
            throw .input("The file `\(body.dropFirst())` cannot be read.")
        }
        return Array(data)
    }

    private func headers() throws(ServerFailure) -> [(String, String)] {
        var headers: [(String, String)] = []
        for line in header {
            guard let colon = line.firstIndex(of: ":") else {
                throw .input("A header is written as `name: value`, not `\(line)`.")
            }
            headers.append(
                (String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)))
        }
        return headers
    }

    /// Asks for the trace until it has ended, less and less often.
    private func follow(_ accepted: [UInt8]) async throws(ServerFailure) {
        guard let json = try? OwnedJSON(parsing: accepted), let id = json.value.member("trace_id")?.stringValue,
            let token = json.value.member("trace_token")?.stringValue
        else { throw .unreachable("The server accepted the call and named no trace.") }
        let backoff = Backoff(base: .milliseconds(50), cap: .seconds(1))
        let deadline = Stopwatch.nanoseconds() + UInt64(max(1, options.timeout)) * 1_000_000_000
        var attempt = 1
        while true {
            let reply = try await options.connection.send(
                "GET", "/api/v1/data/traces/\(id)", headers: [("x-trace-token", token)])
            guard reply.status == 200, let trace = try? OwnedJSON(parsing: reply.body) else {
                throw ServerFailure(status: reply.status, answer: reply.body)
            }
            let data = trace.value
            let status = data.member("status")?.stringValue ?? ""
            if status == "completed" || status == "failed" {
                Terminal.endProgress()
                Terminal.show(data)
                guard status == "completed" else {
                    throw .refused(
                        status: 200, message: data.member("error")?.stringValue ?? "The call failed.", body: [])
                }
                return
            }
            Terminal.progress("trace \(id) is \(status)")
            guard Stopwatch.nanoseconds() < deadline else {
                Terminal.endProgress()
                throw .unreachable("The trace \(id) is still \(status) after \(options.timeout) seconds.")
            }
            // Cancelled only when the program ends.
            try? await Task.sleep(for: backoff.delay(afterAttempt: attempt, draw: Double.random(in: 0..<1)))
            attempt += 1
        }
    }
}
