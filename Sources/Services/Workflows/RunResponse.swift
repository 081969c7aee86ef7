package import JSONTree

/// The status, headers and body a workflow has asked for at `data._weir.response` (or `data._orion.response`).
package struct RunResponse {
    package var status: Int
    package var headers: [(String, String)]
    package var body: JSONValue?
    /// Text that is sent as it is.
    package var raw: String?
}

extension WorkflowRun {
    package var response: RunResponse? {
        let data = data
        let wished = data.member("_weir")?.member("response") ?? data.member("_orion")?.member("response")
        guard let wished, wished.isObject else { return nil }
        let status = wished.member("status")?.intValue ?? 200
        guard (200...599).contains(status) else { return nil }
        var headers: [(String, String)] = []
        if let object = wished.member("headers"), object.isObject {
            for index in 0..<object.count {
                let name = object.key(at: index).stringValue ?? ""
                let value = object.value(at: index)
                let values = value.isArray ? (0..<value.count).map { value[$0] } : [value]
                for each in values { headers.append((name, each.stringValue ?? JSONWriter.string(each))) }
            }
        }
        var body = wished.member("body")
        // A path that cannot be read brings no body.
        if let text = wished.member("body_path")?.stringValue, let path = try? JSONPath(text) {
            body = path.read(from: text.hasPrefix("data.") || text == "data" ? context.document.root : data)
        }
        let isRaw = wished.member("raw")?.isTrue == true
        return RunResponse(
            status: Int(status), headers: headers,
            body: isRaw ? nil : body ?? (wished.member("body_path") == nil ? nil : .null),
            raw: isRaw ? body?.stringValue ?? body.map { JSONWriter.string($0) } : nil)
    }
}
