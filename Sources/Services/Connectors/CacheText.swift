import JSONTree
import Vocabulary

/// How values are kept in a cache that others use too: as JSON text, but for texts that cannot be taken for JSON, which
/// are kept as they are. What was written is read back as it was; what others wrote is read as JSON where it is JSON,
/// else as a text, else as base 64.
enum CacheText {
    static func stored(_ json: [UInt8]) -> [UInt8] {
        guard json.first == UInt8(ascii: "\""), let text = try? OwnedJSON(parsing: json) else { return json }
        let bytes = text.read { Array(($0.stringValue ?? "").utf8) }
        return isJSON(bytes) ? json : bytes
    }

    static func append(_ stored: [UInt8], to text: inout JSONByteBuffer) {
        if isJSON(stored) {
            text.append(stored)
        } else if let string = String(validating: stored, as: UTF8.self) {
            JSONWriter.write(string, into: &text)
        } else {
            JSONWriter.write(Base64.text(stored), into: &text)
        }
    }

    /// Most texts show it with their first byte.
    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first(where: { ![32, 9, 10, 13].contains($0) }) else { return false }
        switch first {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "-"), 48...57, UInt8(ascii: "t"),
            UInt8(ascii: "f"), UInt8(ascii: "n"):
            return (try? JSONReader.parse(bytes, in: JSONArena())) != nil  // what is none is a text
        default: return false
        }
    }
}
