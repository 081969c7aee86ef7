import Foundation

/// A certificate for localhost and its key, made for one test and deleted with it.
final class Certificate {
    let folder: URL
    var certificate: String { folder.appendingPathComponent("cert.pem").path }
    var key: String { folder.appendingPathComponent("key.pem").path }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-cert-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let made = try RunningWeir.command(
            [
                "-c",
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost "
                    + "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout '\(key)' -out '\(certificate)'",
            ], program: URL(fileURLWithPath: "/bin/sh"))
        guard made.code == 0 else { throw RunningWeir.Failure("openssl: \(made)") }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// What a server needs to use it.
    var settings: [String] {
        ["server.tls.enabled=true", "server.tls.cert_path=\(certificate)", "server.tls.key_path=\(key)"]
    }

    /// Puts another in the place of this, as certificate tools do: each file in one step.
    func replace(certificate other: String?, key otherKey: String?) throws {
        for (new, old) in [(other, certificate), (otherKey, key)] {
            guard let new else { continue }
            let copy = folder.appendingPathComponent(UUID().uuidString)
            try Data(contentsOf: URL(fileURLWithPath: new)).write(to: copy)
            guard rename(copy.path, old) == 0 else { throw RunningWeir.Failure("\(old) could not be replaced") }
        }
    }
}

/// What curl said.
struct CurlReply {
    var status: Int
    /// `1.1` or `2`.
    var version: String
    var head: String
    var body: String

    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }
    var code: String? { (object["error"] as? [String: Any])?["code"] as? String }

    func header(_ name: String) -> String? {
        for line in head.split(whereSeparator: \.isNewline) where line.lowercased().hasPrefix(name + ":") {
            return line.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
        }
        return nil
    }
}

extension RunningWeir {
    /// Asks with curl, over TLS where a certificate is given to trust.
    ///
    /// - Returns: nil where there was no reply.
    func curl(_ path: String, _ arguments: String = "", trusting certificate: String? = nil) throws -> CurlReply? {
        let head = folder.appendingPathComponent("curl-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: head) }
        let scheme = certificate == nil ? "http" : "https"
        let trust = certificate.map { "--cacert '\($0)'" } ?? ""
        let run = try shell(
            "curl -sS --max-time 20 \(trust) -D '\(head.path)' -w '\\n%{http_code} %{http_version}' \(arguments) "
                + "'\(scheme)://localhost:\(port)\(path)'")
        guard let end = run.output.lastIndex(of: "\n") else { return nil }
        let facts = run.output[run.output.index(after: end)...].split(separator: " ")
        guard facts.count == 2, let status = Int(facts[0]), status > 0 else { return nil }
        return CurlReply(
            status: status, version: String(facts[1]), head: (try? String(contentsOf: head, encoding: .utf8)) ?? "",
            body: String(run.output[..<end]))
    }

    /// The value of a metric with these labels.
    func metric(_ name: String, trusting certificate: String? = nil) throws -> Double? {
        let text = try curl("/metrics", trusting: certificate)?.body ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.split(separator: " ").last ?? "") }
    }

    /// Asks again until the answer is yes; nobody waits longer than half a minute.
    static func eventually(_ holds: () throws -> Bool) rethrows -> Bool {
        let end = Date().addingTimeInterval(30)
        repeat { if try holds() { return true } } while Date() < end
        return false
    }
}
