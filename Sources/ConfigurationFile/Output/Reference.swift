import Wording

/// The reference of every key, in Markdown: docs/configuration.md has it between two marks, and a test compares them.
public enum Reference {
    /// The tables of all sections, with a heading each.
    public static var markdown: String {
        Section.all.map(table).joined(separator: "\n")
    }

    private static func table(_ section: Section) -> String {
        var lines = ["### \(heading(section))", "", section.summary, ""]
        lines += ["| key | value | without it | meaning | example |", "|---|---|---|---|---|"]
        for key in section.present {
            let condition = key.circumstances("`").map { " \($0)" } ?? ""
            let cells = [
                "`\(key.name)`", cell(kind(key.kind)), cell(absence(key)), cell(key.summary + condition),
                "`\(cell(key.example))`",
            ]
            lines.append("| \(cells.joined(separator: " | ")) |")
        }
        let later = section.keys.filter(\.isLater).map { "`\($0.name)`" }
        if !later.isEmpty {
            lines += ["", "Not known to this version, and rejected: \(later.joined(separator: ", "))."]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func heading(_ section: Section) -> String {
        switch section.title {
        case "the file": "The file"
        case "a listener": "listeners.NAME"
        case "an address to listen on": "listeners.NAME.bind"
        case "a pool": "pools.NAME"
        case "a backend": "pools.NAME.backends"
        case Section.discoveredByName.title: "pools.NAME.backends with dns"
        case Section.discoveredByService.title: "pools.NAME.backends with srv"
        case Section.discoveredByFile.title: "pools.NAME.backends with file"
        case "check", "agent", "passive", "queue", "rebalance", "retries", "source_hash": "pools.NAME.\(section.title)"
        case "limits": "listeners.NAME.limits"
        case "per_client": "listeners.NAME.limits.per_client"
        case "server_name": "listeners.NAME.server_name"
        case Section.networkFile.title: "listeners.NAME.allow and deny with file"
        case Section.proxyAccept.title: "listeners.NAME.proxy_protocol"
        case Section.proxySend.title: "pools.NAME.proxy_protocol"
        case Section.exchangeStep.title: "pools.NAME.check.steps"
        default: section.title
        }
    }

    private static func kind(_ kind: Kind) -> String {
        switch kind {
        case .duration(let range, let words):
            (["\(DurationRange(range))"] + words.map { "`\($0)`" }).joined(separator: ", ")
        case .count(let range, _) where range.count == 1: "\(range.lowerBound)"
        case .count(let range, let words):
            (["\(NumberRange(range))"] + words.map { "`\($0)`" }).joined(separator: ", ")
        case .share(let range): ShareText.needed(range)
        case .word(let words, _): words.map { "`\($0)`" }.joined(separator: ", ")
        case .flag: "`true`, `false`"
        case .text(let form): form.needed
        case .section: "a map, see below"
        case .named(let section): "a map from names to \(section.title) each, see below"
        case .routes(_, let most): "\(ScalarReader.needed(kind)); at most \(most)"
        case .forms(let usual, let sections):
            "\(self.kind(usual)); or a map with \(sections.map { "`\($0.mark)`" }.joined(separator: " or ")), see below"
        case .list(.either(let form, _), let most): "\(form.needed); or a map, see below; or a list of at most \(most)"
        case .list(.section, let most): "a map, see below; or a list of at most \(most)"
        case .list(let element, let most): "\(self.kind(element)); or a list of at most \(most)"
        case .either(let form, _): "\(form.needed); or a map, see below"
        case .later: ""
        }
    }

    private static func absence(_ key: Key) -> String {
        switch key.absence {
        case .required: "must be there" + (key.substitute.map { ", unless `\($0)` is" } ?? "")
        case .standard(let text): text.isEmpty ? "see below" : "`\(text)`"
        case .nothing(let meaning): meaning
        case .inherited: "as in `defaults`"
        }
    }

    /// A cell of a table is one line, and a bar would end it.
    private static func cell(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ").split(separator: "|").joined(separator: "\\|")
    }
}
