import Yams

/// Makes the nodes of a file from what the library has composed: follows aliases and `<<`, replaces variables, and counts
/// what there is.
struct TreeBuilder {
    private let file: String
    private let text: YAMLText
    private let variable: (String) -> String?
    private var valuesLeft: Int

    /// The tree of a file.
    ///
    /// - Parameter valuesLeft: how many values the file may have; less by as many afterwards.
    /// - Returns: nil when the file is empty; mistakes are reported otherwise.
    static func tree(
        _ source: SourceText, valuesLeft: inout Int, variable: @escaping (String) -> String?,
        _ mistakes: inout MistakeList
    ) -> Node? {
        mistakes.add(source)
        let text = YAMLText(source, &mistakes)
        guard let root = text.root else { return nil }
        var builder = TreeBuilder(file: source.file, text: text, variable: variable, valuesLeft: valuesLeft)
        defer { valuesLeft = builder.valuesLeft }
        return builder.node(root, .top, depth: 0, &mistakes)
    }

    private func place(_ mark: Mark?) -> Place {
        Place(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }

    private mutating func node(
        _ source: Yams.Node, _ path: Path, depth: Int, _ mistakes: inout MistakeList
    ) -> Node {
        let place = place(source.mark)
        let broken = Node(place: place, content: .broken)
        guard valuesLeft > 0 else { return broken }
        valuesLeft -= 1
        guard valuesLeft > 0 else {
            mistakes.add(
                place, path,
                "more than \(FileLimits.valuesMax) values up to here, each alias counted with everything it stands for")
            return broken
        }
        guard depth <= FileLimits.depthMax else {
            mistakes.add(place, .top, "values stand too deep within each other: \(FileLimits.depthMax) levels at most")
            return broken
        }
        let tag = source.tag.description
        guard tag.isEmpty || [Tag.Name.str, .map, .seq].contains(where: { $0.rawValue == tag }) else {
            mistakes.add(place, path, "the tag '\(tag)' has no meaning here: leave it out")
            return broken
        }
        switch source {
        case .scalar(let scalar):
            return Node(place: place, content: content(scalar, place, path, &mistakes))
        case .sequence(let sequence):
            let list = sequence.enumerated().map { index, element in
                node(element, path.element(index), depth: depth + 1, &mistakes)
            }
            return Node(place: place, content: .list(list))
        case .mapping(let mapping):
            return Node(place: place, content: .map(entries(mapping, path, depth: depth, &mistakes)))
        case .alias:
            // The library follows aliases by itself.
            return broken
        }
    }

    private func content(
        _ scalar: Yams.Node.Scalar, _ place: Place, _ path: Path, _ mistakes: inout MistakeList
    ) -> Node.Content {
        let written = scalar.string
        if scalar.style == .plain, ["", "~", "null", "Null", "NULL"].contains(written) { return .nothing }
        guard written.utf8.count <= FileLimits.textBytesMax else {
            mistakes.add(place, path, "the value is longer than \(FileLimits.textBytesMax) bytes")
            return .broken
        }
        do throws(Substitution.Fault) {
            return .scalar(.init(text: try Substitution.replace(written, variable), written: written))
        } catch {
            mistakes.add(place, path, error.reason)
            return .broken
        }
    }

    private mutating func entries(
        _ mapping: Yams.Node.Mapping, _ path: Path, depth: Int, _ mistakes: inout MistakeList
    ) -> [Node.Entry] {
        var own: [Node.Entry] = []
        var lines: [String: Int] = [:]
        var merged: [Node.Entry] = []
        for (key, value) in mapping {
            let keyPlace = place(key.mark)
            guard case .scalar(let scalar) = key else {
                mistakes.add(keyPlace, path, "a key is one word, and not a list or map")
                continue
            }
            let name = text.name(scalar.string, line: keyPlace.line, column: keyPlace.column)
            if name == "<<", scalar.style == .plain {
                merged += self.merged(node(value, path.key(name), depth: depth + 1, &mistakes), path, &mistakes)
                continue
            }
            if let line = lines.updateValue(keyPlace.line, forKey: name) {
                mistakes.add(
                    keyPlace, path.key(name),
                    "it stands twice, also at line \(line): "
                        + (line == keyPlace.line ? "leave one out" : "leave one out, or join them"))
                continue
            }
            own.append(
                .init(key: name, keyPlace: keyPlace, value: node(value, path.key(name), depth: depth + 1, &mistakes)))
        }
        // What stands in the map itself comes before what is merged into it, and of that the first.
        var names = Set(own.map(\.key))
        return own + merged.filter { names.insert($0.key).inserted }
    }

    /// The entries that `<<` brings: of a map, or of each map of a list.
    private func merged(_ node: Node, _ path: Path, _ mistakes: inout MistakeList) -> [Node.Entry] {
        switch node.content {
        case .map(let entries): return entries
        case .list(let nodes) where nodes.allSatisfy({ if case .map = $0.content { true } else { false } }):
            return nodes.flatMap { if case .map(let entries) = $0.content { entries } else { [Node.Entry]() } }
        case .broken: return []
        default:
            mistakes.add(
                node.place, path.key("<<"), "\(node.nature) cannot be merged: it must be a map, or a list of maps")
            return []
        }
    }
}
