import Foundation
import Glibc
import JSONTree
import Remote

/// What commands write.
enum Terminal {
    /// Whether a person reads along, so that progress is worth showing.
    static var isWatched: Bool { isatty(STDERR_FILENO) == 1 }

    static func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// One line that the next one replaces; nothing where nobody reads along.
    static func progress(_ text: String) {
        guard isWatched else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    static func endProgress() {
        guard isWatched else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }

    /// At once, also into a pipe: whoever follows should see it now.
    static func show(_ text: String) {
        print(text)
        fflush(nil)
    }

    static func show(_ json: JSONValue) { show(JSONWriter.string(json, pretty: true)) }
    static func show(_ table: TextTable) { for line in table.lines { show(line) } }
}
