import Connectors
import Foundation
import HTTPAPI
import JSONTree
package import Outbound
import OutboundReplay
package import Remote
import Synchronization
import Vocabulary
import Workflows

/// The definitions and cases of a folder, and how they are run, recorded and accepted.
package struct CaseSuite: Sendable {
    package let folder: String
    package let cases: [CaseFile]
    /// Recordings that belong to no case.
    package let strayRecordings: [String]
    private let engine: CaseEngine

    /// - Parameter filter: runs only cases whose file or name has this in it; empty for all.
    package init(folder: String, filter: String = "") throws(ServerFailure) {
        self.folder = folder
        guard FileManager.default.fileExists(atPath: folder) else {
            throw .input("There is no folder `\(folder)`.")
        }
        let names = LocalDefinition.jsonFiles(below: folder)
        var found: [CaseFile] = []
        for file in names where file.hasSuffix(CaseFile.suffix) {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw .input("The file `\(file)` cannot be read.")
            }
            found.append(try CaseFile(Array(data), file: file))
        }
        guard !found.isEmpty else {
            throw .input("The folder `\(folder)` has no case: no file that ends in .case.json.")
        }
        let recordings = Set(found.map(\.recordingFile))
        strayRecordings = names.filter { $0.hasSuffix(".recording.json") && !recordings.contains($0) }
        cases = found.filter { filter.isEmpty || $0.file.contains(filter) || $0.name.contains(filter) }
        guard !cases.isEmpty else { throw .input("No case has `\(filter)` in its file or name.") }
        engine = try CaseEngine(try LocalDefinition.read(folder))
    }

    // MARK: Running

    /// Runs a case without a network: what it asks of others is answered from its recording.
    ///
    /// - Parameter updating: write what the call did into the case as what is expected.
    package func run(_ given: CaseFile, updating: Bool = false) async -> CaseResult {
        let began = Stopwatch.nanoseconds()
        var result = CaseResult(file: given.file, name: given.name)
        do throws(ServerFailure) { try await run(given, updating: updating, into: &result) } catch {
            result.mismatches.append(CaseMismatch(part: "case", lines: [error.message]))
        }
        result.seconds = Double(Stopwatch.nanoseconds() - began) / 1e9
        return result
    }

    private func run(_ given: CaseFile, updating: Bool, into result: inout CaseResult) async throws(ServerFailure) {
        let recording = try recording(of: given)
        let mask = RecordingSecrets([])
        let replay = CallReplay(recording?.calls ?? []) { mask.masked($0) }
        let outcome = try await engine.run(
            given, rehearsal: Rehearsal(now: given.clock ?? recording?.recordedAt ?? CaseFile.usualClock),
            secrets: Self.placeholders, outbound: replay.outbound, databases: replay.databases)
        let arena = JSONArena()
        let verdict = CaseVerdict(outcome, expect: given.document.value.member("expect"), in: arena)
        result.unusedCalls = replay.unused.map { "\($0.connector): \($0.summary)" }
        let missing = replay.missing.map { "\($0.connector): \($0.summary)" }
        if !missing.isEmpty {
            result.mismatches.append(
                CaseMismatch(
                    part: "calls", lines: missing.map { "not recorded: \($0)" } + ["Record them with --record."]))
        }
        if updating, missing.isEmpty, !verdict.mismatches.isEmpty {
            try accept(verdict.accepted, for: given)
            result.isUpdated = true
        } else {
            result.mismatches += verdict.mismatches
        }
        withExtendedLifetime((arena, given)) {}
    }

    private func recording(of given: CaseFile) throws(ServerFailure) -> CallRecording? {
        guard let data = FileManager.default.contents(atPath: given.recordingFile) else { return nil }
        do throws(CallRecording.Malformed) { return try CallRecording(parsing: Array(data)) } catch {
            throw .input("\(given.recordingFile) is no recording. \(error.message)")
        }
    }

    /// References lead nowhere where nothing goes out. One text stands for all of them: it is a URL, and so it is a text
    /// for a header or a database too.
    private static let placeholders = secrets(
        environment: { _ in "http://replay.invalid" }, file: { _ in "http://replay.invalid" })

    private static func secrets(
        environment: @escaping @Sendable (String) -> String?, file: @escaping @Sendable (String) -> String?
    ) -> ConnectorSecrets {
        guard let box = SecretBox(key: [UInt8](repeating: 0, count: 32)) else {
            preconditionFailure("a key has 32 bytes")
        }
        return ConnectorSecrets(box: box, environment: environment, file: file)
    }

    // MARK: Recording

    /// Runs a case with its calls going out, keeps them in its recording, and then runs it from that: what counts is what
    /// will be seen without a network.
    package func record(
        _ given: CaseFile, updating: Bool, outbound: any OutboundHTTP, databases: any DatabaseOpening
    ) async -> CaseResult {
        let began = Stopwatch.nanoseconds()
        do throws(ServerFailure) { try await record(given, outbound, databases) } catch {
            var result = CaseResult(file: given.file, name: given.name)
            result.mismatches.append(CaseMismatch(part: "record", lines: [error.message]))
            result.seconds = Double(Stopwatch.nanoseconds() - began) / 1e9
            return result
        }
        var result = await run(given, updating: updating)
        result.isRecorded = true
        return result
    }

    private func record(
        _ given: CaseFile, _ outbound: any OutboundHTTP, _ databases: any DatabaseOpening
    ) async throws(ServerFailure) {
        let secrets = Self.secrets(
            environment: { ProcessInfo.processInfo.environment[$0] },
            file: { path in
                let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
                return text.map { $0.trimmingCharacters(in: .newlines) }
            })
        let mask = RecordingSecrets(engine.secretTexts(secrets))
        let recorder = CallRecorder { mask.masked($0) }
        // Whole seconds: what is written down is what the run saw.
        let now = given.clock ?? Timestamp(microseconds: Timestamp.now().microseconds / 1_000_000 * 1_000_000)
        _ = try await engine.run(
            given, rehearsal: Rehearsal(now: now), secrets: secrets, outbound: recorder.outbound(over: outbound),
            databases: recorder.databases(over: databases))
        guard !recorder.calls.isEmpty else {
            try? FileManager.default.removeItem(atPath: given.recordingFile)  // a case without calls has none
            return
        }
        try Self.write(CallRecording(recordedAt: now, calls: recorder.calls).text, to: given.recordingFile)
    }

    // MARK: Accepting

    private func accept(_ expect: JSONValue, for given: CaseFile) throws(ServerFailure) {
        let arena = JSONArena()
        let root = given.document.value
        var whole = JSONObjectBuilder(capacity: root.count + 1, in: arena)
        for index in 0..<root.count where root.key(at: index).stringValue != "expect" {
            whole.append(key: root.key(at: index), root.value(at: index))
        }
        whole.append(key: "expect", expect)
        try Self.write(JSONWriter.string(whole.finish(), pretty: true) + "\n", to: given.file)
        withExtendedLifetime((arena, given)) {}
    }

    private static func write(_ text: String, to file: String) throws(ServerFailure) {
        do { try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic) } catch {
            throw .input("The file `\(file)` cannot be written.")
        }
    }
}

/// What must not get into a recording: the connectors' secrets, members with the names of credentials, and whatever such
/// a member held, wherever it comes up later.
private final class RecordingSecrets: Sendable {
    private static let mask = "******"
    /// Shorter texts come up by chance.
    private static let shortest = 6

    private let names = MaskedFields(MaskedFields.usual)
    private let known: Mutex<[String]>

    init(_ secrets: [String]) {
        known = Mutex(secrets.filter { $0.utf8.count >= Self.shortest })
    }

    func masked(_ bytes: [UInt8]) -> [UInt8] {
        var text = String(decoding: bytes, as: UTF8.self)
        if let json = try? OwnedJSON(parsing: bytes) {  // what is no JSON has no members
            json.read { value in
                let found = names.texts(in: value).filter { $0.utf8.count >= Self.shortest && $0 != Self.mask }
                known.withLock { $0 += found }
                var buffer = JSONByteBuffer()
                names.write(value, into: &buffer)
                text = buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            }
        } else if String(validating: bytes, as: UTF8.self) == nil {
            return bytes
        }
        for secret in known.withLock({ $0 }) where text.contains(secret) {
            text = text.replacing(secret, with: Self.mask)
        }
        return Array(text.utf8)
    }
}
