import JSONLogic
import JSONTree
import Vocabulary

/// `sleep`: waits, without holding a thread.
final class SleepFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "sleep", category: .utility, retrySafety: .pure,
        summary: "Waits for some milliseconds; never past the end of the run's time.",
        fields: [.init("ms", .logic, required: true, "milliseconds, at most 3,600,000")])

    private let milliseconds: JSONLogicRule?

    private static let longest = 3_600_000.0

    init(input: inout InputReader) { milliseconds = input.logic("ms") }

    func run(_ context: RunContext) -> TaskResult {
        guard let milliseconds else { return .status(200) }
        do throws(JSONLogicError) {
            guard let wished = try context.evaluate(milliseconds).doubleValue, (0...Self.longest).contains(wished)
            else {
                return .failed(TaskFailure("FUNCTION_ERROR", "The time to sleep is no number from 0 to 3600000."))
            }
            let end = Stopwatch.nanoseconds() + UInt64(wished * 1_000_000)
            let deadline = context.budget.deadline
            // A moment past the deadline, so that the run finds its time used up.
            let until = deadline == 0 ? end : min(end, deadline + 1_000_000)
            return .wait {
                let now = Stopwatch.nanoseconds()
                // Cancelled only when the server ends; the task then ends a little early.
                if until > now { try? await Task.sleep(for: .nanoseconds(Int64(until - now))) }
                return .done
            }
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The time to sleep failed: \(error.type)"))
        }
    }
}
