import Foundation

/// `openssl s_server`: answers each connection with the bytes it was given, and then leaves it open.
final class TLSUpstream {
    let port: Int
    private let folder: URL
    private let process = Process()
    private let input = Pipe()

    var certificate: String { folder.appendingPathComponent("certificate.pem").path }

    /// - Parameter reply: what is sent as soon as somebody connects.
    init(_ reply: String) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let key = folder.appendingPathComponent("key.pem").path
        let certificate = folder.appendingPathComponent("certificate.pem").path
        let make = Process()
        make.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        make.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
        ]
        make.standardError = FileHandle.nullDevice
        try make.run()
        make.waitUntilExit()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        // It says which port it took on standard output.
        process.arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key]
        process.standardInput = input
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var text = ""
        while text.firstMatch(of: #/ACCEPT [^\n]*:(\d+)/#) == nil {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw RunningWeir.Failure("openssl s_server did not start: \(text)") }
            text += String(decoding: data, as: UTF8.self)
        }
        port = text.firstMatch(of: #/ACCEPT [^\n]*:(\d+)/#).flatMap { Int($0.1) } ?? 0
        output.fileHandleForReading.readabilityHandler = { if $0.availableData.isEmpty { $0.readabilityHandler = nil } }
        try input.fileHandleForWriting.write(contentsOf: Data(reply.utf8))
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }
}
