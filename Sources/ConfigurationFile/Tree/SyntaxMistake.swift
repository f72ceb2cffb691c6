import Yams

/// What the library says about a text that is no YAML, in the words of somebody who has written one.
enum SyntaxMistake {
    static func report(_ error: YamlError, in source: SourceText, _ mistakes: inout MistakeList) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if let row = source.lines.firstIndex(where: isConflict) {
                mistakes.add(
                    Place(file: source.file, line: row + 1, column: 1), .top,
                    "this is the mark of a merge that was not finished: keep one of the two versions, and no mark")
                return
            }
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

    /// Lines that version control leaves where two changes conflict.
    private static func isConflict(_ line: [Unicode.Scalar]) -> Bool {
        line.count >= conflictMarks && ["<", ">"].contains(line[0])
            && line.prefix(conflictMarks).allSatisfy { $0 == line[0] }
    }

    private static let conflictMarks = 7

    /// A character that looks like a space or colon and is none for YAML.
    private static func lookalike(_ line: [Unicode.Scalar]) -> String? {
        let names: [Unicode.Scalar: String] = [
            "\u{A0}": "a no-break space (U+00A0)", "\u{202F}": "a narrow no-break space (U+202F)",
            "\u{3000}": "a wide space (U+3000)", "\u{FF1A}": "a wide colon (U+FF1A)",
        ]
        return line.lazy.compactMap { names[$0] }.first
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
            if let character = source.lines.lazy.dropFirst(max(0, place.line - 2)).prefix(2).compactMap(lookalike).first
            {
                return "there is \(character) here: write a plain one, as in 'key: value'"
            }
            let key = context.map { " after the key of line \($0.mark.line)" } ?? ""
            return "there is no ':'\(key): write 'key: value', with a space after the colon"
        case "did not find expected ',' or ']'": return "the '[' is not closed\(start): add ']' or ','"
        case "did not find expected ',' or '}'": return "the '{' is not closed\(start): add '}' or ','"
        case "found unexpected end of stream":
            let start = context.map { ": they begin at line \($0.mark.line), column \($0.mark.column)" } ?? ""
            return "the quotes are not closed\(start)"
        case "did not find expected <document start>":
            return
                "nothing can follow here, since what stands before is a whole value: a file is one map, with a line "
                + "'key: value' for each key"
        case "did not find expected alphabetic or numeric character":
            return
                "what begins with '*' stands for an anchor: write 0.0.0.0:PORT for every address, or quotes around the "
                + "value"
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
