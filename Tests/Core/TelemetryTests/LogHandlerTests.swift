import JSONTree
import Logging
import Synchronization
import Telemetry
import Testing
import Vocabulary

@Suite struct LogHandlerTests {
    /// Keeps what was logged.
    private final class Sink: Sendable {
        private let kept = Mutex<[UInt8]>([])
        var text: String { String(decoding: kept.withLock { $0 }, as: UTF8.self) }
        var output: LogOutput { LogOutput { [self] line in kept.withLock { $0 += line } } }
    }

    private let clock = WallClock { Timestamp(microseconds: 0) }

    @Test func `a JSON line holds message, level and metadata`() throws {
        let sink = Sink()
        let logger = Logger(label: "weir") { JSONLogHandler(label: $0, clock: clock, output: sink.output) }

        logger.warning("said \"no\"\n", metadata: ["count": "3", "list": ["a", "b"]])

        let arena = JSONArena()
        let line = try JSONReader.parse(sink.text, in: arena)
        #expect(sink.text.utf8.last == 10)
        #expect(line.member("level")?.stringValue == "warning")
        #expect(line.member("logger")?.stringValue == "weir")
        #expect(line.member("message")?.stringValue == "said \"no\"\n")
        #expect(line.member("metadata").map { JSONWriter.string($0) } == #"{"count":"3","list":["a","b"]}"#)
    }

    @Test func `a message below the level is not written`() {
        let sink = Sink()
        let logger = Logger(label: "weir") { JSONLogHandler(label: $0, level: .error, output: sink.output) }

        logger.info("nothing")

        #expect(sink.text.isEmpty)
    }

    @Test func `a message's own value wins over the logger's`() {
        let sink = Sink()
        var logger = Logger(label: "weir") { HumanLogHandler(label: $0, clock: clock, output: sink.output) }
        logger[metadataKey: "key"] = "logger"

        logger.info("hello", metadata: ["key": "message"])

        #expect(sink.text.hasSuffix(" info weir: hello key=message\n"))
    }

    @Test func `a client cannot forge a line or drive the terminal`() {
        let sink = Sink()
        let logger = Logger(label: "weir") { HumanLogHandler(label: $0, clock: clock, output: sink.output) }

        logger.info("hello", metadata: ["key": "a\r\nb\u{1B}[2J"])

        #expect(sink.text.unicodeScalars.filter { $0.value < 32 }.map(\.value) == [10])
    }
}
