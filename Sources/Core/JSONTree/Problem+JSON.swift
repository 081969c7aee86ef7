package import Vocabulary

extension Problem {
    /// `{"error":{"code","message","details","request_id"}}`.
    package func envelope(requestID: String) -> [UInt8] {
        var buffer = JSONByteBuffer(capacity: 256)
        buffer.append("{\"error\":{\"code\":")
        JSONWriter.write(code.rawValue, into: &buffer)
        buffer.append(",\"message\":")
        JSONWriter.write(message, into: &buffer)
        if !details.isEmpty {
            buffer.append(",\"details\":[")
            for (place, detail) in details.enumerated() {
                if place > 0 { buffer.append(",") }
                detail.write(into: &buffer)
            }
            buffer.append("]")
        }
        buffer.append(",\"request_id\":")
        JSONWriter.write(requestID, into: &buffer)
        buffer.append("}}")
        return buffer.bytes
    }
}

extension Problem.Detail {
    package func write(into buffer: inout JSONByteBuffer) {
        buffer.append("{\"path\":")
        JSONWriter.write(path, into: &buffer)
        buffer.append(",\"code\":")
        JSONWriter.write(code.rawValue, into: &buffer)
        buffer.append(",\"message\":")
        JSONWriter.write(message, into: &buffer)
        if let expected {
            buffer.append(",\"expected\":")
            JSONWriter.write(expected, into: &buffer)
        }
        if let got {
            buffer.append(",\"got\":")
            JSONWriter.write(got, into: &buffer)
        }
        buffer.append("}")
    }
}
