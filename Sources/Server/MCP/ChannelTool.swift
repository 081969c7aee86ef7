package import AdminAPI
import Vocabulary

/// A channel that is a tool: `config.mcp.enabled`.
package struct ChannelTool: Sendable {
    /// The channel's name.
    package var channel: String
    package var description: String
    /// JSON text of a JSON Schema of type object.
    package var inputSchema: [UInt8]

    package init(channel: String, description: String, inputSchema: [UInt8]) {
        self.channel = channel
        self.description = description
        self.inputSchema = inputSchema
    }

    /// What clients take as a tool's name; longer ones and other characters are refused by some.
    private static let longestName = 64

    /// `call_` and the channel's name. Where that cannot be written so, a hash of it follows: two channels never share
    /// a name, and a channel keeps its own whatever others come and go.
    var name: String {
        let plain = "call_" + channel
        let written = String(
            plain.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") ? $0 : "_" })
        guard written != plain || plain.utf8.count > Self.longestName else { return plain }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
        for byte in channel.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        let ending = "_" + String(repeating: "0", count: 16 - digits.count) + digits
        return written.prefix(Self.longestName - ending.count) + ending
    }
}

/// The channels that are tools, and how they are called: through the same gates as on the data plane.
package protocol ChannelToolSource: Sendable {
    func tools() -> [ChannelTool]

    /// - Parameters:
    ///   - arguments: JSON text of an object.
    ///   - request: who calls: address, request id, and the headers that are the channel's business.
    /// - Returns: the data plane's answer, whatever its status.
    func call(_ channel: String, arguments: [UInt8], for request: AdminRequest) async -> AdminResponse
}
