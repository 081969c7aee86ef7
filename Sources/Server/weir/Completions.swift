import ArgumentParser

/// `weir completions`: what makes a shell complete our commands.
struct Completions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print completions for a shell.",
        discussion: "For bash: weir completions bash > /etc/bash_completion.d/weir")

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    @Argument(help: "bash, zsh or fish.") var shell: Shell

    func run() {
        let known: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        print(Weir.completionScript(for: known))
    }
}
