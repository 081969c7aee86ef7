import Configuring
import Glibc
import JSONTree
import Remote

/// The address to listen on: free, or served by Weir already.
enum PortCheck {
    private static let name = "network.port"

    /// - Parameter isHeld: whether a server has this database open; nil where many may.
    static func finding(_ settings: Settings, isHeld: Bool?) async -> Finding {
        let address = "\(settings.serverHost):\(settings.serverPort)"
        guard settings.serverPort > 0 else { return Finding(name, .ok, "Any free port will be taken.") }
        if let version = await version(settings) {
            guard isHeld == false else { return Finding(name, .ok, "Weir \(version) serves at \(address).") }
            return Finding(
                name, .fail, "Weir \(version) serves at \(address), with another database.",
                "Stop it, or set server.port.")
        }
        guard let reason = bindFailure(settings) else { return Finding(name, .ok, "\(address) is free.") }
        if settings.tlsEnabled, isHeld != false, reason == EADDRINUSE {
            return Finding(
                name, .ok,
                "\(address) is taken, by the server with this database as it seems: its certificate is not "
                    + "one for this name, or not one that is trusted here.")
        }
        let advice =
            switch reason {
            case EADDRINUSE: "Something that is no Weir listens there. Stop it, or set server.port."
            case EACCES: "Ports below 1024 need the right to them (CAP_NET_BIND_SERVICE), or set server.port."
            default: "Set server.host to an address of this machine."
            }
        return Finding(name, .fail, "\(address) cannot be listened on: \(String(cString: strerror(reason)))", advice)
    }

    /// Of the Weir that answers there.
    private static func version(_ settings: Settings) async -> String? {
        var host = settings.serverHost
        if host == "0.0.0.0" { host = "127.0.0.1" } else if host == "::" { host = "::1" }
        let written = host.contains(":") ? "[\(host)]" : host
        let server = ServerConnection(
            url: "\(settings.tlsEnabled ? "https" : "http")://\(written):\(settings.serverPort)", key: nil,
            timeoutSeconds: 3)
        guard let reply = try? await server.send("GET", "/health"),  // nobody there is an answer too
            let json = try? OwnedJSON(parsing: reply.body)  // others answer what they like
        else { return nil }
        return json.read { $0.member("trace_queue") == nil ? nil : $0.member("version")?.stringValue }
    }

    /// Takes the address for a moment, without listening.
    private static func bindFailure(_ settings: Settings) -> Int32? {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(settings.serverHost, "\(settings.serverPort)", &hints, &found) == 0, let first = found else {
            return EADDRNOTAVAIL
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(first.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { Glibc.close(descriptor) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        return bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 ? nil : errno
    }
}
