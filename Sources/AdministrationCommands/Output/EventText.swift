import AdministrationAPI
import Top

/// An event as a line of text, like those of the log (docs/log.md): time, level, event, what it is about, words.
enum EventText {
    /// Fields that say what an event is about, or who has made it, in the order of the log. The others stand among the
    /// words.
    private static let subjects = ["id", "listener", "pool", "client", "backend", "address", "by"]

    /// One line, whatever the fields have in them.
    static func line(_ event: EventRow) -> String {
        var text = "\(ShownText.plain(event.time)) \(ShownText.plain(event.level)) \(ShownText.plain(event.event))"
        for name in subjects {
            guard let value = event.fields[name] else { continue }
            text += " \(name)=\(quoted(value))"
        }
        return "\(text) \(ShownText.plain(event.message))"
    }

    /// In double quotes where the log writes them.
    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.utf8.allSatisfy { byte in
                (0x21..<0x7F).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
            }
        if isPlain { return value }
        let escaped = value.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        return "\"\(ShownText.plain(escaped))\""
    }
}
