import JSONTree
import Workflows

/// The whole message of an asynchronous run, as its trace shows it.
enum MessageDocument {
    static func write(_ run: WorkflowRun, masking masks: MaskedFields, into buffer: inout JSONByteBuffer) {
        buffer.append("{\"context\":{\"data\":")
        masks.write(run.data, into: &buffer)
        buffer.append(",\"temp_data\":")
        masks.write(run.tempData, into: &buffer)
        buffer.append("},\"errors\":[")
        for (place, error) in run.errors.enumerated() {
            if place > 0 { buffer.append(",") }
            error.write(into: &buffer)
        }
        buffer.append("]}")
    }
}
