/// Says which addresses may be called. An address is 4 or 16 bytes; none stand for a Unix socket.
package typealias AddressJudgement = @Sendable ([UInt8]) -> Bool
