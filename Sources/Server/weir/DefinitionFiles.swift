import Assembly
import Foundation
import Remote

/// Reads definitions from a file, or from every `.json` file of a folder and its folders; as `weir apply` does.
enum DefinitionFiles {
    static func read(_ path: String) throws -> [StartDefinition] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw StartFailure("There is no file or folder `\(path)`.")
        }
        let names =
            isFolder.boolValue
            ? LocalDefinition.jsonFiles(below: path).filter { !LocalDefinition.isOfCases($0) } : [path]
        guard !names.isEmpty else {
            throw StartFailure("The folder `\(path)` has no .json file with a definition.")
        }
        return try names.map { StartDefinition(file: $0, text: Array(try Data(contentsOf: URL(fileURLWithPath: $0)))) }
    }
}
