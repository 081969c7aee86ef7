package import Foundation

/// A certificate for localhost and 127.0.0.1 that signs itself, and its key: made by openssl, once in a process.
package enum TLSFiles {
    /// - Returns: `cert.pem` and `key.pem`.
    package static func make() throws -> [String: Data] { try common.get() }

    private static let common = Result { () throws -> [String: Data] in
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments =
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost -addext"
            .split(separator: " ").map(String.init) + ["subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-keyout", folder.path + "/key.pem", "-out", folder.path + "/cert.pem"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        var files: [String: Data] = [:]
        for name in ["cert.pem", "key.pem"] { files[name] = try Data(contentsOf: folder.appendingPathComponent(name)) }
        return files
    }
}
