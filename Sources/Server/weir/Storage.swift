import ArgumentParser
import Assembly
import JSONTree
import Remote

/// `weir storage`: moves an installation.
struct Storage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Move an installation to another database.", subcommands: [Copy.self])

    struct Copy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy everything from one database to another that is empty, and prove that it is there.",
            discussion:
                "Stop the server first. Copied are definitions, admin keys, the audit log, schedules and their ledger, and traces. If it is interrupted, run it again: it begins anew, and no server opens a target that is half full."
        )
        @Argument(help: "The database to copy, such as sqlite:weir.db.") var from: String
        @Argument(help: "An empty one, such as postgres://weir@db.example/weir.") var to: String
        @OptionGroup var options: SettingOptions
        @Option(name: [.short, .long], help: "table for people, json for programs.")
        var output = ServerOptions.Format.table

        func run() async throws {
            let settings = try options.read()
            do {
                let moved = try await StorageMove.run(from: from, to: to, settings) { step in
                    switch step {
                    case .beganAgain:
                        Terminal.complain("An earlier copy into this database was interrupted; it begins anew.")
                    case .copying(let table, let rows): Terminal.progress("copying \(table): \(rows)")
                    case .verifying(let table): Terminal.progress("verifying \(table)")
                    }
                }
                Terminal.endProgress()
                if output == .json { Self.show(json: moved) } else { Self.show(moved) }
            } catch let failure as StartFailure {
                Terminal.endProgress()
                Terminal.complain("weir: \(failure)")
                throw ExitCode(1)
            }
        }

        private static func show(_ moved: StorageMove) {
            var table = TextTable(["TABLE", "ROWS", "CHECKSUM"])
            for one in moved.tables { table.add([one.name, String(one.rows), one.checksum]) }
            Terminal.show(table)
            Terminal.show("Copied and verified. Set storage.url to the new database and start the server.")
            if let advice = moved.advice { Terminal.show(advice) }
        }

        private static func show(json moved: StorageMove) {
            var buffer = JSONByteBuffer()
            buffer.append("{\"verified\":true,\"tables\":[")
            for (place, table) in moved.tables.enumerated() {
                buffer.append(utf8: place > 0 ? ",{\"table\":" : "{\"table\":")
                JSONWriter.write(table.name, into: &buffer)
                buffer.append(utf8: ",\"rows\":\(table.rows),\"checksum\":")
                JSONWriter.write(table.checksum, into: &buffer)
                buffer.append("}")
            }
            buffer.append(utf8: "],\"sealed_definitions\":\(moved.sealed),\"advice\":")
            if let advice = moved.advice { JSONWriter.write(advice, into: &buffer) } else { buffer.append("null") }
            buffer.append("}")
            Terminal.show(String(decoding: buffer.bytes, as: UTF8.self))
        }
    }
}
