import ArgumentParser
import Assembly
import Cases
import Foundation
import JSONTree
import Remote

/// `weir test`: runs the cases of a folder on its definitions.
struct Test: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the cases of a folder on its definitions, without a server and without a network.",
        discussion: """
            A case is a file that ends in .case.json. What its tasks ask of other systems is answered from the file beside it \
            that ends in .recording.json; --record lets those calls go out once and writes it. See docs/testing-workflows.md.
            """)

    @Argument(help: "A folder with definitions and cases.") var folder: String
    @Flag(help: "Let calls go out, and keep them in the cases' recordings.") var record = false
    @Flag(help: "Accept what the calls do: write it into the cases.") var update = false
    @Option(help: "Only cases with this in their file or name.") var filter = ""
    @Option(help: "For --record: a PEM file of certificates that are trusted besides the system's.") var caFile = ""
    @Option(help: "Write the results to this file, as JUnit XML.") var junit: String?
    @Option(name: [.short, .long], help: "table for people, json for programs.") var output = ServerOptions.Format.table

    func run() async throws {
        do throws(ServerFailure) {
            let suite = try CaseSuite(folder: folder, filter: filter)
            let report = try await results(of: suite)
            if let junit { try Self.write(report.junit, to: junit) }
            show(report)
            guard report.failed > 0 else { return }
        } catch {
            Terminal.complain("weir: \(error.message)")
        }
        throw ExitCode(1)
    }

    private func outside() throws(ServerFailure) -> OutsideWorld? {
        guard record else { return nil }
        do throws(StartFailure) { return try OutsideWorld(authorities: caFile) } catch {
            throw .input(error.description)
        }
    }

    private func results(of suite: CaseSuite) async throws(ServerFailure) -> CaseReport {
        let outside = try outside()
        var results: [CaseResult] = []
        for (place, each) in suite.cases.enumerated() {
            Terminal.progress("\(place + 1) of \(suite.cases.count): \(TextTable.visible(each.name))")
            let result =
                if let outside {
                    await suite.record(
                        each, updating: update, outbound: outside.outbound, databases: outside.databases)
                } else {
                    await suite.run(each, updating: update)
                }
            Terminal.endProgress()
            results.append(result)
            if output == .table { show(result) }
        }
        await outside?.shutDown()
        return CaseReport(folder: folder, results: results, strayRecordings: suite.strayRecordings)
    }

    private func show(_ result: CaseResult) {
        let word = !result.passed ? "FAIL" : result.isUpdated ? "new " : "ok  "
        Terminal.show("\(word)  \(TextTable.visible(result.name))  (\(TextTable.visible(result.file)))")
        for mismatch in result.mismatches {
            Terminal.show("      \(TextTable.visible(mismatch.part))")
            for line in mismatch.lines { Terminal.show("        " + TextTable.visible(line)) }
        }
        for call in result.unusedCalls {
            Terminal.show("      recorded, but not asked for: \(TextTable.visible(call))")
        }
    }

    private func show(_ report: CaseReport) {
        guard output == .table else {
            var buffer = JSONByteBuffer()
            report.write(into: &buffer)
            return Terminal.show(buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        }
        for file in report.strayRecordings { Terminal.show("The recording \(file) belongs to no case.") }
        Terminal.show("\(report.results.count) cases, \(report.failed) failed.")
    }

    private static func write(_ text: String, to file: String) throws(ServerFailure) {
        do { try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic) } catch {
            throw .input("The file `\(file)` cannot be written.")
        }
    }
}
