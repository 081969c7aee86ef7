package import Telemetry
import Vocabulary

extension WorkflowRun {
    func beginSpan(_ spans: SpanPlace) {
        taskSpan = Span.makeID()
        context.spans = SpanPlace(log: spans.log, parent: taskSpan)
    }

    func endSpan(
        _ task: PlannedTask, _ spans: SpanPlace, _ status: StaticString, _ startedAt: UInt64, _ failure: TaskFailure?
    ) {
        let now = Stopwatch.nanoseconds()
        // A task that never came to run has no span yet.
        let id = startedAt == 0 ? Span.makeID() : taskSpan
        var attributes: [Span.Attribute] = [
            .init("weir.task.id", task.id), .init("weir.task.function", task.functionName),
            .init("weir.task.status", status.description), .init("weir.workflow.id", workflow.id),
        ]
        if let connector = task.connector { attributes.append(.init("weir.connector", connector)) }
        if let failure { attributes.append(.init("error.type", failure.code)) }
        spans.log.add(
            Span(
                "task \(task.id)", .internal, id: id, parent: spans.parent, start: startedAt == 0 ? now : startedAt,
                end: now, attributes: attributes, failure: failure?.message))
    }

    /// What the span of the whole run says of its workflow.
    package var spanAttributes: [Span.Attribute] {
        [
            .init("weir.workflow.id", workflow.id), .init("weir.workflow.version", workflow.version),
            .init("weir.attempt", options.attempt),
        ]
    }
}
