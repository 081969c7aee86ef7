import ArgumentParser
import Dispatch
import Foundation
import Remote
import Synchronization

/// `weir mcp`: the Model Context Protocol over standard input and output, for clients that start their servers.
struct MCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp", abstract: "Connect an AI client, over standard input and output, to a running server.",
        discussion: "A key of the scope draft lets the client look, test and save drafts; nothing goes live with it.")

    @Option(help: "The server; WEIR_SERVER_URL, else http://127.0.0.1:8080.") var server: String?
    @Option(help: "An admin key; WEIR_API_KEY.") var key: String?
    @Option(help: "How long a call may take, in seconds.") var timeout = 120
    @Option(help: "A header to send along, such as `X-Api-Key: …` for channels that ask for one.") var header:
        [String] =
            []

    /// Messages that are worked on at a time; more wait in the pipe.
    private static let mostAtOnce = 16

    func validate() throws {
        guard header.allSatisfy({ $0.contains(":") }) else {
            throw ValidationError("A header is written as `name: value`.")
        }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let connection = ServerConnection(
            url: server ?? environment["WEIR_SERVER_URL"] ?? "http://127.0.0.1:8080",
            key: key ?? environment["WEIR_API_KEY"], timeoutSeconds: max(1, timeout))
        let headers = header.map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (
                parts[0].lowercased(), parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            )
        }
        let relay = MCPRelay(connection, headers: headers)
        let room = DispatchSemaphore(value: Self.mostAtOnce)
        let output = LineOutput()
        await withDiscardingTaskGroup { group in
            for await line in Self.lines(room) {
                group.addTask {
                    if let answer = await relay.answer(Array(line.utf8)) {
                        output.write(answer)
                    }
                    room.signal()
                }
            }
        }
    }

    /// Lines of standard input, read on a thread that may block, as many as there is room for.
    private static func lines(_ room: DispatchSemaphore) -> AsyncStream<String> {
        AsyncStream(bufferingPolicy: .unbounded) { stream in  // bounded by the room
            let thread = Thread {
                while let line = readLine() {
                    guard !line.allSatisfy(\.isWhitespace) else { continue }
                    room.wait()
                    stream.yield(line)
                }
                stream.finish()
            }
            thread.start()
        }
    }
}

/// Standard output, a whole line at a time whoever writes. Not `print`: flushing that waits for whoever reads standard
/// input, and that is somebody who waits for the next line.
private final class LineOutput: Sendable {
    private let turn = Mutex(())

    func write(_ line: [UInt8]) {
        turn.withLock { _ in
            // A client that has gone away reads nothing more; the end of its input ends us.
            try? FileHandle.standardOutput.write(contentsOf: line + [10])
        }
    }
}
