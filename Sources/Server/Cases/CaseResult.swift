package import JSONTree

/// What came of one case.
package struct CaseResult: Sendable {
    package var file: String
    package var name: String
    package var mismatches: [CaseMismatch] = []
    /// Recorded, and not asked for.
    package var unusedCalls: [String] = []
    package var isRecorded = false
    package var isUpdated = false
    package var seconds = 0.0

    package var passed: Bool { mismatches.isEmpty }

    package init(file: String, name: String) {
        self.file = file
        self.name = name
    }
}

/// All results in the forms programs read.
package struct CaseReport: Sendable {
    package var folder: String
    package var results: [CaseResult]
    package var strayRecordings: [String]

    package init(folder: String, results: [CaseResult], strayRecordings: [String]) {
        self.folder = folder
        self.results = results
        self.strayRecordings = strayRecordings
    }

    package var failed: Int { results.count { !$0.passed } }

    package func write(into buffer: inout JSONByteBuffer) {
        func list(_ texts: [String], _ buffer: inout JSONByteBuffer) {
            buffer.append("[")
            for (place, text) in texts.enumerated() {
                if place > 0 { buffer.append(",") }
                JSONWriter.write(text, into: &buffer)
            }
            buffer.append("]")
        }
        buffer.append("{\"cases\":[")
        for (place, result) in results.enumerated() {
            buffer.append(place > 0 ? ",{\"file\":" : "{\"file\":")
            JSONWriter.write(result.file, into: &buffer)
            buffer.append(",\"name\":")
            JSONWriter.write(result.name, into: &buffer)
            buffer.append(result.passed ? ",\"passed\":true" : ",\"passed\":false")
            if result.isRecorded { buffer.append(",\"recorded\":true") }
            if result.isUpdated { buffer.append(",\"updated\":true") }
            buffer.append(",\"seconds\":")
            JSONWriter.write(result.seconds, into: &buffer)
            buffer.append(",\"mismatches\":[")
            for (number, mismatch) in result.mismatches.enumerated() {
                buffer.append(number > 0 ? ",{\"part\":" : "{\"part\":")
                JSONWriter.write(mismatch.part, into: &buffer)
                buffer.append(",\"difference\":")
                list(mismatch.lines, &buffer)
                buffer.append("}")
            }
            buffer.append("],\"unused_calls\":")
            list(result.unusedCalls, &buffer)
            buffer.append("}")
        }
        buffer.append("],\"passed\":")
        buffer.append(integer: Int64(results.count - failed))
        buffer.append(",\"failed\":")
        buffer.append(integer: Int64(failed))
        buffer.append(",\"unused_recordings\":")
        list(strayRecordings, &buffer)
        buffer.append("}")
    }

    /// The XML that build servers read: a suite for the folder, a test case for each case.
    package var junit: String {
        let seconds = results.reduce(0) { $0 + $1.seconds }
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        text += "  <testsuite name=\"\(Self.escaped(folder))\" tests=\"\(results.count)\" failures=\"\(failed)\""
        text += " errors=\"0\" skipped=\"0\" time=\"\(seconds)\">\n"
        for result in results {
            text += "    <testcase classname=\"\(Self.escaped(result.file))\" name=\"\(Self.escaped(result.name))\""
            text += " file=\"\(Self.escaped(result.file))\" time=\"\(result.seconds)\""
            guard !result.passed else {
                text += "/>\n"
                continue
            }
            let parts = result.mismatches.map(\.part).joined(separator: ", ")
            let body = result.mismatches.map { "\($0.part):\n\($0.lines.joined(separator: "\n"))" }
            text += ">\n      <failure message=\"\(Self.escaped("differs in \(parts)"))\" type=\"mismatch\">"
            text += Self.escaped(body.joined(separator: "\n")) + "</failure>\n    </testcase>\n"
        }
        return text + "  </testsuite>\n</testsuites>\n"
    }

    /// XML 1.0 has no place for most control characters, however they are written.
    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            default:
                let isAllowed = scalar.value >= 32 && scalar.value != 0xFFFE && scalar.value != 0xFFFF
                result.unicodeScalars.append(isAllowed ? scalar : "\u{FFFD}")
            }
        }
    }
}
