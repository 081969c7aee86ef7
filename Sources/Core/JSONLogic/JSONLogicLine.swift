import JSONTree

/// One line of `weir logic --jsonl`.
package enum JSONLogicLine {
    /// - Parameter line: `{"rule":…,"data":…,"templating":bool}`.
    /// - Returns: `{"result":…}` or `{"error":{"type":…}}`; never fails otherwise.
    package static func answer(_ line: UnsafeRawBufferPointer) -> [UInt8] {
        let arena = JSONArena()
        do throws(JSONSyntaxError) {
            let request = try JSONReader.parse(line, in: arena)
            let rule = request.member("rule") ?? .null
            return evaluate(
                rule, data: request.member("data") ?? .null, templating: request.member("templating")?.isTrue ?? false,
                in: arena)
        } catch {
            return failure("Invalid JSON", message: error.message)
        }
    }

    private static func evaluate(_ rule: JSONValue, data: JSONValue, templating: Bool, in arena: JSONArena) -> [UInt8] {
        do {
            let compiled = try JSONLogicRule.compile(rule, templating: templating, strictness: .deferred)
            let result = try compiled.evaluate(data, in: arena)
            var buffer = JSONByteBuffer()
            buffer.append("{\"result\":")
            JSONWriter.write(result, into: &buffer)
            buffer.append("}")
            return buffer.bytes
        } catch let error as JSONLogicError {
            return failure(error.type, message: nil)
        } catch {
            return failure("Invalid Arguments", message: "\(error)")
        }
    }

    private static func failure(_ type: String, message: String?) -> [UInt8] {
        var buffer = JSONByteBuffer()
        buffer.append("{\"error\":{\"type\":")
        JSONWriter.write(type, into: &buffer)
        if let message {
            buffer.append(",\"message\":")
            JSONWriter.write(message, into: &buffer)
        }
        buffer.append("}}")
        return buffer.bytes
    }
}
