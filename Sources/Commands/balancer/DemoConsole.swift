import Glibc
import Reactor

/// Prints the demo's text, aligned, and in colour if the terminal supports it.
struct DemoConsole {
    private let isColoured: Bool
    /// How many lines were printed since the last pause.
    private(set) var unreadLines = 0
    private var fault: OutputFault?

    /// Standard output does not take a line.
    struct OutputFault: Error {
        let errno: Errno
    }

    /// The width of the left terminal of a pair, in columns.
    private static let column = 38

    /// Uses colour on a terminal, unless NO_COLOR is set (https://no-color.org) or the terminal has no colours.
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

    /// The text with the escape sequences of a style around it.
    func styled(_ text: String, _ style: Style) -> String {
        isColoured && style != .plain && !text.isEmpty ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Prints a line without buffering.
    mutating func line(_ text: String = "") {
        unreadLines += 1
        var bytes = Array((text + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
            if count <= 0, errno != EINTR {
                fault = OutputFault(errno: Errno(rawValue: errno))
                return
            }
            bytes.removeFirst(max(0, count))
        }
    }

    /// Throws when a line could not be printed.
    func check() throws(OutputFault) {
        if let fault { throw fault }
    }

    /// The lines so far have been read.
    mutating func markRead() { unreadLines = 0 }

    mutating func heading(_ number: Int, _ text: String) {
        line()
        line(styled("\(number). \(text)", .strong))
    }

    /// Prints a line of the balancer's output as a quotation.
    mutating func quote(_ text: String) {
        line(quotation(text))
    }

    /// A line of the balancer's output, marked and coloured as a quotation.
    func quotation(_ text: String) -> String {
        let style: Style =
            if text.hasSuffix("alive") { .good } else if text.hasSuffix("dead") { .bad } else if text.hasSuffix("bad") {
                .warning
            } else { .plain }
        return "   \(styled("|", .faint)) \(styled(text, style))"
    }

    /// Prints a name and a value in two columns.
    mutating func field(_ name: String, _ value: String, _ style: Style = .plain) {
        line("   \(styled(padded(name, 12), .name))\(styled(value, style))")
    }

    /// Prints two terminals side by side, typed lines faint and received lines plain.
    mutating func terminals(_ left: (title: String, lines: [DemoLine]), _ right: (title: String, lines: [DemoLine])) {
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
    /// True when the client's user typed the line, false when it was received.
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
