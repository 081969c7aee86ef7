package import Foundation
import Synchronization

/// A Redis server of the tests' own, on a free port of the loopback, in a folder of its own. It ends with this process,
/// however that ends: a shell beside it waits for its input to close.
package final class RealRedis: Sendable {
    package struct Failure: Error, CustomStringConvertible { package var description: String }

    package let folder: URL
    package let port: Int
    private let settings: [String]
    private let isSentinel: Bool
    /// The shell, and the descriptor of its input.
    private let running = Mutex<(shell: pid_t, input: Int32)?>(nil)

    /// One for all tests that do not stop it, and use keys of their own; ends with the process.
    package static func shared() throws -> RealRedis { try common.get() }
    private static let common = Result { try RealRedis() }

    /// - Parameters:
    ///   - settings: more lines for redis.conf; `{folder}` is its folder, `{port}` its port, `{bus}` a free port.
    ///   - files: more files for its folder, by name.
    package init(_ settings: [String] = [], isSentinel: Bool = false, files: [String: Data] = [:]) throws {
        self.isSentinel = isSentinel
        let port = try FreePorts.take()
        let folder = URL(fileURLWithPath: "/tmp/weir-redis-\(UUID().uuidString.prefix(8).lowercased())")
        self.port = port
        self.folder = folder
        self.settings = settings.map {
            $0.replacingOccurrences(of: "{folder}", with: folder.path)
                .replacingOccurrences(of: "{port}", with: "\(port)")
                .replacingOccurrences(of: "{bus}", with: "\(port + 10_000)")
        }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        for (name, data) in files { try data.write(to: folder.appendingPathComponent(name)) }
        try writeSettings()
        try start()
    }

    deinit { leave() }

    package var url: String { "redis://127.0.0.1:\(port)" }

    private func writeSettings() throws {
        var lines = ["bind 127.0.0.1", "dir \(folder.path)", "protected-mode no"]
        if !settings.contains(where: { $0.hasPrefix("port ") }) { lines.append("port \(port)") }
        if !isSentinel { lines += ["save \"\"", "appendonly no"] }
        try Data((lines + settings).map { $0 + "\n" }.joined().utf8).write(to: file)
    }

    private var file: URL { folder.appendingPathComponent("redis.conf") }

    // MARK: Life

    /// Starts it, and returns when it listens.
    package func start() throws {
        let script = """
            folder=$1; shift; "$@" >"$folder/log" 2>&1 </dev/null & echo $! >"$folder/pid"; server=$!
            read word
            kill -KILL $server; wait $server
            [ "$word" = keep ] || rm -rf "$folder"
            """
        let program = try Self.program("redis-server")
        let command = [program, file.path] + (isSentinel ? ["--sentinel"] : [])
        let started = try ShellSpawning.spawn(["/bin/sh", "-c", script, "sh", folder.path] + command)
        running.withLock { $0 = started }
        let deadline = Date.now.addingTimeInterval(20)
        while !isListening {
            let log = (try? String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)) ?? ""
            let hasFailed = log.contains("Failed listening") || log.contains("FATAL")
            guard Date.now < deadline, !hasFailed else {
                leave()
                throw Failure(description: "Redis did not start: \(log)")
            }
            usleep(5000)
        }
    }

    private var isListening: Bool {
        let log = (try? String(contentsOf: folder.appendingPathComponent("log"), encoding: .utf8)) ?? ""
        return log.contains("Ready to accept connections") || isSentinel && log.contains("Sentinel ID is")
    }

    package var processID: pid_t {
        let text = (try? String(contentsOf: folder.appendingPathComponent("pid"), encoding: .utf8)) ?? ""
        return pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    /// It answers nothing and keeps its connections, as a machine does that swaps.
    package func pause() { if processID > 0 { kill(processID, SIGSTOP) } }
    package func resume() { if processID > 0 { kill(processID, SIGCONT) } }

    /// As `kill -9` does; ``start()`` brings it back. Returns when it has ended.
    package func stop() { finish("keep") }

    private func leave() { finish("leave") }

    private func finish(_ word: String) {
        guard
            let (shell, input) = running.withLock({ value in
                defer { value = nil }
                return value
            })
        else {
            if word == "leave" { try? FileManager.default.removeItem(at: folder) }
            return
        }
        _ = (word + "\n").withCString { write(input, $0, strlen($0)) }
        close(input)
        var status: Int32 = 0
        while waitpid(shell, &status, 0) < 0, errno == EINTR {}
    }

    // MARK: Asking it

    /// What `redis-cli` says to a command.
    @discardableResult
    package func cli(_ words: String...) throws -> String { try cli(arguments: words) }

    @discardableResult
    package func cli(arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try Self.program("redis-cli"))
        process.arguments = ["-h", "127.0.0.1", "-p", "\(port)"] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Does what waits for a program elsewhere than on the threads that tasks share: there are as few as processors.
    package static func aside<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
        }
    }

    /// Asks until the answer is yes.
    package static func eventually(
        _ what: String, within seconds: Double = 30, _ holds: () throws -> Bool
    ) throws {
        let deadline = Date.now.addingTimeInterval(seconds)
        while try !holds() {
            guard Date.now < deadline else { throw Failure(description: "\(what): not within \(seconds) s") }
            usleep(10_000)
        }
    }

    static func program(_ name: String) throws -> String {
        for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") + ["/usr/bin"]
        where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
            return "\(folder)/\(name)"
        }
        throw Failure(description: "The tests need Redis: `\(name)` was not found. Run scripts/bootstrap --test.")
    }
}
