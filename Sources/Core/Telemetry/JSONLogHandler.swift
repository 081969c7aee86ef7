import JSONTree
package import Logging
package import Vocabulary

/// One JSON object a line, for machines:
/// `{"timestamp":…,"level":"info","logger":…,"message":…,"metadata":{…}}`.
package struct JSONLogHandler: LogHandler {
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
        var line = JSONByteBuffer(capacity: 256)
        line.append("{\"timestamp\":")
        JSONWriter.write(clock.now().rfc3339, into: &line)
        line.append(",\"level\":")
        JSONWriter.write(event.level.rawValue, into: &line)
        line.append(",\"logger\":")
        JSONWriter.write(label, into: &line)
        line.append(",\"message\":")
        JSONWriter.write(event.message.description, into: &line)
        if let error = event.error {
            line.append(",\"error\":")
            JSONWriter.write("\(error)", into: &line)
        }
        let all = LogMetadata.merged(metadata, metadataProvider, event.metadata)
        if !all.isEmpty {
            line.append(",\"metadata\":")
            Self.write(.dictionary(all), into: &line)
        }
        line.append("}\n")
        output.send(line)
    }

    private static func write(_ value: Logger.Metadata.Value, into line: inout JSONByteBuffer) {
        switch value {
        case .string(let text): JSONWriter.write(text, into: &line)
        case .stringConvertible(let some): JSONWriter.write(some.description, into: &line)
        case .array(let values):
            line.append("[")
            for (place, each) in values.enumerated() {
                if place > 0 { line.append(",") }
                write(each, into: &line)
            }
            line.append("]")
        case .dictionary(let members):
            line.append("{")
            for (place, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if place > 0 { line.append(",") }
                JSONWriter.write(member.key, into: &line)
                line.append(":")
                write(member.value, into: &line)
            }
            line.append("}")
        }
    }
}
