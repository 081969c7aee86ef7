import Glibc
package import Logging

/// One line for each log entry on standard error: JSON for machines, or plain for people.
package struct LineLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let isPretty: Bool

    package init(isPretty: Bool, level: Logger.Level) {
        self.isPretty = isPretty
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        write(event.level, event.message, event.metadata)
    }

    private func write(_ level: Logger.Level, _ message: Logger.Message, _ more: Logger.Metadata?) {
        let fields = metadata.merging(more ?? [:]) { $1 }.sorted { $0.key < $1.key }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var line: String
        if isPretty {
            line = "\(level.rawValue.uppercased()) \(message)"
            for (key, value) in fields { line += " \(key)=\(value)" }
        } else {
            let seconds = "\(time.tv_sec).\(String(1_000_000 + time.tv_nsec / 1000).dropFirst())"
            line = "{\"ts\":\(seconds),\"level\":\"\(level.rawValue)\",\"message\":\(Self.quoted("\(message)"))"
            for (key, value) in fields { line += ",\(Self.quoted(key)):\(Self.quoted("\(value)"))" }
            line += "}"
        }
        line += "\n"
        line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case _ where scalar.value < 32:
                quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
