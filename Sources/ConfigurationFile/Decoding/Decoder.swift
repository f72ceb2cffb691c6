import Wording

/// Reads the keys of the table out of a tree. Every mistake is noted, and reading goes on with the next key.
struct Decoder {
    var mistakes: MistakeList
    let surroundings: Surroundings
    /// What `defaults` says, or its standards.
    private(set) var defaults = Fields(place: nil)

    init(_ mistakes: MistakeList, _ surroundings: Surroundings) {
        self.mistakes = mistakes
        self.surroundings = surroundings
        defaults = fields(standardsOf: .defaults, base: nil)
    }

    // MARK: files

    /// Reads the main file.
    mutating func main(_ root: Node) -> Fields {
        if case .map(let entries) = root.content, let entry = entries.first(where: { $0.key == "defaults" }) {
            let path = Path.top.key(entry.key)
            defaults = fields(entry.value, .defaults, path, at: entry.keyPlace, base: nil) ?? defaults
        }
        return fields(root, .file, .top, at: nil, base: nil) ?? Fields(place: nil)
    }

    /// Reads an included file, which has fewer keys.
    mutating func included(_ root: Node) -> Fields {
        let keys = Section.file.keys.filter { Section.includedKeys.contains($0.name) }.map { key in
            Key(key.name, key.kind, .nothing(""), key.summary, example: key.example)
        }
        let section = Section(
            "an included file", Section.file.summary, allowsExtensions: Section.file.allowsExtensions, keys)
        return fields(root, section, .top, at: nil, base: nil) ?? Fields(place: nil)
    }

    // MARK: maps

    /// Reads a map with the keys of a section; nil when it is no map.
    ///
    /// - Parameters:
    ///   - place: Where its name stands, for what is missing in it; nil for a file.
    ///   - base: What applies for keys that are not there.
    mutating func fields(_ node: Node, _ section: Section, _ path: Path, at place: Place?, base: Fields?) -> Fields? {
        switch node.content {
        case .map(let entries):
            return fields(entries, section, path, at: place ?? node.place, isFile: place == nil, base: base)
        case .nothing:
            // `defaults:` with every key behind a comment is no mistake.
            return fields([], section, path, at: place ?? node.place, isFile: place == nil, base: base)
        case .broken:
            return nil
        case .scalar, .list:
            mistakes.add(
                node.place, path,
                "\(node.nature) stands where keys are needed: \(section.title) is a map" + hint(node, section),
                allowed: names(section))
            return nil
        }
    }

    /// `bind:"127.0.0.1:80"` is no key with its value, but one word.
    private func hint(_ node: Node, _ section: Section) -> String {
        guard case .scalar(let scalar) = node.content, let colon = scalar.text.firstIndex(of: ":"),
            section.key(String(scalar.text[..<colon])) != nil
        else { return "" }
        return "; write a space after the colon"
    }

    private mutating func fields(
        _ entries: [Node.Entry], _ section: Section, _ path: Path, at place: Place, isFile: Bool, base: Fields?
    ) -> Fields {
        var fields = Fields(place: place)
        var meant: Set<String> = []
        var conditional: [(key: Key, place: Place)] = []
        for entry in entries {
            let path = path.key(entry.key)
            fields.written.insert(entry.key)
            guard let key = section.key(entry.key) else {
                if section.allowsExtensions, entry.key.hasPrefix("x-") { continue }
                meant.formUnion(reject(entry, section, path))
                continue
            }
            guard !key.isLater else {
                fields.hasLaterKeys = true
                mistakes.add(entry.keyPlace, path, "this version does not know this key yet: leave it out")
                continue
            }
            fields[key.name] = value(entry.value, key, path, at: entry.keyPlace, base: base)
            if key.condition != nil || !key.companions.isEmpty { conditional.append((key, entry.keyPlace)) }
        }
        for key in section.present where !fields.written.contains(key.name) {
            guard case .required = key.absence else {
                fields[key.name] = standard(key, base: base)
                continue
            }
            if let other = key.substitute, fields.written.contains(other) { continue }
            // It may be what is misspelt, or what a key of a later version stands for.
            if fields.hasLaterKeys || meant.contains(key.name) { continue }
            let reason =
                "'\(key.name)' is missing: add it, for example '\(key.name): \(key.example)'"
                + (key.need.map { "; \($0)" } ?? "")
            if isFile { mistakes.add(file: place.file, reason) } else { mistakes.add(place, path, reason) }
        }
        for (key, place) in conditional { check(key, fields, path, at: place) }
        if !section.anyOf.isEmpty, meant.isDisjoint(with: section.anyOf), fields.written.isDisjoint(with: section.anyOf)
        {
            let names = section.anyOf.map { "'\($0)'" }.joined(separator: " nor ")
            mistakes.add(place, path, "there is neither \(names): give at least one of them")
        }
        return fields
    }

    /// A key that means nothing beside what another one says.
    private mutating func check(_ key: Key, _ fields: Fields, _ path: Path, at place: Place) {
        if !key.isMeaningful(fields), !key.companions.isEmpty {
            let names = key.companions.map { "'\($0)'" }
            mistakes.add(
                place, path.key(key.name),
                "it means nothing without \(names.joined(separator: " or ")): leave it out, or add one of them")
        }
        guard let condition = key.condition, !condition.holds(fields), let other = fields[condition.key]?.value.text
        else { return }
        mistakes.add(
            place, path.key(key.name),
            "it means nothing with '\(condition.key): \(other)': leave it out, or write '\(condition.text)'")
    }

    private mutating func value(
        _ node: Node, _ key: Key, _ path: Path, at place: Place, base: Fields?
    ) -> Value.Found? {
        var inner: Fields?
        if case .inherited = key.absence { inner = (base ?? defaults).fields(key.name) }
        return value(node, key.kind, path, at: place, base: inner)
    }

    /// What applies for a key that is not there; nil for one without a value.
    private func standard(_ key: Key, base: Fields?) -> Value.Found? {
        if let found = base?[key.name] { return Self.inherited(found) }
        switch key.absence {
        case .inherited:
            return defaults[key.name].map(Self.inherited)
        case .standard(let text):
            if case .section(let section) = key.kind {
                return .init(value: .fields(fields(standardsOf: section, base: nil)), origin: .builtIn)
            }
            return standard(text, key.kind)
        case .nothing, .required:
            return nil
        }
    }

    /// All keys of a section as they apply when the file has none of them.
    func fields(standardsOf section: Section, base: Fields?) -> Fields {
        var fields = Fields(place: nil)
        for key in section.present { fields[key.name] = standard(key, base: base) }
        return fields
    }

    /// A standard of the table, read in the same way as a value of a file; nil when the table is wrong, which a test sees.
    func standard(_ text: String, _ kind: Kind) -> Value.Found? {
        var reader = ScalarReader(surroundings: surroundings)
        return reader.read(.init(text: text, written: text), kind).map { .init(value: $0, origin: .builtIn) }
    }

    private static func inherited(_ found: Value.Found) -> Value.Found {
        if case .fields(let fields) = found.value {
            var copy = Fields(place: fields.place)
            for (key, setting) in fields.settings { copy[key] = inherited(setting) }
            return .init(value: .fields(copy), origin: origin(inherited: found.origin))
        }
        return .init(value: found.value, origin: origin(inherited: found.origin))
    }

    private static func origin(inherited origin: Origin) -> Origin {
        if case .file(let place) = origin { .defaults(place) } else { origin }
    }

    // MARK: values

    /// Reads a value of a kind; nil when there is a mistake in it.
    mutating func value(_ node: Node, _ kind: Kind, _ path: Path, at place: Place, base: Fields?) -> Value.Found? {
        let origin = Origin.file(node.place)
        func found(_ value: Value) -> Value.Found { .init(value: value, origin: origin) }
        switch kind {
        case .section(let section):
            return fields(node, section, path, at: place, base: base).map { fields in
                check(fields, section, path)
                return found(.fields(fields))
            }
        case .named(let section):
            return named(node, section, path, at: place).map { found(.named($0)) }
        case .list(let element, let most):
            return list(node, element, most, path).map { found(.list($0)) }
        case .either(_, let section):
            if case .map = node.content {
                return fields(node, section, path, at: node.place, base: nil).map { fields in
                    check(fields, section, path)
                    return found(.fields(fields))
                }
            }
        case .routes(let keys, let most):
            return routes(node, keys, most, path).map { found(.pairs($0)) }
        case .forms(let usual, let sections):
            return form(node, usual, sections, path, at: place)
        case .later, .duration, .count, .share, .word, .flag, .text: break
        }
        let needed = ScalarReader.needed(kind)
        switch node.content {
        case .scalar(let scalar):
            var reader = ScalarReader(surroundings: surroundings)
            if let value = reader.read(scalar, kind) { return found(value) }
            mistakes.add(node.place, path, "\(scalar.quoted): \(reader.reason)", allowed: reader.allowed)
        case .nothing:
            mistakes.add(node.place, path, "there is no value: \(needed) is needed")
        case .map, .list:
            mistakes.add(node.place, path, "\(node.nature) stands where one value is needed: \(needed)")
        case .broken: break
        }
        return nil
    }

    /// One of several maps, by its first key; or the usual kind.
    private mutating func form(
        _ node: Node, _ usual: Kind, _ sections: [Section], _ path: Path, at place: Place
    ) -> Value.Found? {
        guard case .map(let entries) = node.content else { return value(node, usual, path, at: place, base: nil) }
        let marks = entries.filter { entry in sections.contains { $0.mark == entry.key } }
        guard marks.count <= 1 else {
            let names = marks.map(\.key).joined(separator: " and ")
            mistakes.add(marks[1].keyPlace, path, "\(names) exclude each other: give one of them")
            return nil
        }
        guard let section = sections.first(where: { $0.mark == marks.first?.key }) else {
            return value(node, usual, path, at: place, base: nil)
        }
        return fields(node, section, path, at: node.place, base: nil)
            .map { .init(value: .fields($0), origin: .file(node.place)) }
    }

    private mutating func named(_ node: Node, _ section: Section, _ path: Path, at place: Place) -> [Value.Named]? {
        guard case .map(let entries) = node.content, !entries.isEmpty else {
            if case .broken = node.content { return nil }
            let isEmpty =
                switch node.content {
                case .nothing, .map: true
                default: false
                }
            mistakes.add(
                node.place, path,
                "\(isEmpty ? "nothing" : node.nature) stands where a map from names to \(section.title) each is needed"
                    + (isEmpty ? ": indent the names below this key" : ""))
            return nil
        }
        // The name is left out, and what belongs below it stands in its place.
        let isOne = entries.allSatisfy { section.key($0.key) != nil }
        if isOne, let entry = entries.first(where: { if case .map = $0.value.content { false } else { true } }) {
            mistakes.add(
                entry.keyPlace, path,
                "'\(entry.key)' belongs to \(section.title), and here are names: write a name above it, 'NAME:', and indent "
                    + "what belongs to it")
            return nil
        }
        return entries.compactMap { entry in
            let path = path.key(entry.key)
            if let reason = ScalarReader.wrongName(entry.key) {
                mistakes.add(entry.keyPlace, path, "'\(entry.key)': \(reason)")
            }
            let fields = fields(entry.value, section, path, at: entry.keyPlace, base: nil)
            return .init(name: entry.key, place: entry.keyPlace, fields: fields ?? Fields(place: entry.keyPlace))
        }
    }

    private mutating func list(_ node: Node, _ element: Kind, _ most: Int, _ path: Path) -> [Value.Found]? {
        guard case .list(let nodes) = node.content else {
            return value(node, element, path, at: node.place, base: nil).map { [$0] }
        }
        guard !nodes.isEmpty else {
            mistakes.add(node.place, path, "the list is empty: give at least one")
            return nil
        }
        guard nodes.count <= most else {
            mistakes.add(node.place, path, "\(nodes.count) of them: at most \(most)")
            return nil
        }
        let list = nodes.enumerated().map { index, node in
            value(node, element, path.element(index), at: node.place, base: nil)
        }
        // A mistake keeps its place, so that the others are counted as in the file.
        return list.map { $0 ?? .init(value: .broken, origin: .builtIn) }
    }

    /// A map that may have one of several forms has exactly one.
    private mutating func check(_ fields: Fields, _ section: Section, _ path: Path) {
        guard let first = section.oneOf.first, let place = fields.place else { return }
        let forms = section.oneOf.filter(fields.written.contains)
        if forms.isEmpty {
            mistakes.add(
                place, path, "one of \(section.oneOf.joined(separator: ", ")) is missing", allowed: names(section))
        } else if forms.count > 1 {
            mistakes.add(place, path, "\(forms.joined(separator: " and ")) exclude each other: give them apart")
        } else if !fields.written.contains(first),
            let other = section.keys.first(where: { key in
                !section.oneOf.contains(key.name) && fields.written.contains(key.name)
            })
        {
            mistakes.add(
                fields.place(of: other.name) ?? place, path.key(other.name),
                "it belongs to '\(first)' alone: leave it out")
        }
    }

    // MARK: unknown keys

    /// Returns the keys that may have been meant.
    private mutating func reject(_ entry: Node.Entry, _ section: Section, _ path: Path) -> [String] {
        guard !mistakes.isLong else {
            mistakes.add(entry.keyPlace, path, "no such key")
            return []
        }
        let names = section.present.map(\.name)
        let owners = Section.all.filter { $0.key(entry.key)?.isLater == false }.map(\.title)
        var reason = "no such key"
        var meant: [String] = []
        if section.title == Section.backend.title, Section.discoveries.contains(where: { $0.mark == entry.key }) {
            reason =
                "backends are discovered for the pool as a whole: write 'backends: {\(entry.key): ...}' without a list"
            meant = ["address"]
        } else if !owners.isEmpty {
            reason += " here: it belongs to \(owners.joined(separator: " or "))"
        } else if let question = Suggestion.question(entry.key, among: names) {
            reason += "; \(question)"
            meant = Suggestion.nearest(entry.key, among: names)
        }
        mistakes.add(entry.keyPlace, path, reason, allowed: self.names(section))
        return meant
    }

    private func names(_ section: Section) -> String { section.present.map(\.name).joined(separator: ", ") }
}
