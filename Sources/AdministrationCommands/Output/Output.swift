import Glibc
import Reactor
import Top

/// Standard output as it is now: how wide, and with which styles.
struct Output {
    /// The width of the terminal; nil of a file or a pipe, whose lines are not cut.
    let columns: Int?
    private let isStyled: Bool
    private let isColoured: Bool

    /// The width for text that has to be broken somewhere, where there is no terminal.
    static let standardColumns = 80

    /// Looks at the descriptor and the environment.
    init() {
        columns = Self.terminalSize(STDOUT_FILENO)?.columns
        isStyled = columns != nil && Self.terminalHasStyles
        isColoured = isStyled && Self.wantsColour
    }

    /// False when the environment asks for no colour: https://no-color.org.
    static var wantsColour: Bool { (Environment.value("NO_COLOR") ?? "").isEmpty }

    /// False of a terminal without control sequences.
    static var terminalHasStyles: Bool {
        let kind = Environment.value("TERM") ?? ""
        return !kind.isEmpty && kind != "dumb"
    }

    /// The size of the terminal that a descriptor leads to; nil when it is none.
    static func terminalSize(_ descriptor: CInt) -> (columns: Int, rows: Int)? {
        guard isatty(descriptor) == 1 else { return nil }
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (standardColumns, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Prints lines, with their styles where a terminal shows them.
    func print(_ lines: [Line]) {
        for line in lines { Swift.print(isStyled ? line.written(colour: isColoured) : line.text) }
    }
}
