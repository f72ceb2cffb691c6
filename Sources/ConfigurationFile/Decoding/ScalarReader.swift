import Balancer
import Reactor
import Wording

/// Reads one value that is a word or line.
struct ScalarReader {
    let surroundings: Surroundings
    /// Why the value is wrong, and what is right.
    private(set) var reason = ""
    /// What is allowed, where that is a list.
    private(set) var allowed: String?

    init(surroundings: Surroundings) {
        self.surroundings = surroundings
    }

    /// The value; nil leaves why in ``reason``.
    mutating func read(_ scalar: Node.Scalar, _ kind: Kind) -> Value? {
        let text = scalar.text
        switch kind {
        case .duration(let range, let words):
            if words.contains(text) { return .word(text) }
            return duration(text, range, words)
        case .count(let range, let words):
            if words.contains(text) { return .word(text) }
            // What begins with 0 is octal in YAML 1.1, and decimal in YAML 1.2: nobody is to guess.
            let isOctal = text.count > 1 && text.hasPrefix("0")
            if isPlainNumber(text), !isOctal, let number = Int(text), range.contains(number) { return .count(number) }
            reason = "\(Self.needed(kind)) is needed" + (isOctal ? ", without a 0 before it" : "")
        case .word(let words, let later):
            if words.contains(text) { return .word(text) }
            reason =
                later.contains(text)
                ? "this version does not know it yet"
                : "no such word" + (Suggestion.question(text, among: words).map { "; \($0)" } ?? "")
            allowed = words.joined(separator: ", ")
        case .share(let range):
            if let share = ShareText.parse(text), range.contains(share) { return .share(share) }
            reason = "\(Self.needed(kind)) is needed"
        case .flag:
            if let flag = Bool(text) { return .flag(flag) }
            let meant = ["yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"]
            reason = "true or false is needed"
            if let word = meant[text.lowercased()] ?? Kind.trueFalse.first(where: { $0 == text.lowercased() }) {
                reason += "; did you mean '\(word)'?"
            }
        case .text(let form), .either(let form, _):
            return self.text(text, form)
        case .forms(let usual, _):
            return read(scalar, usual)
        case .list(let element, _):
            return read(scalar, element).map { .list([.init(value: $0, origin: .builtIn)]) }
        case .section, .named, .routes, .later: break
        }
        return nil
    }

    /// What is needed, for a message that something else is there.
    static func needed(_ kind: Kind) -> String {
        func or(_ words: [String]) -> String { words.map { ", or \($0)" }.joined() }
        return switch kind {
        case .duration(let range, let words): "a duration from \(DurationRange(range))\(or(words))"
        case .count(let range, _) where range.count == 1: "\(range.lowerBound)"
        case .count(let range, let words): "a number from \(NumberRange(range))\(or(words))"
        case .share(let range): ShareText.needed(range)
        case .word(let words, _): words.count == 1 ? words[0] : "one of \(words.joined(separator: ", "))"
        case .flag: "true or false"
        case .text(let form): form.needed
        case .either(let form, let section):
            "\(form.needed), or a map with \(section.oneOf.isEmpty ? section.present[0].name : section.oneOf.joined(separator: " or "))"
        case .list(let element, _): "\(needed(element)), or a list of such"
        case .routes(let keys, _): "a map from \(keys.several), to pools"
        case .forms(let usual, let sections):
            "\(needed(usual)), or a map with one of \(sections.map(\.mark).joined(separator: ", "))"
        case .section(let section), .named(let section): section.title
        case .later: "nothing"
        }
    }

    /// Why a text is no name; nil when it is one.
    static func wrongName(_ text: String) -> String? {
        let isName = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        // A path of the API has names in it, and these two mean something else there.
        guard text != ".", text != ".." else { return "a name other than '.' and '..' is needed" }
        guard !text.isEmpty, isName, text.utf8.count <= FileLimits.nameBytesMax else {
            return "\(TextForm.name.needed) is needed"
        }
        return nil
    }

    private mutating func duration(_ text: String, _ range: ClosedRange<Duration>, _ words: [String]) -> Value? {
        if isPlainNumber(text), !text.isEmpty, text.utf8.count <= 10 {
            let unit = range.upperBound <= .seconds(1) ? "us" : "s"
            reason = "it has no unit: write \(text)\(unit) or \(text)ms"
            return nil
        }
        do throws(ArgumentFault) {
            return .duration(try DurationRange(range).parse(text))
        } catch {
            reason = error.description + words.map { "; or \($0)" }.joined()
            return nil
        }
    }

    private func isPlainNumber(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    // MARK: texts

    private mutating func text(_ text: String, _ form: TextForm) -> Value? {
        do throws(ArgumentFault) {
            switch form {
            case .bind: return .bind(try AddressForms.bind(text))
            case .backend: return .backend(try AddressForms.backend(text))
            case .source: return .source(try AddressForms.source(text))
            case .socketPath:
                guard (1...TextForm.pathBytesMax).contains(text.utf8.count), !text.hasPrefix("@"),
                    !text.utf8.contains(0)
                else { throw ArgumentFault("\(form.needed) is needed") }
                return .text(text)
            case .mode:
                guard (3...4).contains(text.utf8.count), isPlainNumber(text), let mode = UInt32(text, radix: 8),
                    mode <= 0o777
                else { throw ArgumentFault("\(form.needed) is needed") }
                return .mode(mode)
            case .user: return try identity(text, form, surroundings.user, "user", "getent passwd")
            case .group: return try identity(text, form, surroundings.group, "group", "getent group")
            case .name:
                if let reason = Self.wrongName(text) { throw ArgumentFault(reason) }
                return .text(text)
            case .removal: return .removal(try removal(text))
            case .nameAndPort: return .nameAndPort(try AddressForms.nameAndPort(text))
            case .service: return .service(try AddressForms.service(text))
            case .logDestination: return .text(try logDestination(text))
            case .bytes: return .bytes(try bytes(text))
            case .status: return .statuses(try statuses(text))
            case .httpPath, .httpHost:
                guard isWord(text), text.hasPrefix("/") || form == .httpHost, !text.contains("/") || form == .httpPath
                else { throw ArgumentFault("\(form.needed) is needed") }
                return .text(text)
            case .network, .rate, .serverName, .protocolName, .poolOrClose, .proxyVersion:
                return try PrefaceForms.read(text, form)
            case .socketName, .include, .list:
                guard !text.isEmpty, !text.utf8.contains(0) else { throw ArgumentFault("\(form.needed) is needed") }
                return .text(text)
            }
        } catch {
            reason = error.description
            return nil
        }
    }

    private func identity(
        _ text: String, _ form: TextForm, _ find: (String) -> UInt32?, _ what: String, _ command: String
    ) throws(ArgumentFault) -> Value {
        if isPlainNumber(text), let number = UInt32(text), number < .max { return .identity(number, written: text) }
        guard !text.isEmpty, !text.utf8.contains(0), let number = find(text) else {
            throw ArgumentFault("this machine has no such \(what) (`\(command)` lists them)")
        }
        return .identity(number, written: text)
    }

    private func logDestination(_ text: String) throws(ArgumentFault) -> String {
        if Document.Log.words[text] != nil { return text }
        guard text.utf8.contains(UInt8(ascii: "/")), !text.utf8.contains(0), text.utf8.last != UInt8(ascii: "/")
        else {
            let words = Document.Log.words.keys.sorted()
            throw ArgumentFault(
                "\(TextForm.logDestination.needed) is needed"
                    + (Suggestion.question(text, among: words).map { "; \($0)" } ?? ""))
        }
        return text
    }

    private func bytes(_ text: String) throws(ArgumentFault) -> [UInt8] {
        do throws(EscapedBytes.Fault) {
            let bytes = try EscapedBytes.parse(text)
            if (1...Limits.exchangeBytesMax).contains(bytes.count) { return bytes }
        } catch {
            throw ArgumentFault(error.reason)
        }
        throw ArgumentFault("\(TextForm.bytes.needed) is needed")
    }

    /// `200`, `200-399`
    private func statuses(_ text: String) throws(ArgumentFault) -> ClosedRange<Int> {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { isPlainNumber(String($0)) ? Int($0) : nil }
        guard numbers.count == parts.count, numbers.count <= 2, let first = numbers.first, let last = numbers.last,
            numbers.allSatisfy(Configuration.HTTPCheck.statusRange.contains), first <= last
        else { throw ArgumentFault("\(TextForm.status.needed) is needed") }
        return first...last
    }

    /// Nothing that ends a word or line of a request.
    private func isWord(_ text: String) -> Bool {
        (1...Limits.exchangeBytesMax).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21..<0x7F).contains($0) }
    }

    private func removal(_ text: String) throws(ArgumentFault) -> Document.Removal {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        switch (words.first, words.count) {
        case ("keep", 1): return .keep
        case ("close", 1): return .close
        case ("drain", 2):
            guard !isPlainNumber(String(words[1])) else {
                throw ArgumentFault("the time has no unit: write drain \(words[1])s")
            }
            return .drain(try DurationRange(Document.Removal.times).parse(String(words[1])))
        default: throw ArgumentFault("\(TextForm.removal.needed) is needed")
        }
    }
}

extension TextForm {
    /// The longest path of a Unix socket that is made.
    static let pathBytesMax = SocketFile.pathBytesMax
}
