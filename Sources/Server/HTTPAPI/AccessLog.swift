import HTTPServing
import JSONTree
import NIOPosix
import Synchronization
package import Telemetry
package import Vocabulary

/// One line for each request, written beside the event loops: a loop only appends to a lane of its own, and where
/// nobody takes the lines away they are dropped and counted, never waited for.
///
/// A line says the path without the query: queries carry tokens.
package final class AccessLog: Sendable {
    private final class Lane: Sendable {
        let lines = Mutex<[UInt8]>([])
    }

    private let lanes: [Lane]
    private let isPretty: Bool
    private let clock: WallClock
    private let output: LogOutput
    private let dropped: Counter
    private let isFinished = Atomic<Bool>(false)
    private let writing = NIOThreadPool(numberOfThreads: 1)

    /// Bytes that may wait in a lane.
    private static let mostWaiting = 4 << 20
    /// What a pipe takes in one piece, so that lines of others do not come in between.
    private static let pieceBytes = 4096

    package init(
        lanes: Int, isPretty: Bool, dropped: Counter, clock: WallClock = .system, output: LogOutput = .standardError
    ) {
        self.lanes = (0..<max(1, lanes)).map { _ in Lane() }
        self.isPretty = isPretty
        self.dropped = dropped
        self.clock = clock
        self.output = output
    }

    func record(_ response: HTTPResponse, _ exchange: HTTPExchange, client: String, lane: Int) {
        let request = exchange.request
        let line = line(
            Entry(
                method: request?.methodName ?? "-", path: request?.path ?? "-",
                protocolName: exchange.protocolName.description, status: Int(response.status),
                bytes: exchange.sentBytes, nanoseconds: Stopwatch.nanoseconds() - exchange.receivedAt,
                requestID: exchange.requestID, client: client, channel: exchange.channel,
                problem: response.problem?.rawValue))
        append(line, lane: lane)
    }

    struct Entry {
        var method: String
        var path: String
        var protocolName: String
        var status: Int
        var bytes: Int
        var nanoseconds: UInt64
        var requestID: String
        var client: String
        var channel: String
        var problem: String?
    }

    func append(_ line: [UInt8], lane: Int) {
        let isKept = lanes[lane % lanes.count].lines.withLock { lines in
            guard lines.count + line.count <= Self.mostWaiting else { return false }
            lines += line
            return true
        }
        if !isKept { dropped.increment() }
    }

    /// The shape of all our log lines, with the message `request`.
    func line(_ entry: Entry) -> [UInt8] {
        let microseconds = entry.nanoseconds / 1000
        let duration = "\(microseconds / 1000).\(String(microseconds % 1000 + 1000).dropFirst())"
        var fields: [(name: String, value: String, isNumber: Bool)] = [
            ("method", entry.method, false), ("path", entry.path, false), ("protocol", entry.protocolName, false),
            ("status", String(entry.status), true), ("bytes", String(entry.bytes), true),
            ("duration_ms", duration, true), ("request_id", entry.requestID, false), ("client", entry.client, false),
        ]
        if !entry.channel.isEmpty { fields.append(("channel", entry.channel, false)) }
        if let problem = entry.problem { fields.append(("code", problem, false)) }
        var line = JSONByteBuffer(capacity: 384)
        let timestamp = clock.now().rfc3339
        guard !isPretty else {
            line.append(utf8: "\(timestamp) info weir.access: request")
            for (name, value, _) in fields {
                line.append(utf8: " \(name)=")
                // What could look like another field comes quoted.
                let isPlain = value.utf8.allSatisfy { $0 > 32 && $0 != 34 && $0 < 127 }
                let shown = isPlain ? value : HumanLogHandler.visible(value)
                if isPlain { line.append(utf8: shown) } else { JSONWriter.write(shown, into: &line) }
            }
            line.append("\n")
            return line.bytes
        }
        line.append("{\"timestamp\":")
        JSONWriter.write(timestamp, into: &line)
        line.append(",\"level\":\"info\",\"logger\":\"weir.access\",\"message\":\"request\",\"metadata\":{")
        for (place, field) in fields.enumerated() {
            if place > 0 { line.append(",") }
            JSONWriter.write(field.name, into: &line)
            line.append(":")
            if field.isNumber { line.append(utf8: field.value) } else { JSONWriter.write(field.value, into: &line) }
        }
        line.append("}}\n")
        return line.bytes
    }

    /// Writes what there is until ``finish()``, then the rest.
    package func run() async {
        writing.start()
        while !isFinished.load(ordering: .acquiring) {
            try? await Task.sleep(for: .milliseconds(100))  // cancelled: the loop ends by its flag
            try? await writing.runIfActive { self.flush() }  // active until the end of this function
        }
        try? await writing.runIfActive { self.flush() }
        try? await writing.shutdownGracefully()  // nothing is left to do
    }

    package func finish() { isFinished.store(true, ordering: .releasing) }

    func flush() {
        for lane in lanes {
            let lines = lane.lines.withLock { lines in
                let taken = lines
                lines = []
                return taken
            }
            var start = 0
            while start < lines.count {
                var end = min(lines.count, start + Self.pieceBytes)
                if end < lines.count, let last = lines[start..<end].lastIndex(of: 10) { end = last + 1 }
                output.send(lines: lines[start..<end])
                start = end
            }
        }
    }
}
