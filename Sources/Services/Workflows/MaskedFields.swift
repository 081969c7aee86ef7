package import JSONTree

/// Names of members whose values are not written to traces.
package struct MaskedFields: Sendable {
    private var names: [[UInt8]]

    /// Credentials by their usual names.
    package static let usual = [
        "authorization", "cookie", "proxy-authorization", "x-api-key", "password", "passwd", "secret", "token",
        "api_key", "apikey", "access_token", "refresh_token", "client_secret",
    ]

    package init(_ names: [String]) { self.names = names.map { Array($0.lowercased().utf8) } }

    package func adding(_ more: [String]) -> MaskedFields {
        var all = self
        all.names += more.map { Array($0.lowercased().utf8) }
        return all
    }

    package var isEmpty: Bool { names.isEmpty }

    private func masks(_ key: JSONValue) -> Bool {
        guard let key = key.utf8 else { return false }
        for name in names where name.count == key.count {
            if zip(name, key).allSatisfy({ $0 == ($1 >= 65 && $1 <= 90 ? $1 | 0x20 : $1) }) { return true }
        }
        return false
    }

    /// Writes a value with masked members as `"******"`.
    package func write(_ value: JSONValue, into buffer: inout JSONByteBuffer) {
        guard !names.isEmpty, value.count > 0 else {
            JSONWriter.write(value, into: &buffer)
            return
        }
        buffer.append(value.isArray ? "[" : "{")
        for index in 0..<value.count {
            if index > 0 { buffer.append(",") }
            if value.isArray {
                write(value[index], into: &buffer)
            } else {
                JSONWriter.write(value.key(at: index), into: &buffer)
                buffer.append(":")
                if masks(value.key(at: index)) {
                    buffer.append("\"******\"")
                } else {
                    write(value.value(at: index), into: &buffer)
                }
            }
        }
        buffer.append(value.isArray ? "]" : "}")
    }

    /// The texts that ``write(_:into:)`` would mask.
    package func texts(in value: JSONValue) -> [String] {
        guard value.count > 0 else { return [] }
        if value.isArray { return (0..<value.count).flatMap { texts(in: value[$0]) } }
        return (0..<value.count).flatMap { index -> [String] in
            let member = value.value(at: index)
            guard masks(value.key(at: index)) else { return texts(in: member) }
            return member.stringValue.map { [$0] } ?? texts(in: member)
        }
    }
}
