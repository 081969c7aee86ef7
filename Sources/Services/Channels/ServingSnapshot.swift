package import Connectors
package import Vocabulary

/// Everything that is served, compiled: made once for each reload, never changed, kept by each request to its end.
package final class ServingSnapshot: Sendable {
    package let generation: Int64
    package let channels: [String: ServedChannel]
    /// Channels that could not be built: name to reason. They answer 503; the others are not touched.
    package let quarantined: [String: LoadIssue]
    package let workflowCount: Int
    package let connectors: ConnectorSet
    /// Whether any channel limits the bodies of its requests further than the platform does.
    package let limitsBodies: Bool
    /// Channels that run by themselves, by id: those too that other instances serve, for whoever leads.
    package let scheduled: [ServedChannel]
    /// Names of channels that other instances serve.
    package let unserved: Set<String>
    private let routes: RouteTable<Entry>

    private enum Entry: Sendable {
        case served(ServedChannel)
        case quarantined(LoadIssue)
        case unserved(String)
    }

    /// - Parameters:
    ///   - unserved: channels that other instances serve.
    ///   - scheduledElsewhere: those among them that run by themselves.
    package init(
        generation: Int64, channels: [ServedChannel], quarantined: [LoadIssue], workflowCount: Int,
        connectors: ConnectorSet, unserved: [UnservedChannel] = [], scheduledElsewhere: [ServedChannel] = []
    ) {
        self.unserved = Set(unserved.map(\.name) + scheduledElsewhere.map(\.name))
        self.connectors = connectors
        self.generation = generation
        self.workflowCount = workflowCount
        limitsBodies = channels.contains { $0.definition.config.maxPayloadSize != nil }
        scheduled = (channels.filter { $0.definition.schedule != nil } + scheduledElsewhere).sorted { $0.id < $1.id }
        self.channels = Dictionary(channels.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.quarantined = Dictionary(quarantined.map { ($0.channel, $0) }, uniquingKeysWith: { first, _ in first })
        routes = RouteTable(
            channels.compactMap { channel in
                channel.routePattern.map {
                    .init(
                        name: channel.name, pattern: RouteTable<Entry>.segments(of: $0), priority: channel.priority,
                        target: .served(channel))
                }
            }
                + quarantined.compactMap { issue in
                    issue.routePattern.map {
                        .init(
                            name: issue.channel, pattern: RouteTable<Entry>.segments(of: $0), priority: 0,
                            target: .quarantined(issue))
                    }
                }
                + unserved.compactMap { channel in
                    channel.routePattern.map {
                        .init(
                            name: channel.name, pattern: RouteTable<Entry>.segments(of: $0),
                            priority: channel.priority, target: .unserved(channel.name))
                    }
                })
    }

    package static let empty = ServingSnapshot(
        generation: -1, channels: [], quarantined: [], workflowCount: 0, connectors: .empty)

    /// The channel of a data path: by route pattern first, then a single segment as a channel's name.
    ///
    /// - Parameter path: what follows `/api/v1/data/`, without `/async`.
    package func match(path: String, method: String) -> ChannelMatch {
        let segments = path.split(separator: "/", omittingEmptySubsequences: true).map(\.utf8)
        guard !segments.isEmpty else {
            return .refused(Problem(.validation, "The path names no channel."), allow: [])
        }
        for segment in segments where PercentCoding.decode(segment) == nil {
            return .refused(Problem(.validation, "The path has an invalid percent sequence."), allow: [])
        }
        let matched = routes.match(segments) { entry in
            if case .served(let channel) = entry { channel.allows(method) } else { true }
        }
        if let matched { return found(matched.target, matched.parameters) }
        if segments.count == 1, let name = PercentCoding.decode(segments[0]) {
            // Nobody calls a schedule: for callers it is not there.
            if let channel = channels[name], channel.definition.schedule == nil {
                return named(channel, method: method)
            }
            if let issue = quarantined[name] { return .refused(issue.problem, allow: []) }
            if unserved.contains(name), !scheduled.contains(where: { $0.name == name }) {
                return .elsewhere(channel: name)
            }
        }
        if let other = routes.match(segments, where: { _ in true }), case .served(let channel) = other.target {
            return named(channel, method: method)
        }
        return .refused(Problem(.notFound, "No channel answers to this path."), allow: [])
    }

    private func found(_ entry: Entry, _ parameters: [(name: String, value: String)]) -> ChannelMatch {
        switch entry {
        case .served(let channel): .found(channel, parameters: parameters)
        case .quarantined(let issue): .refused(issue.problem, allow: [])
        case .unserved(let name): .elsewhere(channel: name)
        }
    }

    private func named(_ channel: ServedChannel, method: String) -> ChannelMatch {
        guard channel.allows(method) else {
            let allowed = channel.methods.joined(separator: ", ")
            return .refused(
                Problem(.methodNotAllowed, "This channel answers to \(allowed) only."), allow: channel.methods)
        }
        return .found(channel, parameters: [])
    }
}

/// A channel that is live, and that this instance leaves to others.
package struct UnservedChannel: Sendable, Equatable {
    package var name: String
    package var routePattern: String?
    package var priority: Int

    package init(name: String, routePattern: String?, priority: Int) {
        self.name = name
        self.routePattern = routePattern
        self.priority = priority
    }
}

/// Why a channel is not served.
package struct LoadIssue: Sendable, Equatable {
    package var channel: String
    package var channelID: String
    package var workflowID: String
    package var routePattern: String?
    package var message: String

    package init(channel: String, channelID: String, workflowID: String, routePattern: String?, message: String) {
        self.channel = channel
        self.channelID = channelID
        self.workflowID = workflowID
        self.routePattern = routePattern
        self.message = message
    }

    package var problem: Problem {
        Problem(
            .unavailable, "This channel cannot be served: its definition does not compile. See /health.",
            retryAfter: .seconds(30))
    }
}
