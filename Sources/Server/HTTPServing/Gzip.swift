import CZlib
import NIOCore
import Vocabulary

/// Bodies in gzip (RFC 1952), by zlib.
enum Gzip {
    /// Below this many bytes, compressing costs more than it saves.
    static let smallestBody = 1024

    /// - Returns: `nil` where zlib cannot, or the result would not be smaller.
    static func compress(_ body: ByteBuffer) -> ByteBuffer? {
        var stream = z_stream()
        guard weir_gzip_start(&stream, 1) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(body.readableBytes)))
        var packed = ByteBufferAllocator().buffer(capacity: bound)
        let result = body.withUnsafeReadableBytes { input in
            packed.withUnsafeMutableWritableBytes { output in
                stream.next_in = UnsafeMutablePointer(
                    mutating: input.baseAddress?.assumingMemoryBound(to: Bytef.self))
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress?.assumingMemoryBound(to: Bytef.self)
                stream.avail_out = UInt32(output.count)
                return deflate(&stream, Z_FINISH)
            }
        }
        guard result == Z_STREAM_END, stream.total_out < UInt(body.readableBytes) else { return nil }
        packed.moveWriterIndex(forwardBy: Int(stream.total_out))
        return packed
    }

    /// - Parameter limit: bytes the result may have: small input can hide a very large body.
    static func expand(_ body: ByteBuffer, limit: Int) throws(Problem) -> ByteBuffer {
        var stream = z_stream()
        guard weir_gunzip_start(&stream) == Z_OK else {
            throw Problem(.internalError, "The body could not be decompressed.")
        }
        defer { inflateEnd(&stream) }
        var expanded = ByteBuffer()
        var result = Z_OK
        body.withUnsafeReadableBytes { input in
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: Bytef.self))
            stream.avail_in = UInt32(input.count)
            while result == Z_OK, expanded.readableBytes <= limit {
                expanded.writeWithUnsafeMutableBytes(minimumWritableBytes: 16 * 1024) { output in
                    stream.next_out = output.baseAddress?.assumingMemoryBound(to: Bytef.self)
                    stream.avail_out = UInt32(output.count)
                    result = inflate(&stream, Z_NO_FLUSH)
                    return output.count - Int(stream.avail_out)
                }
            }
        }
        guard expanded.readableBytes <= limit else {
            throw Problem(.payloadTooLarge, "The decompressed body has more than the \(limit) bytes allowed.")
        }
        guard result == Z_STREAM_END, stream.avail_in == 0 else {
            throw Problem(.validation, "The body is not valid gzip.")
        }
        return expanded
    }
}
