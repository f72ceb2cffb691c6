// Maps from texts to pools.
extension Decoder {
    /// Reads a map whose keys are texts of one form and whose values are names of pools; nil when it is no such map.
    mutating func routes(_ node: Node, _ keys: TextForm, _ most: Int, _ path: Path) -> [Value.Pair]? {
        guard case .map(let entries) = node.content, !entries.isEmpty else {
            if case .broken = node.content { return nil }
            let isEmpty =
                switch node.content {
                case .nothing, .map: true
                default: false
                }
            let needed = ScalarReader.needed(.routes(keys, most: most))
            mistakes.add(node.place, path, "\(isEmpty ? "nothing" : node.nature) stands where \(needed) is needed")
            return nil
        }
        guard entries.count <= most else {
            mistakes.add(node.place, path, "\(entries.count) of them: at most \(most)")
            return nil
        }
        var places: [Value: (place: Place, written: String)] = [:]
        return entries.compactMap { entry in
            let path = path.key(entry.key)
            let key = pairKey(entry, keys, path)
            let value = value(entry.value, .text(.name), path, at: entry.keyPlace, base: nil)
            guard let key else { return nil }
            if let first = places[key] {
                mistakes.add(
                    entry.keyPlace, path,
                    "it is '\(first.written)', at \(first.place), in other letters: a name is the same in capitals "
                        + "and with a dot at its end; leave one out")
                return nil
            }
            places[key] = (entry.keyPlace, entry.key)
            return value.map { .init(key: key, place: entry.keyPlace, value: $0) }
        }
    }

    private mutating func pairKey(_ entry: Node.Entry, _ form: TextForm, _ path: Path) -> Value? {
        var reader = ScalarReader(surroundings: surroundings)
        if let key = reader.read(.init(text: entry.key, written: entry.key), .text(form)) { return key }
        mistakes.add(entry.keyPlace, path, "'\(entry.key)': \(reader.reason)", allowed: reader.allowed)
        return nil
    }
}
