import Glibc
import HostLookup
import NIOCore
import NIOPosix
import Outbound
import Synchronization
import Vocabulary

/// Looks names up, and says which address of theirs may be called.
///
/// An answer is kept for some seconds: the connection goes to the address that was judged, so keeping it is as safe as
/// asking again.
final class JudgedAddresses: Sendable {
    private struct Answer {
        var address: String
        var isPublic: Bool
        var isLinkLocal: Bool
        var expires: UInt64
    }

    private let known = Mutex<[String: Answer]>([:])

    private static let lifetime: UInt64 = 5_000_000_000
    private static let most = 1000

    /// - Parameter isRedirected: the other side chose this target. It never leads to a link-local address, where clouds
    ///   hand out credentials, whatever the connector allows.
    func address(
        of target: Target, allowsPrivate: Bool, isRedirected: Bool, by deadline: NIODeadline, on loop: any EventLoop
    ) async throws(OutboundFailure) -> String {
        let now = Stopwatch.nanoseconds()
        let answer: Answer
        if let kept = known.withLock({ $0[target.host] }), kept.expires > now {
            answer = kept
        } else {
            answer = try await lookUp(target.host, at: now, by: deadline, on: loop)
            known.withLock { known in
                if known.count >= Self.most { known = known.filter { $0.value.expires > now } }
                if known.count < Self.most { known[target.host] = answer }
            }
        }
        guard NIODeadline.now() < deadline else { throw .timedOut }
        guard allowsPrivate || answer.isPublic else {
            throw .refusedAddress("`\(target.host)` leads to a private address")
        }
        guard !isRedirected || !answer.isLinkLocal else {
            throw .refusedAddress("the redirect to `\(target.host)` leads to a link-local address")
        }
        return answer.address
    }

    private func lookUp(
        _ host: String, at now: UInt64, by deadline: NIODeadline, on loop: any EventLoop
    ) async throws(OutboundFailure) -> Answer {
        let found: [HostAddresses.Found]
        if let literal = Self.literal(host) {
            found = [.init(bytes: literal, text: host)]
        } else {
            do {
                // The system's resolver cannot be stopped; its answer is not waited for past the deadline.
                found = try await loop.answer(by: deadline) {
                    try await NIOThreadPool.singleton.runIfActive { HostAddresses.look(up: host) }
                }
            } catch let failure as OutboundFailure {
                throw failure
            } catch {
                throw .unreachable("the name `\(host)` cannot be looked up")
            }
        }
        guard let first = found.first else { throw .unreachable("there is no host `\(host)`") }
        return Answer(
            address: first.text, isPublic: found.allSatisfy { AddressRule.isPublic($0.bytes) },
            isLinkLocal: found.contains { AddressRule.isLinkLocal($0.bytes) }, expires: now + Self.lifetime)
    }

    /// The bytes of an address that is written out.
    private static func literal(_ host: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        var six = in6_addr()
        if inet_pton(AF_INET6, host, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
        return nil
    }
}
