import Glibc
package import JSONTree

/// Where finished log lines go. Each line is handed over whole, so that lines of several threads do not mix.
package struct LogOutput: Sendable {
    private let write: @Sendable (_ line: [UInt8]) -> Void

    package init(_ write: @escaping @Sendable (_ line: [UInt8]) -> Void) { self.write = write }

    /// The process's standard error. What cannot be written is lost: a log has nobody to complain to.
    package static let standardError = LogOutput { line in
        line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let done = Glibc.write(STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if done < 0 && errno == EINTR { continue }
                guard done > 0 else { return }
                rest = rest.dropFirst(done)
            }
        }
    }

    package func send(_ line: borrowing JSONByteBuffer) { write(line.bytes) }

    /// Several lines that are ready.
    package func send(lines: ArraySlice<UInt8>) { write(Array(lines)) }
}
