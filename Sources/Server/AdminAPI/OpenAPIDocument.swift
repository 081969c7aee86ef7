import JSONTree

/// The OpenAPI 3.1 description, written from the table of routes.
package enum OpenAPIDocument {
    package static func bytes(version: String) -> [UInt8] {
        var buffer = JSONByteBuffer(capacity: 64 * 1024)
        buffer.append("{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Weir\",\"version\":")
        JSONWriter.write(version, into: &buffer)
        buffer.append(",\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},")
        buffer.append("\"servers\":[{\"url\":\"http://127.0.0.1:8080\"}],\"paths\":{")
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
        buffer.append("},\"components\":{\"securitySchemes\":{\"adminKey\":{\"type\":\"http\",\"scheme\":\"bearer\"},")
        buffer.append("\"traceToken\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-trace-token\"}},\"schemas\":")
        buffer.append(utf8: "{" + ScheduleSchemas.members + "," + KeyHandlers.schemas + ClusterHandlers.schemas)
        buffer.append(utf8: String(OpenAPISchemas.json.drop { $0 != "{" }.dropFirst()))
        buffer.append("}}")
        return buffer.bytes
    }

    private static func write(_ route: AdminRoute, into buffer: inout JSONByteBuffer) {
        JSONWriter.write(route.method.lowercased(), into: &buffer)
        buffer.append(":{\"summary\":")
        JSONWriter.write(route.summary, into: &buffer)
        buffer.append(",\"operationId\":")
        JSONWriter.write(operationID(route), into: &buffer)
        buffer.append(",\"tags\":[")
        JSONWriter.write(route.tag, into: &buffer)
        buffer.append("],\"parameters\":[")
        let parameters = route.parameters.map { ($0, "path") } + route.query.map { ($0, "query") }
        for (place, (name, location)) in parameters.enumerated() {
            if place > 0 { buffer.append(",") }
            buffer.append("{\"name\":")
            JSONWriter.write(name, into: &buffer)
            buffer.append(",\"in\":")
            JSONWriter.write(location, into: &buffer)
            buffer.append(location == "path" ? ",\"required\":true,\"schema\":" : ",\"required\":false,\"schema\":")
            buffer.append(utf8: schema(ofParameter: name))
            buffer.append("}")
        }
        buffer.append("]")
        if let body = route.body {
            buffer.append(",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":")
            reference(body, into: &buffer)
            buffer.append("}}}")
        }
        writeSecurity(route, into: &buffer)
        buffer.append(",\"responses\":{\"")
        buffer.append(integer: Int64(route.success))
        buffer.append("\":{\"description\":\"Success\"")
        write(route.answer, into: &buffer)
        if route.query.contains("wait") {
            buffer.append("},\"202\":{\"description\":\"Committed; not every instance has it yet\"")
            write(route.answer, into: &buffer)
        }
        buffer.append("},\"default\":{\"description\":\"A problem\",\"content\":{\"application/json\":{\"schema\":")
        reference("Problem", into: &buffer)
        buffer.append("}}}}}")
    }

    private static func writeSecurity(_ route: AdminRoute, into buffer: inout JSONByteBuffer) {
        if route.pattern.hasSuffix("/traces/{id}") {
            buffer.append(",\"security\":[{\"traceToken\":[]},{\"adminKey\":[]}]")
        } else if route.access == .admin {
            buffer.append(",\"security\":[{\"adminKey\":[]}]")
        }
    }

    private static func write(_ answer: AdminRoute.Answer, into buffer: inout JSONByteBuffer) {
        switch answer {
        case .nothing: return
        case .text: buffer.append(",\"content\":{\"text/plain\":{\"schema\":{\"type\":\"string\"}}}")
        case .plain(let name):
            buffer.append(",\"content\":{\"application/json\":{\"schema\":")
            reference(name, into: &buffer)
            buffer.append("}}")
        case .one(let name), .page(let name):
            buffer.append(
                ",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[\"data\"],")
            buffer.append("\"properties\":{\"data\":")
            if case .one = answer {
                reference(name, into: &buffer)
            } else {
                buffer.append("{\"type\":\"array\",\"items\":")
                reference(name, into: &buffer)
                buffer.append("},\"limit\":{\"type\":\"integer\"},\"offset\":{\"type\":\"integer\"},")
                buffer.append("\"total\":{\"type\":\"integer\"},\"next_cursor\":{\"type\":\"string\"}")
            }
            buffer.append("}}}}")
        }
    }

    private static func reference(_ name: String, into buffer: inout JSONByteBuffer) {
        buffer.append("{\"$ref\":")
        JSONWriter.write("#/components/schemas/\(name)", into: &buffer)
        buffer.append("}")
    }

    /// `get_admin_workflows_id` for `GET /api/v1/admin/workflows/{id}`.
    private static func operationID(_ route: AdminRoute) -> String {
        let words = route.segments.filter { $0 != "api" && $0 != "v1" }.map { segment in
            segment.filter { $0 != "{" && $0 != "}" }.map { $0 == "-" || $0 == "." ? "_" : String($0) }.joined()
        }
        return ([route.method.lowercased()] + words).joined(separator: "_")
    }

    private static func schema(ofParameter name: String) -> String {
        switch name {
        case "limit": #"{"type":"integer","minimum":1,"maximum":1000,"default":50}"#
        case "offset": #"{"type":"integer","minimum":0,"default":0}"#
        case "dry_run", "include_total": #"{"type":"boolean","default":false}"#
        case "wait":
            #"{"type":"string","enum":["all"],"description":"Answer when every live instance has it, or 202 after 10 seconds: weir-instances says how many have, weir-instances-behind which have not."}"#
        case "reload": #"{"type":"string","enum":["now","defer"],"default":"now"}"#
        case "sort_order": #"{"type":"string","enum":["asc","desc"],"default":"desc"}"#
        case "on_conflict": #"{"type":"string","enum":["fail","skip","new_version"],"default":"fail"}"#
        case "count": #"{"type":"integer","minimum":1,"maximum":100,"default":5}"#
        case "start_time", "end_time", "since", "until": #"{"type":"string","format":"date-time"}"#
        default: #"{"type":"string"}"#
        }
    }
}
