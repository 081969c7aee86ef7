/// What is said first on a connection, and what the server must answer.
struct RedisGreeting: Sendable {
    enum Step: Sendable, Equatable {
        case authenticate, select, name, ping
        /// It must be a master.
        case role
    }

    private(set) var commands: [(step: Step, command: RedisCommand)] = []

    /// - Parameter isMaster: whether the server must say that it is one.
    init(user: String?, password: String?, database: Int, name: String, isMaster: Bool) {
        if let password {
            var command = RedisCommand("AUTH")
            if let user { command.append(user) }
            command.append(password)
            commands.append((.authenticate, command))
        }
        if database != 0 { commands.append((.select, RedisCommand("SELECT", String(database)))) }
        commands.append((.name, RedisCommand("CLIENT", "SETNAME", name)))
        commands.append(isMaster ? (.role, RedisCommand("ROLE")) : (.ping, RedisCommand("PING")))
    }

    /// - Returns: why the connection cannot be used; nil where the answer is well.
    static func judge(_ reply: RedisReply, to step: Step) -> RedisFailure? {
        guard case .error(let error) = reply else {
            if step == .role, reply.array?.first?.text != "master" {
                return .unreachable("the server that Sentinel names is no master yet")
            }
            return nil
        }
        switch error.code {
        // A user that may not ask for its name, or whether the server lives, may still work with keys.
        case "NOPERM" where step != .select: return nil
        case "WRONGPASS", "NOAUTH": return .denied("the server refuses the user or the password (\(error.code))")
        case "NOPERM": return .denied("the user may not use this database")
        case "LOADING": return .unreachable("the server loads its data")
        case "MASTERDOWN": return .unreachable("the server is a replica without its master")
        default: break
        }
        switch step {
        // `ERR AUTH <password> called without any password configured for the default user`.
        case .authenticate: return .denied("the server takes no password for this user")
        case .select: return .denied("the server has no such database")
        case .name: return nil
        case .ping, .role: return .unreachable("the server is not ready (\(error.code))")
        }
    }
}
