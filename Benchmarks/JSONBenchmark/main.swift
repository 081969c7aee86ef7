import Glibc
import JSONTree
import Vocabulary

/// Nanoseconds to read and to write the document in the file that is named; `Benchmarks/json_rival.cpp` reads the same.
guard CommandLine.arguments.count == 2, let file = fopen(CommandLine.arguments[1], "r") else { exit(64) }
var bytes = [UInt8](repeating: 0, count: 1 << 20)
bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))

func median(of work: () throws -> Void) rethrows -> Int {
    var times: [UInt64] = []
    for _ in 0..<9 {
        let start = Stopwatch.nanoseconds()
        for _ in 0..<20_000 { try work() }
        times.append((Stopwatch.nanoseconds() - start) / 20_000)
    }
    return Int(times.sorted()[4])
}

let arena = JSONArena()
let read = try median {
    arena.reset()
    _ = try JSONReader.parse(bytes, in: arena)
}
let owner = JSONArena()
let value = try JSONReader.parse(bytes, in: owner)
var buffer = JSONByteBuffer()
let write = median {
    buffer.removeAll()
    JSONWriter.write(value, into: &buffer)
}
print("{\"bytes\":\(bytes.count),\"read_ns\":\(read),\"write_ns\":\(write)}")
