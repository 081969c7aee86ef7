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
            abstract: "Print every key with what it is for and its default, as a page in Markdown.")

        func run() {
            print(
                """
                # Settings

                Each is a line of `weir.toml` (`[server]` and `port = 8080`, or `server.port = 8080`), a variable of the environment
                (`WEIR_SERVER__PORT`: two underscores for the point) or a flag (`--set server.port=8080`); a flag counts before a variable,
                a variable before the file. `weir config check` says whether they are right, `weir config print` what is in effect. This
                page is what `weir config keys` prints.

                """)
            print("| key | default | what it is for |\n|---|---|---|")
            for (name, initial, summary) in SettingsReader.reference {
                print("| `\(name)` | `\(initial)` | \(summary.replacing("|", with: "\\|")) |")
            }
        }
    }
}
