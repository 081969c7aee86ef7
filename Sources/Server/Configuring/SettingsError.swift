/// Why the settings cannot be used: the key, what was given, what would be right.
package struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}

extension SettingsError {
    /// A file that was named but cannot be read.
    package init(unreadable file: String) {
        self.init("The configuration file `\(file)` cannot be read.")
    }
}
