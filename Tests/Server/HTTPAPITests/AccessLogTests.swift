import Foundation
import Seeds
import Synchronization
import Telemetry
import Testing

@testable import HTTPAPI

@Suite struct AccessLogTests {
    private final class Sink: Sendable {
        let pieces = Mutex<[[UInt8]]>([])
        var output: LogOutput { LogOutput { piece in self.pieces.withLock { $0.append(piece) } } }
        var text: String { String(decoding: pieces.withLock { $0.flatMap { $0 } }, as: UTF8.self) }
    }

    private func entry(path: String) -> AccessLog.Entry {
        .init(
            method: "GET", path: path, protocolName: "HTTP/2", status: 200, bytes: 12, nanoseconds: 1_023_456,
            requestID: "r", client: "1.2.3.4", channel: "orders", problem: nil)
    }

    /// Random text with everything that could end a string or a line in it.
    private func text(_ seed: UInt64) -> String {
        var random = SeededRandom(seed: seed)
        return String(
            String.UnicodeScalarView(
                (0..<20).compactMap { _ in Unicode.Scalar(UInt32.random(in: 1..<300, using: &random)) }))
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `whatever a client asks for is one line of JSON`(seed: UInt64) throws {
        let log = AccessLog(lanes: 1, isPretty: false, dropped: Counter())

        let line = log.line(entry(path: text(seed)))

        let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
        let fields = object?["metadata"] as? [String: Any]
        #expect(line.last == 10 && line.count { $0 == 10 } == 1)
        #expect(fields?["path"] as? String == text(seed))
        #expect(fields?["duration_ms"] as? Double == 1.023 && fields?["status"] as? Int == 200)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `the same for people, who see no control character`(seed: UInt64) {
        let log = AccessLog(lanes: 1, isPretty: true, dropped: Counter())

        let line = log.line(entry(path: text(seed)))

        #expect(line.count { $0 < 32 } == 1 && line.last == 10)
    }

    @Test func `lines come out whole, in pieces a pipe takes at once`() {
        let sink = Sink()
        let log = AccessLog(lanes: 2, isPretty: false, dropped: Counter(), output: sink.output)
        for number in 0..<1000 { log.append(log.line(entry(path: "/\(number)")), lane: number) }

        log.flush()

        #expect(sink.text.split(separator: "\n").count == 1000)
        #expect(sink.pieces.withLock { $0.allSatisfy { $0.count <= 4096 && $0.last == 10 } })
    }

    @Test func `what nobody takes away is dropped and counted, and there is room again afterwards`() {
        let sink = Sink()
        let dropped = Counter()
        let log = AccessLog(lanes: 1, isPretty: false, dropped: dropped, output: sink.output)
        let line = [UInt8](repeating: 65, count: 1 << 20)

        for _ in 0..<6 { log.append(line, lane: 0) }
        let first = dropped.value
        log.flush()
        log.append(line, lane: 0)

        #expect(first == 2 && dropped.value == 2)
    }
}
