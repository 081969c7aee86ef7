import Connectors
package import Definitions
import Foundation
import JSONTree
package import Storage

/// A definition in a file: what should be live.
package struct LocalDefinition: Sendable {
    package var kind: DefinitionKind
    package var id: String
    package var file: String
    package var content: DefinitionContent
    /// The content as a server shows it: with its secrets masked.
    package var shown: DefinitionContent
    /// As it is sent: the content with its id.
    package var bytes: [UInt8]

    /// Every definition of a file, or of all `.json` files in a folder and its folders; first what others
    /// need to go live: connectors, then workflows, then channels.
    package static func read(_ path: String) throws(ServerFailure) -> [LocalDefinition] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .input("There is no file or folder `\(path)`.")
        }
        var files = [path]
        if isFolder.boolValue {
            files = jsonFiles(below: path).filter { !isOfCases($0) }
            guard !files.isEmpty else { throw .input("The folder `\(path)` has no .json file with a definition.") }
        }
        var all: [LocalDefinition] = []
        for file in files {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw .input("The file `\(file)` cannot be read.")
            }
            all += try parse(Array(data), file: file)
        }
        return try ordered(all)
    }

    package static func jsonFiles(below folder: String) -> [String] {
        let inside = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return inside.filter { $0.hasSuffix(".json") }.sorted().map { "\(folder)/\($0)" }
    }

    /// Whether a file beside definitions is a case of `weir test`, or what was recorded for one.
    package static func isOfCases(_ file: String) -> Bool {
        file.hasSuffix(".case.json") || file.hasSuffix(".recording.json")
    }

    /// One definition or an array of them.
    package static func parse(_ bytes: [UInt8], file: String) throws(ServerFailure) -> [LocalDefinition] {
        let json: OwnedJSON
        do throws(JSONSyntaxError) { json = try OwnedJSON(parsing: bytes) } catch {
            throw .input("\(file) is not JSON: \(error.message)")
        }
        let values = json.value.isArray ? (0..<json.value.count).map { json.value[$0] } : [json.value]
        var found: [LocalDefinition] = []
        for value in values { found.append(try LocalDefinition(value, file: file)) }
        return found
    }

    private init(_ value: JSONValue, file: String) throws(ServerFailure) {
        guard value.isObject else { throw .input("\(file): a definition must be an object.") }
        kind = Self.kind(of: value)
        // A connector is known by its name, so its file needs no id.
        let names =
            switch kind {
            case .workflow: ["workflow_id"]
            case .channel: ["channel_id"]
            case .connector: ["id", "name"]
            }
        guard let id = names.lazy.compactMap({ value.member($0)?.stringValue }).first, !id.isEmpty else {
            throw .input("\(file): a definition in a file needs its `\(names[names.count - 1])`.")
        }
        self.id = id
        self.file = file
        content = DefinitionContent(value, kind: kind)
        let arena = JSONArena()
        shown = DefinitionContent(Self.masked(value, kind, in: arena), kind: kind)
        bytes = JSONWriter.bytes(DefinitionContent.importable(value, in: arena))
    }

    private static func masked(_ value: JSONValue, _ kind: DefinitionKind, in arena: JSONArena) -> JSONValue {
        guard kind == .connector else { return ConnectorSecrets.maskedChannel(value, in: arena) }
        var document = JSONDocument(root: value.copied(into: arena), arena: arena)
        guard let config = value.member("config"), let path = try? JSONPath("config") else { return value }
        _ = document.set(path, to: ConnectorSecrets.masked(config, in: arena))
        return document.root
    }

    private static func kind(of value: JSONValue) -> DefinitionKind {
        if value.member("connector_type") != nil { return .connector }
        return value.member("tasks") == nil && value.member("channel_type") != nil ? .channel : .workflow
    }

    private static func ordered(_ all: [LocalDefinition]) throws(ServerFailure) -> [LocalDefinition] {
        var seen: [String: String] = [:]
        for each in all {
            if let other = seen.updateValue(each.file, forKey: "\(each.kind.rawValue) \(each.id)") {
                throw .input("The \(each.kind.rawValue) `\(each.id)` is defined in \(other) and in \(each.file).")
            }
        }
        return [DefinitionKind.connector, .workflow, .channel].flatMap { kind in all.filter { $0.kind == kind } }
    }
}
