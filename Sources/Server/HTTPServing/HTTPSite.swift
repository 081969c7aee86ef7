/// What every connection of a listener serves, and how.
struct HTTPSite<Handler: HTTPHandling>: Sendable {
    let handler: Handler
    let limits: HTTPServerLimits
    let fixed: FixedHeaders
}
