import Wording

/// What is wrong at a place of a configuration file, and what is allowed there.
public struct Mistake: Hashable, Sendable, CustomStringConvertible {
    /// The file.
    public let file: String
    /// The line and column; nil for a mistake of the whole file.
    public let place: Place?
    /// The way to the key: `pools.web.backends[2].weight`; empty for a mistake of the whole file.
    public let path: String
    /// What is wrong, and what to do about it.
    public let reason: String
    /// What is allowed there, where that is a list; nil when the reason says it.
    public let allowed: String?
    /// The offending line, and the column in it from 0; nil for a mistake of the whole file.
    let excerpt: Excerpt?

    /// A part of a line that fits a terminal.
    struct Excerpt: Hashable, Sendable {
        let text: String
        let column: Int
    }

    /// The first line: `balancer.yaml:14:5: pools.web.polcy: no such key; did you mean 'policy'?`
    public var headline: String {
        let start = place?.description ?? file
        return ErrorText.line(start) + ": " + (path.isEmpty ? "" : "\(ErrorText.line(path)): ") + ErrorText.line(reason)
    }

    /// The first line, the offending line with a caret below it, and what is allowed.
    public var description: String {
        var lines = [headline]
        if let place, let excerpt {
            let number = String(place.line)
            let margin = String(repeating: " ", count: number.count)
            lines.append("  \(number) | \(excerpt.text)")
            lines.append("  \(margin) | \(String(repeating: " ", count: excerpt.column))^")
        }
        if let allowed { lines.append("  allowed: \(ErrorText.line(allowed))") }
        return lines.joined(separator: "\n")
    }
}

/// All mistakes of a configuration: the file is not used.
public struct Mistakes: Error, CustomStringConvertible {
    /// In the order of the files and their lines.
    public let list: [Mistake]
    /// How many more there are than the list has.
    public let others: Int

    /// Each mistake with its line, and how many there are.
    public var description: String {
        let count = list.count + others
        let more = others > 0 ? ["... and \(others) more"] : []
        return (list.map(\.description) + more + [count == 1 ? "1 mistake" : "\(count) mistakes"])
            .joined(separator: "\n")
    }
}
