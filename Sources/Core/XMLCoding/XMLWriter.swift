package import JSONTree

/// Writes JSON as XML: an object's members become elements, `@a` an attribute and `$text` the text of the element they
/// are in, so that what ``XMLReader`` made is written as it was.
package struct XMLWriter {
    /// How arrays are written.
    package enum Arrays: String, Sendable, CaseIterable {
        /// `<a><item>1</item><item>2</item></a>`
        case item
        /// `<a>1</a><a>2</a>`, which ``XMLReader`` reads as an array again.
        case repeated = "repeat"
    }

    package struct Limit: Error, Sendable, Equatable {
        package var message: String
    }

    private static let mostDepth = 200

    private let arrays: Arrays
    private var bytes: [UInt8] = []

    private init(_ arrays: Arrays) { self.arrays = arrays }

    package static func text(
        _ value: JSONValue, root: String, arrays: Arrays = .item
    ) throws(Limit) -> [UInt8] {
        var writer = XMLWriter(arrays)
        // One element is outermost, so an array there is always one of items.
        try writer.writeElement(name(root), value, depth: 0)
        return writer.bytes
    }

    private mutating func writeElement(_ name: String, _ value: JSONValue, depth: Int) throws(Limit) {
        guard depth < Self.mostDepth else { throw Limit(message: "The value is nested too deeply.") }
        bytes.append(UInt8(ascii: "<"))
        bytes += name.utf8
        writeAttributes(of: value)
        let begin = bytes.count
        bytes.append(UInt8(ascii: ">"))
        try writeContent(of: value, depth: depth)
        guard bytes.count > begin + 1 else {
            bytes.removeLast()
            bytes += "/>".utf8
            return
        }
        bytes += "</".utf8
        bytes += name.utf8
        bytes.append(UInt8(ascii: ">"))
    }

    private static func isAttribute(_ key: String, _ value: JSONValue) -> Bool {
        key.utf8.count > 1 && key.hasPrefix("@") && !value.isObject && !value.isArray
    }

    private mutating func writeAttributes(of value: JSONValue) {
        guard value.isObject else { return }
        var written: Set<String> = []
        for index in 0..<value.count {
            let key = value.key(at: index).stringValue ?? ""
            guard Self.isAttribute(key, value.value(at: index)) else { continue }
            let name = Self.name(String(key.dropFirst()))
            guard written.insert(name).inserted else { continue }  // two that differ only where names may not
            bytes.append(UInt8(ascii: " "))
            bytes += name.utf8
            bytes += "=\"".utf8
            writeText(Self.plain(value.value(at: index)), isAttribute: true)
            bytes.append(UInt8(ascii: "\""))
        }
    }

    private mutating func writeContent(of value: JSONValue, depth: Int) throws(Limit) {
        if value.isArray {
            for index in 0..<value.count { try writeElement("item", value[index], depth: depth + 1) }
            return
        }
        guard value.isObject else { return writeText(Self.plain(value), isAttribute: false) }
        for index in 0..<value.count {
            let key = value.key(at: index).stringValue ?? ""
            let member = value.value(at: index)
            if Self.isAttribute(key, member) { continue }
            if key == "$text", !member.isObject, !member.isArray {
                writeText(Self.plain(member), isAttribute: false)
            } else if member.isArray, arrays == .repeated {
                for place in 0..<member.count { try writeElement(Self.name(key), member[place], depth: depth + 1) }
            } else {
                try writeElement(Self.name(key), member, depth: depth + 1)
            }
        }
    }

    private static func plain(_ value: JSONValue) -> String {
        value.stringValue ?? (value.isNull ? "" : JSONWriter.string(value))
    }

    private mutating func writeText(_ text: String, isAttribute: Bool) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": bytes += "&amp;".utf8
            case "<": bytes += "&lt;".utf8
            case ">": bytes += "&gt;".utf8
            case "\"": bytes += "&quot;".utf8
            case "'": bytes += "&apos;".utf8
            // Line ends are changed by readers, and in attributes all white space is.
            case "\r": bytes += "&#13;".utf8
            case "\n" where isAttribute: bytes += "&#10;".utf8
            case "\t" where isAttribute: bytes += "&#9;".utf8
            case "\t", "\n": bytes.append(UInt8(scalar.value))
            case let other where other.value < 32 || other.value & 0xFFFE == 0xFFFE:
                bytes += "\u{FFFD}".utf8  // XML 1.0 has no way to write these
            default: bytes += String(Character(scalar)).utf8
            }
        }
    }

    /// A name XML takes: what may not stand in one becomes `_`, and one that cannot begin a name gets `_` before it.
    static func name(_ text: String) -> String {
        guard !text.isEmpty else { return "_element" }
        var name = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { name.append(isNamePart(scalar) ? scalar : "_") }
        if let first = name.first, !isNameStart(first) { name.insert("_", at: name.startIndex) }
        return String(name)
    }

    /// Letters that every edition of XML 1.0 lets begin a name, for the scripts most names are in.
    private static func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x3A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0xFF: true
        case 0x391...0x3A1, 0x3A3...0x3CE, 0x410...0x44F, 0x3041...0x3094, 0x30A1...0x30FA, 0x4E00...0x9FA5: true
        default: false
        }
    }

    private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2D, 0x2E, 0x30...0x39: true
        default: isNameStart(scalar)
        }
    }
}
