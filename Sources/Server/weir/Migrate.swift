import ArgumentParser
import Assembly
import JSONTree
import Remote

/// `weir migrate`: where the database's schema stands.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show, apply and verify the migrations of the database.",
        discussion:
            "A server applies what is pending when it starts; `up` does it beforehand. Give it the settings the server gets.",
        subcommands: [Status.self, Up.self, Verify.self], defaultSubcommand: Status.self)

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Which migrations are applied; a server may run meanwhile.",
            discussion: "The exit code is 1 where one was applied in another form, or is not known here.")
        @OptionGroup var options: SettingOptions
        @Option(name: [.short, .long], help: "table for people, json for programs.")
        var output = ServerOptions.Format.table

        func run() async throws {
            let settings = try options.read()
            try await Migrate.run {
                let report = try await SchemaReport.status(settings)
                Migrate.show(report, output)
                if report.strange != nil { throw ExitCode(1) }
            }
        }
    }

    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Apply what is pending. Instances that start meanwhile wait.")
        @OptionGroup var options: SettingOptions
        @Option(name: [.short, .long], help: "table for people, json for programs.")
        var output = ServerOptions.Format.table

        func run() async throws {
            let settings = try options.read()
            try await Migrate.run {
                let (applied, report) = try await SchemaReport.up(settings)
                Migrate.show(report, output, applied: applied)
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare tables, columns and indexes with what the migrations make.",
            discussion: "The exit code is 1 where they differ or something is pending.")
        @OptionGroup var options: SettingOptions
        @Option(name: [.short, .long], help: "table for people, json for programs.")
        var output = ServerOptions.Format.table

        func run() async throws {
            let settings = try options.read()
            try await Migrate.run {
                let report = try await SchemaReport.verify(settings)
                Migrate.show(report, output, isVerified: true)
                if !report.isSound { throw ExitCode(1) }
            }
        }
    }

    private static func run(_ body: () async throws -> Void) async throws {
        do { try await body() } catch let failure as StartFailure {
            Terminal.complain("weir: \(failure)")
            throw ExitCode(1)
        }
    }

    private static func show(
        _ report: SchemaReport, _ output: ServerOptions.Format, applied: [Int]? = nil, isVerified: Bool = false
    ) {
        guard output == .table else { return show(json: report, applied: applied, isVerified: isVerified) }
        var table = TextTable(["VERSION", "STATE", "CHECKSUM"])
        for step in report.steps { table.add([String(step.version), step.state, step.checksum]) }
        Terminal.show(table)
        if let applied {
            Terminal.show(
                applied.isEmpty
                    ? "Nothing was pending."
                    : "Applied: \(applied.map { String($0) }.joined(separator: ", ")).")
        }
        for line in report.missing { Terminal.show("missing: \(line)") }
        for line in report.added { Terminal.show("not ours: \(line)") }
        if isVerified { Terminal.show(report.isSound ? "All is as the migrations make it." : "It differs.") }
    }

    private static func show(json report: SchemaReport, applied: [Int]?, isVerified: Bool) {
        var buffer = JSONByteBuffer()
        buffer.append("{\"engine\":")
        JSONWriter.write(report.engine, into: &buffer)
        buffer.append(",\"migrations\":[")
        for (place, step) in report.steps.enumerated() {
            buffer.append(
                utf8: place > 0 ? ",{\"version\":\(step.version),\"state\":" : "{\"version\":\(step.version),\"state\":"
            )
            JSONWriter.write(step.state, into: &buffer)
            buffer.append(",\"checksum\":")
            JSONWriter.write(step.checksum, into: &buffer)
            buffer.append("}")
        }
        buffer.append("]")
        if let applied { buffer.append(utf8: ",\"applied\":[\(applied.map { String($0) }.joined(separator: ","))]") }
        if isVerified {
            buffer.append(utf8: ",\"ok\":\(report.isSound)")
            for (name, lines) in [("missing", report.missing), ("not_ours", report.added)] {
                buffer.append(utf8: ",\"\(name)\":[")
                for (place, line) in lines.enumerated() {
                    if place > 0 { buffer.append(",") }
                    JSONWriter.write(line, into: &buffer)
                }
                buffer.append("]")
            }
        }
        buffer.append("}")
        Terminal.show(String(decoding: buffer.bytes, as: UTF8.self))
    }
}
