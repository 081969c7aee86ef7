import ArgumentParser
import JSONLogic

/// `weir logic`: evaluates rules, for trying them out and for test suites.
struct Logic: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Evaluate a JSONLogic rule.")

    @Flag(help: "Read {\"rule\",\"data\",\"templating\"} lines from standard input; answer a line each.") var jsonl =
        false
    @Flag(help: "Take objects that are no operation for literal objects.") var templating = false
    @Argument(help: "The rule, as JSON.") var rule: String?
    @Argument(help: "The data, as JSON.") var data: String = "null"

    func run() throws {
        if jsonl {
            while let line = readLine(strippingNewline: true) { print(Self.answer(line)) }
            return
        }
        guard let rule else { throw ValidationError("Give a rule, or --jsonl.") }
        let answer = Self.answer("{\"rule\":\(rule),\"data\":\(data),\"templating\":\(templating)}")
        print(answer)
        if answer.hasPrefix("{\"error\"") { throw ExitCode(1) }
    }

    private static func answer(_ line: String) -> String {
        var line = line
        return line.withUTF8 { String(decoding: JSONLogicLine.answer(UnsafeRawBufferPointer($0)), as: UTF8.self) }
    }
}
