import Assembly
import Foundation
import Remote

/// Reads definitions from a file, or from every `.json` file of a folder.
enum DefinitionFiles {
    static func read(_ path: String) throws -> [StartDefinition] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw StartFailure("There is no file or folder `\(path)`.")
        }
        let names =
            isFolder.boolValue
            ? try FileManager.default.contentsOfDirectory(atPath: path).filter {
                $0.hasSuffix(".json") && !LocalDefinition.isOfCases($0)
            }.sorted()
                .map { path + "/" + $0 } : [path]
        return try names.map { StartDefinition(file: $0, text: Array(try Data(contentsOf: URL(fileURLWithPath: $0)))) }
    }
}
