package import JSONTree

/// Who the spans are of (OpenTelemetry, semantic conventions of resources).
package struct SpanResource: Sendable {
    package var serviceName: String
    package var version: String
    package var instance: String

    package init(serviceName: String, version: String, instance: String) {
        self.serviceName = serviceName
        self.version = version
        self.instance = instance
    }
}

/// Spans as an `ExportTraceServiceRequest` in OTLP's JSON encoding: names in lower camel case, ids in hexadecimal, 64-bit
/// numbers as strings, enumerations as numbers (OTLP 1.x, "JSON Protobuf Encoding").
package enum OTLPDocument {
    package static func write(_ batches: [SpanBatch], of resource: SpanResource, into buffer: inout JSONByteBuffer) {
        buffer.append("{\"resourceSpans\":[{\"resource\":{\"attributes\":")
        write(
            [
                .init("service.name", resource.serviceName), .init("service.version", resource.version),
                .init("service.instance.id", resource.instance),
            ], into: &buffer)
        buffer.append("},\"scopeSpans\":[{\"scope\":{\"name\":\"weir\",\"version\":")
        JSONWriter.write(resource.version, into: &buffer)
        buffer.append("},\"spans\":[")
        var isFirst = true
        for batch in batches {
            for span in batch.spans {
                if !isFirst { buffer.append(",") }
                isFirst = false
                write(span, of: batch, into: &buffer)
            }
        }
        buffer.append("]}]}]}")
    }

    private static func write(_ span: Span, of batch: SpanBatch, into buffer: inout JSONByteBuffer) {
        buffer.append("{\"traceId\":\"")
        buffer.append(utf8: batch.context.traceID)
        buffer.append("\",\"spanId\":\"")
        buffer.append(utf8: TraceContext.hex(span.id, digits: 16))
        if span.parent != 0 {
            buffer.append("\",\"parentSpanId\":\"")
            buffer.append(utf8: TraceContext.hex(span.parent, digits: 16))
        }
        buffer.append("\",\"name\":")
        JSONWriter.write(span.name, into: &buffer)
        buffer.append(",\"kind\":")
        buffer.append(integer: Int64(span.kind.rawValue))
        buffer.append(",\"startTimeUnixNano\":\"")
        buffer.append(utf8: String(batch.unixNanoseconds(span.start)))
        buffer.append("\",\"endTimeUnixNano\":\"")
        buffer.append(utf8: String(batch.unixNanoseconds(max(span.start, span.end))))
        buffer.append("\",\"attributes\":")
        write(span.attributes, into: &buffer)
        if let failure = span.failure {
            buffer.append(",\"status\":{\"code\":2,\"message\":")
            JSONWriter.write(failure, into: &buffer)
            buffer.append("}")
        }
        buffer.append("}")
    }

    private static func write(_ attributes: [Span.Attribute], into buffer: inout JSONByteBuffer) {
        buffer.append("[")
        for (place, attribute) in attributes.enumerated() {
            buffer.append(place > 0 ? ",{\"key\":" : "{\"key\":")
            JSONWriter.write(attribute.key, into: &buffer)
            switch attribute.value {
            case .text(let text):
                buffer.append(",\"value\":{\"stringValue\":")
                JSONWriter.write(text, into: &buffer)
            case .number(let number):
                buffer.append(",\"value\":{\"intValue\":\"")
                buffer.append(integer: number)
                buffer.append("\"")
            }
            buffer.append("}}")
        }
        buffer.append("]")
    }
}
