import Glibc
package import Timetables

/// The system's time zone database (tzdata): `TZDIR`, or the first of the usual folders. It is read anew each time, so
/// an update of the package holds from the next reload on.
package enum ZoneDatabase {
    /// Why there are no rules for a name, in a sentence for whoever wrote it.
    package struct Fault: Error, Sendable, Equatable {
        package var message: String
    }

    private static let folders = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"]
    /// What else is in the folder: copies, the machine's own zone, and a file that says nothing was set.
    private static let notZones = ["posix", "right", "localtime", "posixrules", "Factory"]
    /// More than twice the largest file there is.
    private static let mostBytes = 65_536

    /// - Parameter name: `UTC`, which needs no database, or a name such as `Europe/Berlin`.
    package static func rules(_ name: String) throws(Fault) -> ZoneRules {
        if name == "UTC" || name == "Etc/UTC" { return .utc }
        guard isName(name) else {
            throw Fault(message: "`\(name.prefix(64))` is no time zone; write a name such as Europe/Berlin.")
        }
        guard name.contains("/") || name.contains(where: \.isLowercase) else {
            throw Fault(
                message: "`\(name)` is an abbreviation, which is ambiguous; write a name such as Europe/Berlin.")
        }
        guard let folder else {
            throw Fault(
                message: "The time zone database is missing on this machine: install the package tzdata, or use UTC.")
        }
        guard let bytes = contents("\(folder)/\(name)") else {
            throw Fault(message: "There is no time zone `\(name)` in the time zone database.")
        }
        do throws(ZoneRules.Malformed) { return try ZoneRules(name: name, tzif: bytes) } catch {
            throw Fault(message: "The time zone `\(name)` cannot be used: \(error.message)")
        }
    }

    /// Words of letters, digits, `_`, `+` and `-`, between single slashes: never a way out of the folder.
    private static func isName(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return name.utf8.count <= 64 && !notZones.contains(String(parts[0]) ?? "")
            && parts.allSatisfy { part in
                !part.isEmpty
                    && part.allSatisfy {
                        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
                            || $0 == 43 || $0 == 45
                    }
            }
    }

    private static var folder: String? {
        if let set = getenv("TZDIR") {
            let path = String(cString: set)
            return isDatabase(path) ? path : nil
        }
        return folders.first(where: isDatabase)
    }

    /// Every database has this zone under this name; a folder that was emptied has not.
    private static func isDatabase(_ path: String) -> Bool { access(path + "/Etc/UTC", R_OK) == 0 }

    private static func contents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: mostBytes)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
            }
            guard count >= 0 else { return nil }  // a folder, such as Europe
            if count == 0 { break }
            filled += count
        }
        return Array(bytes[..<filled])
    }
}
