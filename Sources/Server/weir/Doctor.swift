import ArgumentParser
import Assembly
import Configuring
import JSONTree
import Remote

/// `weir doctor`: is everything as a server needs it.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check settings, database, clock, limits, port, keys and connectors.",
        discussion:
            "It changes nothing, and a server may run meanwhile. Give it the settings the server gets. The exit code is 1 where something fails; warnings leave it 0."
    )

    @OptionGroup var options: SettingOptions
    @Flag(help: "Also ask what the connectors lead to.") var connect = false
    @Option(name: [.short, .long], help: "table for people, json for programs.") var output = ServerOptions.Format.table

    func run() async throws {
        var findings: [Finding]
        do {
            findings = await Diagnosis.examine(
                try options.load(), configurationFile: options.configurationFile, connects: connect)
        } catch let error as SettingsError {
            findings = Diagnosis.withoutSettings(error.description)
        }
        if output == .json { show(findings) } else { Self.print(findings) }
        if findings.contains(where: { $0.status == .fail }) { throw ExitCode(1) }
    }

    private func show(_ findings: [Finding]) {
        var buffer = JSONByteBuffer()
        buffer.append(
            findings.contains { $0.status == .fail } ? "{\"ok\":false,\"checks\":[" : "{\"ok\":true,\"checks\":[")
        for (place, finding) in findings.enumerated() {
            if place > 0 { buffer.append(",") }
            buffer.append("{\"check\":")
            JSONWriter.write(finding.check, into: &buffer)
            buffer.append(",\"status\":")
            JSONWriter.write(finding.status.rawValue, into: &buffer)
            buffer.append(",\"found\":")
            JSONWriter.write(finding.found, into: &buffer)
            buffer.append(",\"advice\":")
            if let advice = finding.advice { JSONWriter.write(advice, into: &buffer) } else { buffer.append("null") }
            buffer.append("}")
        }
        buffer.append("]}")
        Terminal.show(String(decoding: buffer.bytes, as: UTF8.self))
    }

    private static func print(_ findings: [Finding]) {
        var table = TextTable(["", "CHECK", "FOUND"])
        for finding in findings {
            table.add([finding.status.rawValue, finding.check, finding.found])
            if let advice = finding.advice { table.add(["", "", "  " + advice]) }
        }
        Terminal.show(table)
        let counts = [Finding.Status.fail, .warn].map { status in findings.count { $0.status == status } }
        Terminal.show("\(counts[0]) failed, \(counts[1]) warnings.")
    }
}
