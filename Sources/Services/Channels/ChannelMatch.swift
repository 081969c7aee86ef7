package import Vocabulary

/// What the path of a data request came to.
package enum ChannelMatch: Sendable {
    case found(ServedChannel, parameters: [(name: String, value: String)])
    case refused(Problem, allow: [String])
    /// Other instances serve this channel.
    case elsewhere(channel: String)
}
