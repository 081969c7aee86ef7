package import JSONTree
import Vocabulary

/// The functions there are.
package struct FunctionCatalogue: Sendable {
    private let byName: [String: any WorkflowFunction.Type]
    package let descriptions: [FunctionDescription]

    package init(_ functions: [any WorkflowFunction.Type]) {
        var byName: [String: any WorkflowFunction.Type] = [:]
        for function in functions {
            for name in [function.description.name] + function.description.aliases { byName[name] = function }
        }
        self.byName = byName
        descriptions = functions.map { $0.description }
    }

    package static let builtIn = FunctionCatalogue([
        ParseJSONFunction.self,
        MapFunction.self,
        FilterFunction.self,
        ValidationFunction.self,
        LogFunction.self,
        ChannelCallFunction.self,
        HTTPCallFunction.self,
        DatabaseReadFunction.self,
        DatabaseWriteFunction.self,
        CacheReadFunction.self,
        CacheWriteFunction.self,
        CacheDeleteFunction.self,
        CacheIncrementFunction.self,
        PublishJSONFunction.self,
        ParseXMLFunction.self,
        PublishXMLFunction.self,
        RegexFunction.self,
        TemplateFunction.self,
        CryptoFunction.self,
        TokenSignFunction.self,
        TokenVerifyFunction.self,
        DateFunction.self,
        SleepFunction.self,
    ])

    package var names: [String] { byName.keys.sorted() }

    func function(named name: String) -> (any WorkflowFunction.Type)? { byName[name] }

    package func write(into buffer: inout JSONByteBuffer) {
        buffer.append("[")
        for (place, description) in descriptions.enumerated() {
            if place > 0 { buffer.append(",") }
            description.write(into: &buffer)
        }
        buffer.append("]")
    }
}
