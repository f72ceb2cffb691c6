import Yams

/// What the library says about a text that is no YAML, in the words of somebody who has written one.
enum SyntaxMistake {
    static func report(_ error: YamlError, in source: SourceText, _ mistakes: inout MistakeList) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = place(mark, in: source)
            let reason = explain(problem, at: place, context, in: source)
            mistakes.add(place, .top, reason)
        case .reader(let problem, _, _, _):
            mistakes.add(file: source.file, "it is no YAML: \(problem)")
        case .memory:
            mistakes.add(file: source.file, "there is not enough memory to read it")
        default:
            mistakes.add(file: source.file, "it is no YAML")
        }
    }

    /// An error at the end of the text has the line after the last one: it is shown at the last that has something.
    private static func place(_ mark: Mark, in source: SourceText) -> Place {
        guard mark.line > source.lines.count || mark.line == source.lines.count && source.lines.last?.isEmpty == true,
            let row = source.lines.lastIndex(where: { !$0.isEmpty })
        else { return Place(file: source.file, line: max(1, mark.line), column: max(1, mark.column)) }
        return Place(file: source.file, line: row + 1, column: source.lines[row].count + 1)
    }

    private static func explain(
        _ problem: String, at place: Place, _ context: YamlError.Context?, in source: SourceText
    ) -> String {
        let line = source.lines.indices.contains(place.line - 1) ? source.lines[place.line - 1] : []
        let scalar = line.indices.contains(place.column - 1) ? line[place.column - 1] : nil
        let start = context.map { " (it begins at line \($0.mark.line), column \($0.mark.column))" } ?? ""
        let isIndentedByTab = line.prefix { $0 == " " || $0 == "\t" }.contains("\t")
        switch problem {
        case _ where problem.contains("tab character"), _ where isIndentedByTab && scalar == "\t":
            return "a tab: YAML is indented with spaces only"
        case "found character that cannot start any token":
            let character = scalar.map { "'\(Character($0))'" } ?? "this character"
            return "no value begins with \(character): write the value within quotes"
        case "mapping values are not allowed in this context":
            return
                "no key can stand here: look for a ':' that is missing in the line before, indent both lines alike, or "
                + "write a value that has ': ' in it within quotes"
        case "block sequence entries are not allowed in this context":
            return "no '-' can stand here: begin the list on a line of its own"
        case "did not find expected key":
            return
                "this line does not belong to the map around it\(start): indent it like the keys of one map, and look "
                + "for quotes before it that are not closed"
        case "did not find expected '-' indicator":
            return
                "this line does not belong to the list around it\(start): begin it with '- ', or indent it like the keys "
                + "of one map"
        case "could not find expected ':'":
            let key = context.map { " after the key of line \($0.mark.line)" } ?? ""
            return "there is no ':'\(key): write 'key: value', with a space after the colon"
        case "did not find expected ',' or ']'": return "the '[' is not closed\(start): add ']' or ','"
        case "did not find expected ',' or '}'": return "the '{' is not closed\(start): add '}' or ','"
        case "found unexpected end of stream": return "the quotes are not closed\(start)"
        case "found undefined alias":
            let name = String(
                String.UnicodeScalarView(line.dropFirst(place.column).prefix { !" ,]}".unicodeScalars.contains($0) }))
            return "there is no anchor '&\(name)' before this line: write &\(name) at the value that is meant"
        case "did not find expected node content":
            return "a value is missing here: write one, or quotes around an address that begins with '['"
        case "found unknown escape character":
            return
                "no character is written like this within double quotes: write \\\\ for a backslash, or use single quotes"
        case "but found another document": return "a second document begins here: a file holds one"
        case _ where problem.hasPrefix("Maximum nesting level"): return "values stand too deep within each other"
        default:
            return "this is no YAML: \(problem)\(context.map { " \($0.text)" } ?? "")"
        }
    }
}
