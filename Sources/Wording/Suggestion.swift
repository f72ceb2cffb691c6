/// What somebody may have meant who wrote a name that does not exist.
public enum Suggestion {
    /// More names than these are a list, not a suggestion.
    private static let namesMax = 4
    /// No option or command is longer; comparing takes time that grows with the length.
    private static let lengthMax = 64

    /// `did you mean '--idle-timeout' or '--probe-timeout'?`; nil when no candidate resembles the word.
    public static func question(_ word: String, among candidates: [String]) -> String? {
        let names = nearest(word, among: candidates).map { "'\($0)'" }
        guard let last = names.last else { return nil }
        return "did you mean \(names.count == 1 ? last : "\(names.dropLast().joined(separator: ", ")) or \(last)")?"
    }

    /// The candidates that differ from the word in the fewest letters, or else those that share the most words with it,
    /// as `--timeout` does with `--idle-timeout`.
    public static func nearest(_ word: String, among candidates: [String]) -> [String] {
        let word = plain(word)
        guard !word.isEmpty, word.count <= lengthMax else { return [] }
        let slips = best(candidates) { candidate in
            let candidate = plain(candidate)
            let distance = distance(Array(word), Array(candidate))
            // In a short name one letter is much.
            return distance <= max(1, min(word.count, candidate.count) / 3) ? -distance : nil
        }
        guard slips.isEmpty else { return slips }
        return best(candidates) { candidate in
            let shared = words(plain(candidate)).count { part in words(word).contains { isAlike(part, $0) } }
            return shared > 0 ? shared : nil
        }
    }

    /// The candidates with the highest score; without a score, a candidate is left out.
    private static func best(_ candidates: [String], by score: (String) -> Int?) -> [String] {
        let scored = candidates.compactMap { candidate in score(candidate).map { (candidate, $0) } }
        guard let highest = scored.map(\.1).max() else { return [] }
        return scored.filter { $0.1 == highest }.prefix(namesMax).map(\.0)
    }

    /// `probe-timeout` of `--Probe_Timeout`.
    private static func plain(_ name: String) -> String {
        String(name.lowercased().map { $0 == "_" ? "-" : $0 }.drop { $0 == "-" })
    }

    private static func words(_ name: String) -> [Substring] { name.split(separator: "-") }

    /// True of `session` and `sessions`, `time` and `timeout`.
    private static func isAlike(_ one: Substring, _ other: Substring) -> Bool {
        min(one.count, other.count) >= 3 && (one.hasPrefix(other) || other.hasPrefix(one))
    }

    /// How many letters must be added, removed, replaced, or exchanged with the next one, to turn one word into the
    /// other (the restricted Damerau-Levenshtein distance).
    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...other.count)
        for (row, letter) in one.enumerated() {
            var current = [row + 1]
            for (column, otherLetter) in other.enumerated() {
                var least = min(
                    last[column + 1] + 1, current[column] + 1, last[column] + (letter == otherLetter ? 0 : 1))
                if row > 0, column > 0, letter == other[column - 1], one[row - 1] == otherLetter {
                    least = min(least, beforeLast[column - 1] + 1)
                }
                current.append(least)
            }
            (beforeLast, last) = (last, current)
        }
        return last[other.count]
    }
}
