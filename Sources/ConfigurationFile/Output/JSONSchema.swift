import Wording

/// The JSON Schema of the format (draft 2020-12), for editors: made from the same table as the decoder.
///
/// It says the structure, the words and the bounds of numbers. What it cannot say (references, addresses that exclude each
/// other, bounds of durations) `balancer check` finds.
public enum JSONSchema {
    /// The schema, as JSON text with a line break at its end.
    public static var text: String {
        let pairs: [(String, JSON)] = [
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            ("title", .string("Configuration of balancer")),
        ]
        return JSON.object(pairs + object(.file)).text(depth: 0) + "\n"
    }

    /// A text with a variable in it may become anything.
    private static let variable: JSON = .object([("type", .string("string")), ("pattern", .string("\\$"))])

    private static func object(_ section: Section) -> [(String, JSON)] {
        var pairs: [(String, JSON)] = [
            ("type", .string("object")), ("description", .string(section.summary)),
            ("additionalProperties", .bool(false)),
        ]
        if section.allowsExtensions { pairs.append(("patternProperties", .object([("^x-", .bool(true))]))) }
        let required = section.keys.filter { $0.isRequired && $0.substitute == nil }.map { JSON.string($0.name) }
        if !required.isEmpty { pairs.append(("required", .array(required))) }
        func each(_ names: [String]) -> JSON { .array(names.map { .object([("required", .array([.string($0)]))]) }) }
        let either = section.keys.compactMap { key in key.substitute.map { [key.name, $0] } }
        for names in [section.oneOf] + either where !names.isEmpty { pairs.append(("oneOf", each(names))) }
        if !section.anyOf.isEmpty { pairs.append(("anyOf", each(section.anyOf))) }
        // `<<` is resolved before: a validator sees the map with what was merged into it.
        pairs.append(("properties", .object(section.present.map { ($0.name, property($0)) })))
        return pairs
    }

    private static func property(_ key: Key) -> JSON {
        var pairs: [(String, JSON)] = [("description", .string(plain(key)))]
        if case .standard(let text) = key.absence, !text.isEmpty { pairs.append(("default", value(text, key.kind))) }
        if case .inherited(.value(let text)) = key.absence { pairs.append(("default", value(text, key.kind))) }
        return .object(pairs + schema(key.kind))
    }

    private static func plain(_ key: Key) -> String {
        var text = key.summary.filter { $0 != "`" }
        if case .nothing(let meaning) = key.absence { text += " Default: \(meaning.filter { $0 != "`" })." }
        if let circumstances = key.circumstances("'") { text += " \(circumstances)" }
        return text
    }

    private static func value(_ text: String, _ kind: Kind) -> JSON {
        switch kind {
        case .count: Int(text).map { .number($0) } ?? .string(text)
        case .flag: .bool(text == "true")
        default: .string(text)
        }
    }

    private static func schema(_ kind: Kind) -> [(String, JSON)] {
        switch kind {
        case .duration(let range, let words):
            let units = range.upperBound <= .seconds(1) ? "(us|ms)" : "(ms|s|m|h|d)"
            let times = JSON.object([
                ("type", .string("string")), ("pattern", .string("^[0-9]+(\\.[0-9]+)?\(units)$")),
            ])
            return [("anyOf", .array([times, variable] + enumeration(words)))]
        case .count(let range, let words):
            let numbers = JSON.object([
                ("type", .string("integer")), ("minimum", .number(range.lowerBound)),
                ("maximum", .number(range.upperBound)),
            ])
            return [("anyOf", .array([numbers, variable] + enumeration(words)))]
        case .share:
            let shares = JSON.object([("type", .string("string")), ("pattern", .string("^[0-9]+(\\.[0-9]+)?%$"))])
            return [("anyOf", .array([shares, variable]))]
        case .word(let words, _): return [("anyOf", .array(enumeration(words) + [variable]))]
        case .flag: return [("anyOf", .array([.object([("type", .string("boolean"))]), variable]))]
        case .text(let form): return text(form)
        case .section(let section):
            // `defaults:` with every key behind a comment is nothing, and no mistake.
            return [("anyOf", .array([.object(object(section)), .object([("type", .string("null"))])]))]
        case .named(let section):
            return [
                ("type", .string("object")), ("minProperties", .number(1)),
                ("propertyNames", .object([("pattern", .string("^[A-Za-z0-9._-]{1,\(FileLimits.nameBytesMax)}$"))])),
                ("additionalProperties", .object(object(section))),
            ]
        case .routes(_, let most):
            return [
                ("type", .string("object")), ("minProperties", .number(1)), ("maxProperties", .number(most)),
                ("additionalProperties", .object(text(.name))),
            ]
        case .list(let element, let most):
            let one = JSON.object(schema(element))
            let list = JSON.object([
                ("type", .string("array")), ("minItems", .number(1)), ("maxItems", .number(most)), ("items", one),
            ])
            return [("anyOf", .array([one, list]))]
        case .either(let form, let section):
            return [("anyOf", .array([.object(text(form)), .object(object(section))]))]
        case .forms(let usual, let sections):
            return [("anyOf", .array(([schema(usual)] + sections.map(object)).map { .object($0) }))]
        case .later: return [("not", .object([]))]
        }
    }

    private static func text(_ form: TextForm) -> [(String, JSON)] {
        let types: JSON = .array([.string("string"), .string("integer")])
        return [("type", types), ("description", .string("Needed: \(form.needed)."))]
    }

    private static func enumeration(_ words: [String]) -> [JSON] {
        words.isEmpty ? [] : [.object([("enum", .array(words.map { .string($0) }))])]
    }
}

/// JSON with its keys in their order.
enum JSON {
    case string(String)
    case number(Int)
    case bool(Bool)
    case array([JSON])
    case object([(String, JSON)])

    func text(depth: Int) -> String {
        let indent = String(repeating: "  ", count: depth + 1)
        let end = String(repeating: "  ", count: depth)
        func lines(_ parts: [String], _ brackets: (String, String)) -> String {
            guard !parts.isEmpty else { return brackets.0 + brackets.1 }
            return brackets.0 + "\n" + parts.map { indent + $0 }.joined(separator: ",\n") + "\n" + end + brackets.1
        }
        return switch self {
        case .string(let text): YAMLWriter.string(text)
        case .number(let number): String(number)
        case .bool(let flag): String(flag)
        case .array(let list): lines(list.map { $0.text(depth: depth + 1) }, ("[", "]"))
        case .object(let pairs):
            lines(pairs.map { "\(YAMLWriter.string($0)): \($1.text(depth: depth + 1))" }, ("{", "}"))
        }
    }
}
