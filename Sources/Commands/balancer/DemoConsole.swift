import Glibc
import Reactor

/// Draws what the demo shows: aligned, and in colour where that is welcome.
struct DemoConsole {
    private let isColoured: Bool

    /// The width of the left terminal of a pair, in columns.
    private static let column = 38

    /// Colour on a terminal, unless NO_COLOR is set (https://no-color.org) or the terminal has none.
    init() {
        let refused = unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
        let isDumb = unsafe getenv("TERM").map { unsafe String(cString: $0) == "dumb" } ?? true
        isColoured = isatty(1) == 1 && !refused && !isDumb
    }

    enum Style: String {
        case plain = ""
        case strong = "1"
        case faint = "2"
        case bad = "31"
        case good = "32"
        case warning = "33"
        case name = "36"
    }

    /// The text in a style, closed again.
    func styled(_ text: String, _ style: Style) -> String {
        isColoured && style != .plain && !text.isEmpty ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Prints a line and lets it be seen at once.
    func line(_ text: String = "") {
        var bytes = Array((text + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
            if count <= 0, errno != EINTR { return }
            bytes.removeFirst(max(0, count))
        }
    }

    func heading(_ number: Int, _ text: String) {
        line()
        line(styled("\(number). \(text)", .strong))
    }

    /// Shows a line that the balancer printed.
    func quote(_ text: String) {
        line(quotation(text))
    }

    /// A line that the balancer printed, as the demo shows it.
    func quotation(_ text: String) -> String {
        let style: Style =
            if text.hasSuffix("alive") { .good } else if text.hasSuffix("dead") { .bad } else if text.hasSuffix("bad") {
                .warning
            } else { .plain }
        return "   \(styled("|", .faint)) \(styled(text, style))"
    }

    /// Name and value in two columns.
    func field(_ name: String, _ value: String, _ style: Style = .plain) {
        line("   \(styled(padded(name, 12), .name))\(styled(value, style))")
    }

    /// Two terminals side by side: what was typed is faint, what came back is not.
    func terminals(_ left: (title: String, lines: [DemoLine]), _ right: (title: String, lines: [DemoLine])) {
        line("   \(styled(padded(left.title, Self.column), .name))\(styled(right.title, .name))")
        for place in 0..<max(left.lines.count, right.lines.count) {
            let first = place < left.lines.count ? left.lines[place] : DemoLine(text: "", isTyped: false)
            let second = place < right.lines.count ? right.lines[place] : DemoLine(text: "", isTyped: false)
            let columns = styled(padded(first.text, Self.column), first.style) + styled(second.text, second.style)
            line("   \(columns)".trimmingTrailingSpaces)
        }
        line()
    }

    func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}

/// A line on a client's terminal.
struct DemoLine {
    var text: String
    /// Typed by its user; otherwise received.
    var isTyped: Bool

    var style: DemoConsole.Style { isTyped ? .faint : .plain }
}

extension String {
    /// The text without spaces at its end.
    var trimmingTrailingSpaces: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
