package import JSONTree
import Vocabulary

/// The secrets in a channel's definition: the keys and signing secrets under `config.auth`, treated like a connector's.
extension ConnectorSecrets {
    /// Fields of `config.auth` that hold secrets.
    private static let fields = ["keys", "secret", "secrets", "jwt_keys"]

    private static func rewritten(
        _ body: JSONValue, in arena: JSONArena,
        _ change: (_ name: String, JSONValue) throws(Problem) -> JSONValue
    ) throws(Problem) -> JSONValue {
        guard let auth = body.member("config")?.member("auth"), auth.isObject,
            fields.contains(where: { auth.member($0) != nil })
        else { return body }
        var document = JSONDocument(root: body.copied(into: arena), arena: arena)
        for name in fields {
            guard let value = auth.member(name), let path = try? JSONPath("config.auth.\(name)") else { continue }
            _ = document.set(path, to: try change(name, value))
        }
        return document.root
    }

    package static func maskedChannel(_ body: JSONValue, in arena: JSONArena) -> JSONValue {
        let result = try? rewritten(body, in: arena) { name, value throws(Problem) in
            masked(wrapped(name, value, in: arena), in: arena).member(name) ?? .null
        }
        return result ?? body  // masking refuses nothing
    }

    /// - Throws: a problem where a mask stands for nothing.
    func sealedChannel(
        _ body: JSONValue, over stored: JSONValue?, in arena: JSONArena
    ) throws(Problem) -> JSONValue {
        let known = stored?.member("config")?.member("auth")
        return try Self.rewritten(body, in: arena) { name, value throws(Problem) in
            try sealed(Self.wrapped(name, value, in: arena), over: known, in: arena).member(name) ?? .null
        }
    }

    package func openedChannel(_ body: JSONValue, in arena: JSONArena) throws(ConnectorFault) -> JSONValue {
        var fault: ConnectorFault?
        let result = try? Self.rewritten(body, in: arena) { name, value throws(Problem) in
            do throws(ConnectorFault) {
                return try opened(Self.wrapped(name, value, in: arena), in: arena).member(name) ?? .null
            } catch {
                fault = fault ?? error
                return value
            }
        }
        if let fault { throw fault }
        return result ?? body  // opening throws its own fault
    }

    private static func wrapped(_ name: String, _ value: JSONValue, in arena: JSONArena) -> JSONValue {
        var object = JSONObjectBuilder(capacity: 1, in: arena)
        object.append(key: name, value)
        return object.finish()
    }
}
