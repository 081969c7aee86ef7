import JSONTree

/// The OpenAPI 3.1 description, written from the table of routes.
package enum OpenAPIDocument {
    package static func bytes(version: String) -> [UInt8] {
        var buffer = JSONByteBuffer(capacity: 32 * 1024)
        buffer.append("{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Weir\",\"version\":")
        JSONWriter.write(version, into: &buffer)
        buffer.append(",\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},\"paths\":{")
        let routes = AdminAPI.routes + OperationHandlers.described
        var patterns: [String] = []
        for route in routes where !patterns.contains(route.pattern) { patterns.append(route.pattern) }
        for (place, pattern) in patterns.enumerated() {
            if place > 0 { buffer.append(",") }
            JSONWriter.write(pattern, into: &buffer)
            buffer.append(":{")
            for (index, route) in routes.filter({ $0.pattern == pattern }).enumerated() {
                if index > 0 { buffer.append(",") }
                write(route, into: &buffer)
            }
            buffer.append("}")
        }
        buffer.append(
            """
            },"components":{"securitySchemes":{"adminKey":{"type":"http","scheme":"bearer"}},"schemas":{"Problem":{\
            "type":"object","required":["error"],"properties":{"error":{"type":"object","required":["code","message"],\
            "properties":{"code":{"type":"string"},"message":{"type":"string"},"request_id":{"type":"string"},\
            "details":{"type":"array","items":{"type":"object","properties":{"path":{"type":"string"},\
            "code":{"type":"string"},"message":{"type":"string"},"expected":{"type":"string"},\
            "got":{"type":"string"}}}}}}}}}}}
            """)
        return buffer.bytes
    }

    private static func write(_ route: AdminRoute, into buffer: inout JSONByteBuffer) {
        JSONWriter.write(route.method.lowercased(), into: &buffer)
        buffer.append(":{\"summary\":")
        JSONWriter.write(route.summary, into: &buffer)
        buffer.append(",\"tags\":[")
        JSONWriter.write(route.tag, into: &buffer)
        buffer.append("],\"parameters\":[")
        for (place, (name, location)) in (route.parameters.map { ($0, "path") } + route.query.map { ($0, "query") })
            .enumerated()
        {
            if place > 0 { buffer.append(",") }
            buffer.append("{\"name\":")
            JSONWriter.write(name, into: &buffer)
            buffer.append(",\"in\":")
            JSONWriter.write(location, into: &buffer)
            buffer.append(location == "path" ? ",\"required\":true" : ",\"required\":false")
            buffer.append(",\"schema\":{\"type\":\"string\"}}")
        }
        buffer.append("]")
        if route.hasBody {
            buffer.append(",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{}}}}")
        }
        if route.access == .admin { buffer.append(",\"security\":[{\"adminKey\":[]}]") }
        buffer.append(",\"responses\":{\"")
        buffer.append(integer: Int64(route.success))
        buffer.append("\":{\"description\":\"Success\"},\"default\":{\"description\":\"A problem\",\"content\":")
        buffer.append("{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}}")
    }
}
