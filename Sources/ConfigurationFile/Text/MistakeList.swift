/// Mistakes as they are found.
struct MistakeList {
    private var sources: [String: SourceText] = [:]
    private var order: [String] = []
    private var found: [Mistake] = []
    private var seen: Set<Key> = []

    /// What a node of an anchor says is read once for each alias, and wrong in the same way each time.
    private struct Key: Hashable {
        let place: Place?
        let file: String
        let reason: String
    }

    /// More than these tell nobody anything.
    static let reportedMax = 100

    /// After so many no more time is spent on what may have been meant.
    private static let explainedMax = 1000

    var isEmpty: Bool { found.isEmpty }
    var isLong: Bool { found.count > Self.explainedMax }

    /// Makes the lines of a file known, before mistakes in it are added.
    mutating func add(_ source: SourceText) {
        if sources.updateValue(source, forKey: source.file) == nil { order.append(source.file) }
    }

    /// Adds a mistake at a place.
    mutating func add(_ place: Place, _ path: Path, _ reason: String, allowed: String? = nil) {
        guard seen.insert(Key(place: place, file: place.file, reason: reason)).inserted else { return }
        found.append(
            Mistake(
                file: place.file, place: place, path: path.description, reason: reason, allowed: allowed,
                excerpt: sources[place.file]?.excerpt(at: place)))
    }

    /// Makes a file known, each of whose mistakes comes with its line.
    mutating func add(known file: String) {
        if sources[file] == nil, !order.contains(file) { order.append(file) }
    }

    /// Adds a mistake in a line of a file that is not known as a whole.
    mutating func add(_ place: Place, _ reason: String, in line: [Unicode.Scalar]) {
        guard seen.insert(Key(place: place, file: place.file, reason: reason)).inserted else { return }
        found.append(
            Mistake(
                file: place.file, place: place, path: "", reason: reason, allowed: nil,
                excerpt: SourceText.excerpt(of: line, at: place.column)))
    }

    /// Adds a mistake of a whole file.
    mutating func add(file: String, _ reason: String) {
        guard seen.insert(Key(place: nil, file: file, reason: reason)).inserted else { return }
        found.append(Mistake(file: file, place: nil, path: "", reason: reason, allowed: nil, excerpt: nil))
    }

    /// Adds why the bytes of a file are no text.
    mutating func add(_ fault: SourceText.Fault, in file: String) {
        guard let position = fault.position else { return add(file: file, fault.reason) }
        add(Place(file: file, line: position.line, column: position.column), .top, fault.reason)
    }

    /// All of them, in the order of the files and lines.
    var sorted: Mistakes {
        let ranks = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
        // The sort is not stable, so the order of finding decides between equal places.
        let list = found.enumerated().sorted { one, other in
            func key(_ item: (offset: Int, element: Mistake)) -> [Int] {
                let mistake = item.element
                return [
                    ranks[mistake.file] ?? .max, mistake.place?.line ?? 0, mistake.place?.column ?? 0, item.offset,
                ]
            }
            return key(one).lexicographicallyPrecedes(key(other))
        }.map(\.element)
        return Mistakes(
            list: Array(list.prefix(Self.reportedMax)), others: max(0, list.count - Self.reportedMax))
    }
}

/// The way from the top of a file to a value: `pools.web.backends[2].weight`.
struct Path: CustomStringConvertible {
    let description: String

    static let top = Path(description: "")

    /// A longer name is shortened: a path is to be read.
    private static let nameMax = 64

    func key(_ name: String) -> Path {
        if name.isEmpty { return key("''") }
        let shown = name.unicodeScalars.count > Self.nameMax ? String(name.prefix(Self.nameMax)) + "..." : name
        return Path(description: description.isEmpty ? shown : "\(description).\(shown)")
    }

    func element(_ index: Int) -> Path { Path(description: "\(description)[\(index)]") }
}
