/// Parameters laid out as libpq wants them: an address and a length for each.
enum PostgresParameters {
    static func with<Result>(
        _ values: [PostgresValue], _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Result
    ) -> Result {
        var data: [UInt8] = []
        var ends: [Int] = []
        for value in values {
            value.write(into: &data)
            ends.append(data.count)
        }
        data.append(0)
        return data.withUnsafeBytes { bytes in
            var addresses: [UnsafePointer<CChar>?] = []
            var lengths: [Int32] = []
            for (place, value) in values.enumerated() {
                let start = place == 0 ? 0 : ends[place - 1]
                lengths.append(Int32(ends[place] - start))
                if case .null = value {
                    addresses.append(nil)
                } else {
                    addresses.append(bytes.baseAddress.map { ($0 + start).assumingMemoryBound(to: CChar.self) })
                }
            }
            return body(addresses, lengths, [Int32](repeating: 1, count: values.count))
        }
    }

    /// Texts, whose types PostgreSQL infers; nil for null.
    static func with<Result>(texts: [String?], _ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
        var data: [CChar] = []
        var starts: [Int?] = []
        for text in texts {
            starts.append(text == nil ? nil : data.count)
            if let text { data += text.utf8CString }
        }
        data.append(0)
        return data.withUnsafeBufferPointer { buffer in
            body(starts.map { start in start.flatMap { start in buffer.baseAddress.map { $0 + start } } })
        }
    }
}
