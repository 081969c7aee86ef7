import JSONTree
package import Logging
package import Vocabulary

/// One line a message, for people at a terminal: `2026-11-21T04:00:00.000000Z info weir: message key=value`.
package struct HumanLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level
    private let label: String
    private let clock: WallClock
    private let output: LogOutput

    package init(
        label: String, level: Logger.Level = .info, clock: WallClock = .system, output: LogOutput = .standardError
    ) {
        self.label = label
        self.clock = clock
        self.output = output
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var text = "\(clock.now().rfc3339) \(event.level.rawValue) \(label): \(event.message)"
        if let error = event.error { text += " error=\(error)" }
        let all = LogMetadata.merged(metadata, metadataProvider, event.metadata)
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
        var line = JSONByteBuffer(capacity: 256)
        line.append(utf8: Self.visible(text))
        line.append("\n")
        output.send(line)
    }

    /// Control characters escaped: what a client sent must neither begin a line of its own nor drive the terminal.
    package static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        return text.unicodeScalars.reduce(into: "") { visible, scalar in
            if scalar.properties.generalCategory == .control {
                visible += scalar.escaped(asASCII: true)
            } else {
                visible.unicodeScalars.append(scalar)
            }
        }
    }
}
