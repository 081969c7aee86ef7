import JSONTree
import Vocabulary

extension WorkflowRun {
    /// Before each sweep: the counter, the bound, the element.
    func beginSweep() {
        guard let loop = workflow.plan.loop else { return }
        let bound = min(loop.max, loopElements?.count ?? .max)
        guard sweep < bound else {
            finish()
            return
        }
        _ = context.document.set(loop.counter, to: .int(Int64(loop.start + sweep * loop.increment)))
        if let scratch = loop.scratch { context.document.remove(scratch) }
        if let element = loop.element, let elements = loopElements {
            _ = context.document.set(element, to: elements[sweep])
        }
        if sweep > 0, !holds(workflow.plan.condition, of: "the workflow") { finish() }
    }

    func endSweep() {
        guard workflow.plan.loop != nil else {
            finish()
            return
        }
        sweep += 1
        next = 0
        compactIfNeeded()
        beginSweep()
    }

    /// Ten thousand sweeps leave ten thousand old versions behind: what is alive moves to a fresh arena now and then.
    private func compactIfNeeded() {
        guard context.arena.bytesUsed - arenaMark > Self.compactionBytes else { return }
        let fresh = JSONArena()
        context.compact(into: fresh)
        loopElements = loopElements?.copied(into: fresh)
        arenaMark = fresh.bytesUsed
    }
}
