/// What ids may look like, for workflows and channels alike.
package enum WorkflowNames {
    package static let identifierRule = WorkflowParser.identifierRule

    package static func isIdentifier(_ text: String) -> Bool { WorkflowParser.isIdentifier(text) }
}
