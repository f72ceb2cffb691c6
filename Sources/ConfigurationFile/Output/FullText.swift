import Balancer
import Wording

extension Document {
    /// The file with every key, and behind each value where it comes from: what `balancer config --full` prints. It says the
    /// same as the file, when it is read again.
    public var fullText: String {
        var writer = FullWriter()
        writer.write(fields, .file, depth: 0)
        return writer.text
    }
}

extension Kind {
    /// Of several forms the one that a value has.
    fileprivate func chosen(for value: Value) -> Kind {
        guard case .forms(let usual, let sections) = self else { return self }
        guard case .fields(let fields) = value,
            let section = sections.first(where: { fields.written.contains($0.mark) })
        else { return usual }
        return .section(section)
    }
}

extension Kind {
    /// The keys of an element of a list that may be a map.
    fileprivate var section: Section? {
        switch self {
        case .either(_, let section), .section(let section): section
        default: nil
        }
    }
}

extension Value {
    /// As it would be written as a key, in which a dollar sign stands for itself.
    fileprivate var keyText: String {
        switch self {
        case .text(let text): YAMLWriter.key(text)
        case .serverName(let pattern): YAMLWriter.key(pattern.description)
        default: ""
        }
    }
}

private struct FullWriter {
    private(set) var text = ""
    /// Comments stand in this column, where the value leaves room for it.
    private static let commentColumn = 44

    mutating func write(_ fields: Fields, _ section: Section, depth: Int) {
        for key in section.present where key.name != "include" && key.isMeaningful(fields) {
            let start = indent(depth) + key.name + ":"
            guard let found = fields[key.name] else {
                // What may be absent is shown, but says nothing.
                if section.oneOf.isEmpty, case .nothing(let meaning) = key.absence {
                    line(indent(depth) + "# \(key.name):", "built in: \(meaning)")
                }
                continue
            }
            write(start, found, key.kind, depth: depth)
        }
    }

    private mutating func write(_ start: String, _ found: Value.Found, _ kind: Kind, depth: Int) {
        switch (found.value, kind.chosen(for: found.value)) {
        case (.fields(let fields), .section(let section)):
            line(start)
            write(fields, section, depth: depth + 1)
        case (.fields(let fields), .either(_, let section)):
            line(start)
            write(fields, section, depth: depth + 1)
        case (.pairs(let list), _):
            line(start)
            for pair in list {
                line(
                    "\(indent(depth + 1))\(pair.key.keyText): \(pair.value.value.text ?? "")",
                    Self.origin(pair.value.origin))
            }
        case (.named(let list), .named(let section)):
            line(start)
            for named in list {
                line(indent(depth + 1) + "\(named.name):", "\(named.place.file):\(named.place.line)")
                write(named.fields, section, depth: depth + 2)
            }
        case (.list(let list), .list(let element, _)):
            line(start)
            for found in list { writeElement(found, element, depth: depth + 1) }
        default:
            line("\(start) \(found.value.text ?? "")", Self.origin(found.origin))
        }
    }

    private mutating func writeElement(_ found: Value.Found, _ kind: Kind, depth: Int) {
        guard case .fields(let fields) = found.value, let section = kind.section else {
            line("\(indent(depth))- \(found.value.text ?? "")", Self.origin(found.origin))
            return
        }
        let pairs = section.present.compactMap { key in
            fields[key.name].flatMap { $0.value.text }.map { "\(key.name): \($0)" }
        }
        line("\(indent(depth))- {\(pairs.joined(separator: ", "))}", Self.origin(found.origin))
    }

    private func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

    private mutating func line(_ content: String, _ comment: String? = nil) {
        text += content
        if let comment {
            text +=
                String(repeating: " ", count: max(1, Self.commentColumn - content.count)) + "# "
                + ErrorText.line(comment)
        }
        text += "\n"
    }

    private static func origin(_ origin: Origin) -> String {
        switch origin {
        case .file(let place): "\(place.file):\(place.line)"
        case .defaults(let place): "defaults, \(place.file):\(place.line)"
        case .builtIn: "built in"
        }
    }
}
