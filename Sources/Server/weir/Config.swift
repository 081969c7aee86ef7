import ArgumentParser
import Configuring

/// `weir config`: checks and prints what the server would use.
struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check or print the settings.", subcommands: [Check.self, Print.self, Keys.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say whether the settings are right.")
        @OptionGroup var options: SettingOptions

        func run() throws {
            _ = try options.read()
            print("The settings are right.")
        }
    }

    struct Print: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print every key with its value, secrets masked.")
        @OptionGroup var options: SettingOptions

        func run() throws {
            for line in SettingsReader.lines(try options.read()) { print(line) }
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print every key with what it is for and its default, as a table in Markdown.")

        func run() {
            print("| key | default | what it is for |\n|---|---|---|")
            for (name, initial, summary) in SettingsReader.reference {
                print("| `\(name)` | `\(initial)` | \(summary.replacing("|", with: "\\|")) |")
            }
        }
    }
}
