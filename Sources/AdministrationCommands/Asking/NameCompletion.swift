import AdministrationAPI
import AdministrationClient
import ArgumentParser
import Reactor
import Top

/// Completion of names, which a shell asks of this program, and this program of the running balancer. Silent when that
/// does not answer: a shell would show the error among the names.
enum NameCompletion {
    /// A person waits at the keyboard.
    private static let timeout: Duration = .milliseconds(300)

    /// Names of backends, `web/b2`, and bare ones that are unique.
    static let backend = CompletionKind.custom { words, _, _ in
        names(words) { status in
            let references = status.backendsByReference.map(\.0)
            let bare = references.map(\.backend).filter { name in references.count { $0.backend == name } == 1 }
            return bare + references.map(\.description)
        }
    }

    /// Names of pools.
    static let pool = CompletionKind.custom { words, _, _ in names(words) { $0.pools.map(\.name) } }

    /// Names of listeners.
    static let listener = CompletionKind.custom { words, _, _ in names(words) { $0.listeners.map(\.name) } }

    /// Names of backends and listeners: of what is set depends which.
    static let backendOrListener = CompletionKind.custom { words, _, _ in
        names(words) { status in
            words.contains("limit")
                ? status.listeners.map(\.name) : status.backendsByReference.map(\.0.description)
        }
    }

    private static func names(_ words: [String], _ choose: (Status) -> [String]) -> [String] {
        let chosen = AdministrationClient.Place.chosen(
            option("--admin", in: words).flatMap { try? AdministrationClient.Place.parse($0) })
        let asker = try? RunningAsker(
            chosen.place, chosen.origin, tokenFile: option("--token-file", in: words), timeout: timeout)
        guard let status = try? asker?.status() else { return [] }
        // What a shell could take for something else than a word is left out.
        let names = choose(status).filter { ShownText.plain($0) == $0 && !$0.contains(" ") }
        // For zsh a description follows a colon.
        return CompletionShell.requesting == .zsh ? names.map { $0.replacing(":", with: "\\:") } : names
    }

    /// The value of an option on the line that is being typed.
    static func option(_ name: String, in words: [String]) -> String? {
        if let word = words.last(where: { $0.hasPrefix("\(name)=") }) { return String(word.dropFirst(name.count + 1)) }
        guard let place = words.lastIndex(of: name), place + 1 < words.count else { return nil }
        return words[place + 1]
    }
}
