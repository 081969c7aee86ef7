import Authentication
import JSONLogic
import JSONTree
import Synchronization
import Vocabulary

/// `jwt_verify`: checks a signed token and writes its claims.
final class TokenVerifyFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "jwt_verify", category: .compute, retrySafety: .pure,
        summary: "Checks a JSON Web Token and writes its claims; a token that is not good fails the task.",
        fields: [
            .init("token", .logic, required: true, "an expression for the token"),
            .init("algorithms", .array, required: true, "the algorithms it may be signed with"),
            .init(
                "keys", .array, required: true,
                "algorithm, key (a shared secret, or a public key as PEM), kid, key_encoding of each"),
            .init("issuer", .any, "a string, or a list of which one must fit"),
            .init("audience", .any, "a string, or a list of which one must fit"),
            .init("leeway_secs", .integer, default: "30", "how far clocks may differ"),
            .init("require_exp", .boolean, default: "true", "whether it must say when it ends"),
            .init("output", .path, default: "\"data.claims\"", "where to write the claims"),
        ])

    private let token: JSONLogicRule?
    private let algorithms: [TokenAlgorithm]
    private let keys: [TokenKey]
    private let claims: ClaimRules
    private let output: JSONPath?
    /// The keys, made ready by the first run.
    private let ready = Mutex<VerificationKeys?>(nil)

    private static let mostBytes = 65_536

    init(input: inout InputReader) {
        token = input.logic("token")
        algorithms = input.field("algorithms")?.isArray == true ? TokenInput.algorithms(&input) : []
        keys = input.field("keys")?.isArray == true ? TokenInput.keys("keys", allowing: algorithms, &input) : []
        claims = TokenInput.claims(&input)
        output = input.path("output") ?? (try? JSONPath("data.claims"))  // this is a path
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let output, let token else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no token.")) }
        do throws(JSONLogicError) {
            guard let text = try context.evaluate(token).stringValue, text.utf8.count <= Self.mostBytes else {
                return .failed(Self.failure)
            }
            guard let known = ready.withLock({ $0 }) else {
                let now = context.now
                return .wait { await self.verify(text, at: now, output) }
            }
            do throws(CallerRefusal) {
                let claims = try verify(text, with: known, at: context.now, in: context.arena)
                return context.set(output, to: claims)
                    ? .status(200)
                    : .failed(TaskFailure("FUNCTION_ERROR", "Nothing can be written at `\(output.text)`."))
            } catch {
                return .failed(Self.failure)
            }
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The token failed: \(error.type)"))
        }
    }

    /// One for every cause, as at a channel's door.
    private static let failure = TaskFailure("FUNCTION_ERROR", "The token is not valid.", problem: .unauthorized)

    private func verify(_ text: String, at now: Timestamp, _ output: JSONPath) async -> WaitResult {
        guard let made = try? await VerificationKeys(keys) else {  // checked when they were read
            return .failed(TaskFailure("FUNCTION_ERROR", "A key cannot be used."))
        }
        ready.withLock { $0 = made }
        let arena = JSONArena()
        do throws(CallerRefusal) {
            return .value(OwnedJSON(copying: try verify(text, with: made, at: now, in: arena)), output: output)
        } catch {
            return .failed(Self.failure)
        }
    }

    private func verify(
        _ text: String, with keys: VerificationKeys, at now: Timestamp, in arena: JSONArena
    ) throws(CallerRefusal) -> JSONValue {
        let token = try CompactToken(text, allowing: algorithms, scratch: arena)
        guard keys.haveSigned(token) else { throw keys.know(token) ? .signature : .unknownKey }
        let found = try token.claims(in: arena)
        try claims.check(found, at: now.microseconds / 1_000_000)
        return found
    }
}
