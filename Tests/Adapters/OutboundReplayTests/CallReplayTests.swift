import Outbound
import OutboundReplay
import Seeds
import Synchronization
import Testing
import Vocabulary

/// What goes out once, is kept in a file, and is answered from it.
@Suite struct CallReplayTests {
    private static func request(_ path: String, method: String = "GET", body: String = "") -> OutboundRequest {
        OutboundRequest(
            method: method, url: "http://a.example/\(path)?key=hidden", headers: [("authorization", "Bearer hidden")],
            body: Array(body.utf8), timeout: .seconds(1), connector: "a", path: path)
    }

    private static let mask: RecordingMask = { bytes in
        Array(String(decoding: bytes, as: UTF8.self).replacing("hidden", with: "******").utf8)
    }

    private static func recorded(_ requests: [OutboundRequest], _ answer: @escaping ScriptedOutbound.Answer)
        async
        throws -> CallRecording
    {
        let recorder = CallRecorder(mask: mask)
        let outbound = recorder.outbound(over: ScriptedOutbound(answer))
        for request in requests { _ = try? await outbound.send(request) }  // failures are answers too
        let text = CallRecording(recordedAt: Timestamp(microseconds: 1_700_000_000_000_000), calls: recorder.calls).text
        #expect(!text.contains("hidden"))
        return try CallRecording(parsing: Array(text.utf8))
    }

    @Test func `credentials that are asked for are not kept, and not asked for in a replay`() async throws {
        var request = Self.request("token", method: "POST")
        request.asksForCredentials = true
        let recording = try await Self.recorded([request, Self.request("x")]) { _ in
            OutboundReply(status: 200, body: Array(#"{"access_token":"hidden"}"#.utf8))
        }
        let replay = CallReplay(recording.calls, mask: Self.mask)

        let reply = try await replay.outbound.send(request)

        #expect(recording.calls.count == 1)
        #expect(reply.status == 200 && String(decoding: reply.body, as: UTF8.self) == #"{"access_token":"replay"}"#)
        #expect(replay.missing.isEmpty && replay.unused.count == 1)
    }

    @Test func `the same question gets its answers in their order, and then none`() async throws {
        let count = Counter()
        let recording = try await Self.recorded([Self.request("x"), Self.request("x")]) { _ in
            OutboundReply(status: count.next(), headers: [("Retry-After", "2"), ("Set-Cookie", "hidden")])
        }
        let replay = CallReplay(recording.calls, mask: Self.mask)

        let first = try await replay.outbound.send(Self.request("x"))
        let second = try await replay.outbound.send(Self.request("x"))
        let third = await Self.failure { try await replay.outbound.send(Self.request("x")) }

        #expect(first.status == 201 && second.status == 202)
        #expect(first.header("retry-after") == "2" && first.header("set-cookie") == nil)
        guard case .notRecorded(let reason) = third else { return #expect(Bool(false), "\(String(describing: third))") }
        #expect(reason.contains("GET x") && reason.contains("--record"))
        #expect(replay.missing.count == 1 && replay.unused.isEmpty)
    }

    private final class Counter: Sendable {
        private let value = Mutex(200)
        func next() -> Int {
            value.withLock {
                $0 += 1
                return $0
            }
        }
    }

    private static func failure(_ body: () async throws -> OutboundReply) async -> OutboundFailure? {
        do {
            _ = try await body()
            return nil
        } catch { return error as? OutboundFailure }
    }

    @Test func `method, path, query and body are part of the question, what differs by machine is not`() async throws {
        let recording = try await Self.recorded([Self.request("x?a=1", method: "POST", body: #"{"n":1}"#)]) { _ in
            OutboundReply(status: 200)
        }
        var elsewhere = Self.request("x?a=1", method: "POST", body: #"{"n":1}"#)
        elsewhere.url = "https://other.example/x"
        elsewhere.headers = []

        for other in [
            Self.request("x?a=2", method: "POST", body: #"{"n":1}"#),
            Self.request("x?a=1", method: "PUT", body: #"{"n":1}"#),
            Self.request("x?a=1", method: "POST", body: #"{"n":2}"#),
            Self.request("y?a=1", method: "POST", body: #"{"n":1}"#),
        ] {
            let replay = CallReplay(recording.calls, mask: Self.mask)
            #expect(await Self.failure { try await replay.outbound.send(other) } != nil, "\(other.path)")
            #expect(replay.unused.count == 1)
        }
        #expect(try await CallReplay(recording.calls, mask: Self.mask).outbound.send(elsewhere).status == 200)
    }

    @Test(
        arguments: [
            .malformed("no"), .refusedAddress("10.0.0.1"), .unreachable("nobody"), .timedOut, .tooLarge(7),
        ] as [OutboundFailure])
    func `a failure is an answer`(failure: OutboundFailure) async throws {
        let recording = try await Self.recorded([Self.request("x")]) { _ throws(OutboundFailure) in throw failure }

        let replayed = await Self.failure {
            try await CallReplay(recording.calls, mask: Self.mask).outbound.send(Self.request("x"))
        }

        #expect(replayed == failure)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `bytes of every kind come back from the file`(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let bytes = (0..<Int.random(in: 1..<40, using: &random)).map { _ in
            UInt8.random(in: random.chance(oneIn: 2) ? 32...126 : 0...255, using: &random)
        }
        let recorder = CallRecorder { $0 }
        let real = ScriptedOutbound { _ in OutboundReply(status: 200, body: bytes) }
        let request = OutboundRequest(
            method: "POST", url: "http://a", body: bytes, timeout: .seconds(1), connector: "a", path: "p")
        _ = try await recorder.outbound(over: real).send(request)
        let text = CallRecording(recordedAt: .now(), calls: recorder.calls).text
        let replay = CallReplay(try CallRecording(parsing: Array(text.utf8)).calls) { $0 }

        // A lone number may be written another way; everything else is the same to the byte.
        let isNumber = Double(String(decoding: bytes, as: UTF8.self)) != nil
        guard !isNumber else { return }
        #expect(try await replay.outbound.send(request).body == bytes, "seed \(seed)")
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"recording":2,"recorded_at":"2026-01-01T00:00:00Z","calls":[]}"#,
        #"{"recording":1,"calls":[]}"#, #"{"recording":1,"recorded_at":"2026-01-01T00:00:00Z"}"#,
        #"{"recording":1,"recorded_at":"2026-01-01T00:00:00Z","calls":[{"connector":"a","method":"GET"}]}"#,
        #"{"recording":1,"recorded_at":"2026-01-01T00:00:00Z","calls":[{"reply":{"status":200}}]}"#,
        #"{"recording":1,"recorded_at":"2026-01-01T00:00:00Z","calls":[{"connector":"d","operation":"read","statement":"s","rows":{"columns":1,"values":2}}]}"#,
    ])
    func `what is no recording is told, in a sentence`(text: String) {
        do throws(CallRecording.Malformed) {
            let read = try CallRecording(parsing: Array(text.utf8))
            // A list that is none has no elements: nothing to answer with, nothing to fall over.
            #expect(read.calls.allSatisfy { if case .rows(let rows) = $0.answer { rows.rows.isEmpty } else { false } })
        } catch {
            #expect(!error.message.isEmpty)
        }
    }
}
