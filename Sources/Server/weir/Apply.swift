import ArgumentParser
import JSONTree
import Remote
import Storage

/// `weir apply`: brings a server to what files say.
struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the definitions in files live.",
        discussion: """
            Applying the same files again changes nothing. Every file is checked before anything is changed; workflows go \
            live before the channels that call them. With --dry-run the exit code is 5 when there is something to do.
            """)

    @OptionGroup var options: ServerOptions
    @Option(name: .short, help: "A JSON file, or a folder of them.") var file: String
    @Flag(help: "Show what would be done, and do nothing.") var dryRun = false
    @Flag(help: "Delete what is on the server and in no file.") var prune = false

    func run() async throws {
        var differs = false
        try await options.run { () async throws(ServerFailure) in
            let applying = Applying(server: options.connection)
            let files = try LocalDefinition.read(file)
            Terminal.progress("checking \(files.count) definitions")
            let steps = try await applying.plan(files, prunes: prune)
            Terminal.endProgress()
            differs = steps.contains { $0.decision.changesAnything }
            var report = Report(isDryRun: dryRun, format: options.output)
            defer { report.finish() }
            for step in steps {
                let version = dryRun ? nil : try await applying.perform(step)
                report.add(step, version: version)
            }
        }
        if dryRun, differs { throw ExitCode(5) }
    }

    private struct Report {
        let isDryRun: Bool
        let format: ServerOptions.Format
        private var steps: [(step: Applying.Step, version: Int?)] = []

        init(isDryRun: Bool, format: ServerOptions.Format) {
            self.isDryRun = isDryRun
            self.format = format
        }

        mutating func add(_ step: Applying.Step, version: Int?) {
            steps.append((step, version))
            guard format == .table else { return }
            let name = TextTable.visible(step.id)
            let kind = step.kind.rawValue.padding(to: 8)
            let action =
                isDryRun && step.decision.changesAnything ? "would be \(step.decision.name)" : step.decision.name
            Terminal.show("\(kind)  \(name)  \(action)" + (version.map { ", version \($0)" } ?? ""))
            for line in step.difference { Terminal.show("    " + TextTable.visible(line)) }
        }

        func finish() {
            if format == .json { return showJSON() }
            let changed = steps.count { $0.step.decision.changesAnything }
            Terminal.show(
                "\(steps.count) definitions, \(changed) \(isDryRun ? "to change" : "changed").")
        }

        private func showJSON() {
            var text = JSONByteBuffer()
            text.append(isDryRun ? "{\"dry_run\":true,\"changes\":[" : "{\"dry_run\":false,\"changes\":[")
            for (place, entry) in steps.enumerated() {
                if place > 0 { text.append(",") }
                text.append("{\"kind\":")
                JSONWriter.write(entry.step.kind.rawValue, into: &text)
                text.append(",\"id\":")
                JSONWriter.write(entry.step.id, into: &text)
                text.append(",\"action\":")
                JSONWriter.write(entry.step.decision.name, into: &text)
                if let version = entry.version {
                    text.append(",\"version\":")
                    text.append(integer: Int64(version))
                }
                text.append(",\"difference\":[")
                for (line, content) in entry.step.difference.enumerated() {
                    if line > 0 { text.append(",") }
                    JSONWriter.write(content, into: &text)
                }
                text.append("]}")
            }
            text.append("]}")
            Terminal.show(text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        }
    }
}

extension String {
    func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
