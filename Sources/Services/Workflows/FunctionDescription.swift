import JSONTree

/// What a function takes: its entry in the catalogue, and what saving a definition is checked against.
package struct FunctionDescription: Sendable {
    package enum Category: String, Sendable { case connector, control, data, compute, utility }
    /// Whether running it again may do harm.
    package enum RetrySafety: String, Sendable {
        case pure, read
        case idempotentWrite = "idempotent_write"
        case unsafeWrite = "unsafe_write"
        case dependsOnInput = "depends_on_input"
    }

    package struct Field: Sendable {
        package enum FieldType: String, Sendable {
            case string, boolean, integer, object, array, path, logic, any
        }

        package let name: String
        package let type: FieldType
        package let isRequired: Bool
        /// JSON text.
        package let defaultValue: String?
        package let summary: String
        /// The words a string may be.
        package let choices: [String]

        package init(
            _ name: String, _ type: FieldType, required: Bool = false, default defaultValue: String? = nil,
            choices: [String] = [], _ summary: String
        ) {
            self.name = name
            self.type = type
            isRequired = required
            self.defaultValue = defaultValue
            self.choices = choices
            self.summary = summary
        }
    }

    package let name: String
    package let aliases: [String]
    package let category: Category
    package let retrySafety: RetrySafety
    package let summary: String
    package let fields: [Field]

    package init(
        name: String, aliases: [String] = [], category: Category, retrySafety: RetrySafety, summary: String,
        fields: [Field]
    ) {
        self.name = name
        self.aliases = aliases
        self.category = category
        self.retrySafety = retrySafety
        self.summary = summary
        self.fields = fields
    }

    func write(into buffer: inout JSONByteBuffer) {
        func strings(_ values: [String], _ buffer: inout JSONByteBuffer) {
            buffer.append("[")
            for (place, value) in values.enumerated() {
                if place > 0 { buffer.append(",") }
                JSONWriter.write(value, into: &buffer)
            }
            buffer.append("]")
        }
        func member(_ name: StaticString, _ value: String, _ buffer: inout JSONByteBuffer) {
            buffer.append(name)
            JSONWriter.write(value, into: &buffer)
        }
        member("{\"name\":", name, &buffer)
        member(",\"category\":", category.rawValue, &buffer)
        buffer.append(",\"source\":\"weir\",\"aliases\":")
        strings(aliases, &buffer)
        member(",\"retry_safety\":", retrySafety.rawValue, &buffer)
        member(",\"description\":", summary, &buffer)
        buffer.append(",\"input_fields\":[")
        for (place, field) in fields.enumerated() {
            if place > 0 { buffer.append(",") }
            member("{\"name\":", field.name, &buffer)
            member(",\"type\":", field.type.rawValue, &buffer)
            buffer.append(field.isRequired ? ",\"required\":true" : ",\"required\":false")
            if let value = field.defaultValue {
                buffer.append(",\"default\":")
                buffer.append(utf8: value)
            }
            if !field.choices.isEmpty {
                buffer.append(",\"choices\":")
                strings(field.choices, &buffer)
            }
            member(",\"description\":", field.summary, &buffer)
            buffer.append("}")
        }
        buffer.append("]}")
    }
}
