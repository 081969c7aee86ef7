/// Parameters laid out as libpq wants them: an address and a length for each.
enum PostgresParameters {
    /// - Parameter body: told the addresses, the lengths and the formats; all are valid within it.
    static func with<Result>(
        _ values: [PostgresValue],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Result
    ) -> Result {
        let count = values.count
        var data: [UInt8] = []
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
            for (place, value) in values.enumerated() {
                let start = data.count
                value.write(into: &data)
                numbers.initializeElement(at: place, to: Int32(data.count - start))
                numbers.initializeElement(at: count + place, to: 1)
            }
            data.append(0)
            return data.withUnsafeBytes { bytes in
                withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { addresses in
                    var next = bytes.baseAddress.map { $0.assumingMemoryBound(to: CChar.self) }
                    for (place, value) in values.enumerated() {
                        let isNull = if case .null = value { true } else { false }
                        addresses.initializeElement(at: place, to: isNull ? nil : next)
                        next = next.map { $0 + Int(numbers[place]) }
                    }
                    let lengths = numbers.baseAddress.map { UnsafePointer($0) }
                    return body(
                        addresses.baseAddress.map { UnsafePointer($0) }, lengths, lengths.map { $0 + count })
                }
            }
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
