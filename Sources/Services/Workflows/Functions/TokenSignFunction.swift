import Authentication
import JSONLogic
import JSONTree
import Vocabulary

/// `jwt_sign`: makes a signed token.
final class TokenSignFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "jwt_sign", category: .compute, retrySafety: .pure,
        summary: "Signs claims as a JSON Web Token.",
        fields: [
            .init(
                "algorithm", .string, required: true, choices: TokenAlgorithm.allCases.map(\.rawValue),
                "how it is signed"),
            .init("key", .logic, required: true, "the shared secret, or a private key as PEM"),
            .init(
                "key_encoding", .string, default: "\"utf8\"", choices: TokenKey.Encoding.allCases.map(\.rawValue),
                "how a shared secret is written"),
            .init("claims", .logic, "an expression for the claims; objects are templates"),
            .init("expires_in", .any, "seconds, or a number with s, m, h or d; needed where claims have no exp"),
            .init("not_before", .integer, "seconds from now until it is valid"),
            .init("issuer", .logic, "iss"),
            .init("audience", .logic, "aud"),
            .init("kid", .string, "names the key, for those who have several"),
            .init("output", .path, default: "\"data.token\"", "where to write the token"),
        ])

    private let algorithm: TokenAlgorithm?
    private let encoding: TokenKey.Encoding
    private let key: JSONLogicRule?
    /// Where the key is written down.
    private let signer: TokenSigner?
    private let claims: JSONLogicRule?
    private let lifetime: Int64?
    private let notBefore: Int64?
    private let issuer: JSONLogicRule?
    private let audience: JSONLogicRule?
    private let keyID: String?
    private let output: JSONPath?

    init(input: inout InputReader) {
        algorithm = input.string("algorithm").flatMap(TokenAlgorithm.init(rawValue:))
        encoding = input.string("key_encoding").flatMap(TokenKey.Encoding.init(rawValue:)) ?? .utf8
        key = input.logic("key")
        claims = input.logic("claims", templating: true)
        lifetime = Self.lifetime(&input)
        notBefore = input.integer("not_before", in: 0...315_360_000).map { Int64($0) }
        issuer = input.logic("issuer")
        audience = input.logic("audience")
        keyID = input.string("kid", maxLength: 256)
        output = input.path("output") ?? (try? JSONPath("data.token"))  // this is a path
        guard let algorithm, let text = key?.constant?.stringValue else {
            signer = nil
            return
        }
        do throws(TokenKey.Fault) { signer = try TokenSigner(text, algorithm: algorithm, encoding: encoding) } catch {
            signer = nil
            input.report(.init(input.at("key"), .invalid, error.message))
        }
    }

    private static func lifetime(_ input: inout InputReader) -> Int64? {
        guard let value = input.field("expires_in") else { return nil }
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let seconds =
            value.intValue
            ?? value.stringValue.flatMap { text -> Int64? in
                guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count < 1 << 32
                else { return nil }
                return count * unit
            }
        guard let seconds, (1...315_360_000).contains(seconds) else {
            input.report(
                .init(
                    input.at("expires_in"), .invalid, "This must be seconds, or a number with s, m, h or d.",
                    expected: "1 second to 10 years", got: JSONWriter.string(value)))
            return nil
        }
        return seconds
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let output, let algorithm, let key else {
            return .failed(TaskFailure("FUNCTION_ERROR", "There is no key."))
        }
        do {
            let signer =
                try signer
                ?? TokenSigner(
                    context.evaluate(key).stringValue ?? "", algorithm: algorithm, encoding: encoding)
            let claims = try claims(context)
            let keyID = keyID.map { JSONWriter.bytes(.string($0, in: context.arena)) }
            return .wait {
                // What can go wrong was checked when the key was read.
                guard let token = try? await signer.sign(claims, keyID: keyID) else {
                    return .failed(TaskFailure("FUNCTION_ERROR", "The key cannot sign."))
                }
                let arena = JSONArena()
                return .value(OwnedJSON(copying: .string(token, in: arena)), output: output)
            }
        } catch let error as JSONLogicError {
            return .failed(TaskFailure("LOGIC_ERROR", "The input failed: \(error.type)"))
        } catch let error as TokenKey.Fault {
            return .failed(TaskFailure("FUNCTION_ERROR", error.message))
        } catch {
            return .failed(
                TaskFailure("FUNCTION_ERROR", "The claims must be an object, and say when the token ends."))
        }
    }

    private struct BadClaims: Error {}

    /// What the fields say wins over what the claims say.
    private func claims(_ context: RunContext) throws -> [UInt8] {
        let given = try claims.map { try context.evaluate($0) } ?? .null
        guard given.isObject || given.isNull else { throw BadClaims() }
        let now = context.now.microseconds / 1_000_000
        var own: [(StaticString, JSONValue)] = []
        if let issuer { own.append(("iss", try context.evaluate(issuer))) }
        if let audience { own.append(("aud", try context.evaluate(audience))) }
        if let notBefore { own.append(("nbf", .int(now + notBefore))) }
        if given.member("iat") == nil { own.append(("iat", .int(now))) }
        if let lifetime { own.append(("exp", .int(now + lifetime))) }
        guard lifetime != nil || given.member("exp")?.isNumber == true else { throw BadClaims() }
        var members = JSONObjectBuilder(capacity: given.count + own.count, in: context.arena)
        for index in 0..<given.count {
            let name = given.key(at: index)
            guard !own.contains(where: { name.stringValue == $0.0.description }) else { continue }
            members.append(key: name, given.value(at: index))
        }
        for (name, value) in own { members.append(key: name, value) }
        return JSONWriter.bytes(members.finish())
    }
}
