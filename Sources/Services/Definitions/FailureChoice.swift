import Vocabulary
import Workflows

/// What a guard does while what instances share does not answer: goes by this instance's own count and memory
/// (`fail_open`), or refuses (`fail_closed`). Where it says nothing, `shared_state.on_failure` does.
enum FailureChoice {
    /// The field, and its name in the runtime whose shapes these are.
    static let fields = ["on_failure", "on_backend_error"]

    private static let words = [
        ["fail_open": true, "fail_closed": false], ["allow": true, "deny": false],
    ]

    /// - Returns: whether it fails open; nil where it says nothing.
    static func read(_ reader: inout InputReader) -> Bool? {
        for (field, words) in zip(fields, words) {
            guard let text = reader.string(field) else { continue }
            if let choice = words[text] { return choice }
            reader.report(
                .init(
                    reader.at(field), .invalid, "This is none of the words allowed here.",
                    expected: words.keys.sorted().reversed().joined(separator: ", "), got: text))
            return nil
        }
        return nil
    }
}
