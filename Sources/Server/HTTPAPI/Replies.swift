import Admission
import Channels
import HTTPServing
import JSONTree
import NIOCore
import Vocabulary

/// Turns outcomes into HTTP responses.
enum Replies {
    static let json: StaticString = "application/json"

    static func problem(
        _ problem: Problem, requestID: String, headers: [(String, String)] = []
    ) -> HTTPResponse {
        var headers = headers
        if let wait = problem.retryAfter {
            headers.append(("retry-after", String(max(1, Int(wait.inSeconds.rounded(.up))))))
        }
        if problem.code == .unauthorized, !headers.contains(where: { $0.0 == "www-authenticate" }) {
            headers.append(("www-authenticate", "Bearer"))
        }
        var response = HTTPResponse(
            status: UInt16(problem.code.httpStatus), contentType: json, headers: headers,
            body: ByteBuffer(bytes: problem.envelope(requestID: requestID)))
        response.problem = problem.code
        return response
    }

    static func refusal(_ refusal: Refusal, requestID: String) -> HTTPResponse {
        var headers = refusal.rate.map(rateHeaders) ?? []
        if let challenge = refusal.challenge { headers.append(("www-authenticate", challenge)) }
        return problem(refusal.problem, requestID: requestID, headers: headers)
    }

    /// `RateLimit-*` as in the IETF draft "RateLimit header fields for HTTP", version 05: whole numbers, seconds.
    static func rateHeaders(_ decision: RateDecision) -> [(String, String)] {
        switch decision {
        case .admit(let remaining, let limit, let reset):
            numbers(limit: limit, remaining: remaining, reset: reset)
        case .wait(_, let limit, let reset):
            numbers(limit: limit, remaining: 0, reset: reset)
        }
    }

    private static func numbers(limit: Int, remaining: Int, reset: Duration) -> [(String, String)] {
        [
            ("ratelimit-limit", String(limit)), ("ratelimit-remaining", String(remaining)),
            ("ratelimit-reset", String(Int(reset.inSeconds.rounded(.up)))),
        ]
    }
}
