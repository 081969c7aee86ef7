import Crypto
import JSONLogic
import JSONTree
import Vocabulary

/// `crypto`: hashes, message codes, Base64, identifiers and random bytes.
final class CryptoFunction: WorkflowFunction {
    static let description = FunctionDescription(
        name: "crypto", category: .compute, retrySafety: .pure,
        summary: "Hashes, signs and verifies with HMAC, writes and reads Base64, makes UUIDs and random bytes.",
        fields: [
            .init(
                "op", .string, required: true, choices: Operation.allCases.map(\.rawValue), "what to do"),
            .init(
                "algorithm", .string, default: "\"sha256\"", choices: ["sha1", "sha256", "sha384", "sha512"],
                "of hash, hmac and hmac_verify"),
            .init("data", .logic, "what to hash, sign, write or read; text as it is, anything else as JSON"),
            .init("key", .logic, "the key of hmac and hmac_verify"),
            .init("signature", .logic, "what hmac_verify compares with"),
            .init("encoding", .string, default: "\"hex\"", choices: ["hex", "base64"], "how bytes are written"),
            .init("bytes", .integer, default: "16", "how many random bytes"),
            .init("output", .path, default: "\"data.crypto\"", "where to write the result"),
        ])

    private enum Operation: String, Sendable, CaseIterable {
        case hash, hmac
        case hmacVerify = "hmac_verify"
        case base64Encode = "base64_encode"
        case base64Decode = "base64_decode"
        case base64URLEncode = "base64url_encode"
        case base64URLDecode = "base64url_decode"
        case uuid, random
    }

    private let operation: Operation?
    private let algorithm: String
    private let data: JSONLogicRule?
    private let key: JSONLogicRule?
    private let signature: JSONLogicRule?
    private let isHex: Bool
    private let count: Int
    private let output: JSONPath?

    init(input: inout InputReader) {
        operation = input.string("op").flatMap(Operation.init(rawValue:))
        algorithm = input.string("algorithm") ?? "sha256"
        data = input.logic("data")
        key = input.logic("key")
        signature = input.logic("signature")
        isHex = input.string("encoding") != "base64"
        count = input.integer("bytes", in: 1...1024) ?? 16
        output = input.path("output") ?? (try? JSONPath("data.crypto"))  // this is a path
        let needed: [(String, JSONLogicRule?)] =
            switch operation {
            case .hash, .base64Encode, .base64Decode, .base64URLEncode, .base64URLDecode: [("data", data)]
            case .hmac: [("data", data), ("key", key)]
            case .hmacVerify: [("data", data), ("key", key), ("signature", signature)]
            case .uuid, .random, nil: []
            }
        for (name, rule) in needed where rule == nil && input.field(name) == nil {
            input.report(.init(input.at(name), .required, "This field is required for this op."))
        }
    }

    func run(_ context: RunContext) -> TaskResult {
        guard let output else { return .failed(TaskFailure("FUNCTION_ERROR", "There is no output path.")) }
        do throws(JSONLogicError) {
            guard let result = try compute(context) else {
                return .failed(TaskFailure("DESERIALIZATION_ERROR", "The data is no text in Base64."))
            }
            return context.set(output, to: result)
                ? .status(200) : .failed(TaskFailure("FUNCTION_ERROR", "Nothing can be written at `\(output.text)`."))
        } catch {
            return .failed(TaskFailure("LOGIC_ERROR", "The input failed: \(error.type)"))
        }
    }

    /// - Returns: nil where what is to be read cannot be.
    private func compute(_ context: RunContext) throws(JSONLogicError) -> JSONValue? {
        switch operation {
        case .hash: return .string(text(hash(try bytes(data, context))), in: context.arena)
        case .hmac: return .string(text(try code(context)), in: context.arena)
        case .hmacVerify:
            let given = try signature.map { rule throws(JSONLogicError) in try context.evaluate(rule) }
            let expected = text(try code(context))
            let text = given?.stringValue ?? ""
            return .bool(Self.isSame(Array((isHex ? text.lowercased() : text).utf8), Array(expected.utf8)))
        case .base64Encode: return .string(Base64.text(try bytes(data, context)), in: context.arena)
        case .base64URLEncode: return .string(Base64.text(try bytes(data, context), .url), in: context.arena)
        case .base64Decode: return Self.decoded(try bytes(data, context), .standard, in: context.arena)
        case .base64URLDecode: return Self.decoded(try bytes(data, context), .url, in: context.arena)
        case .uuid: return .string(context.makeIdentifier().description, in: context.arena)
        case .random, nil: return .string(text(context.randomBytes(count)), in: context.arena)
        }
    }

    /// Bytes that are no UTF-8 cannot be a string.
    private static func decoded(_ text: [UInt8], _ alphabet: Base64.Alphabet, in arena: JSONArena) -> JSONValue? {
        Base64.bytes(text, alphabet).flatMap { String(validating: $0, as: UTF8.self) }.map { .string($0, in: arena) }
    }

    private func bytes(_ rule: JSONLogicRule?, _ context: RunContext) throws(JSONLogicError) -> [UInt8] {
        guard let rule else { return [] }
        let value = try context.evaluate(rule)
        return value.stringValue.map { Array($0.utf8) } ?? JSONWriter.bytes(value)
    }

    private func hash(_ bytes: [UInt8]) -> [UInt8] {
        switch algorithm {
        case "sha1": Array(Insecure.SHA1.hash(data: bytes))
        case "sha384": Array(SHA384.hash(data: bytes))
        case "sha512": Array(SHA512.hash(data: bytes))
        default: Array(SHA256.hash(data: bytes))
        }
    }

    private func code(_ context: RunContext) throws(JSONLogicError) -> [UInt8] {
        let data = try bytes(data, context)
        let key = SymmetricKey(data: try bytes(key, context))
        switch algorithm {
        case "sha1": return Array(HMAC<Insecure.SHA1>.authenticationCode(for: data, using: key))
        case "sha384": return Array(HMAC<SHA384>.authenticationCode(for: data, using: key))
        case "sha512": return Array(HMAC<SHA512>.authenticationCode(for: data, using: key))
        default: return Array(HMAC<SHA256>.authenticationCode(for: data, using: key))
        }
    }

    private func text(_ bytes: [UInt8]) -> String {
        guard isHex else { return Base64.text(bytes) }
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// In a time that does not depend on where they differ.
    private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
