import Glibc
import Top

/// One line on standard error that changes while something is waited for; nothing where that is no terminal.
struct ProgressLine {
    private let isShown = isatty(STDERR_FILENO) == 1 && Output.terminalHasStyles

    /// Replaces the line, cut to the terminal's width.
    func show(_ text: @autoclosure () -> String) {
        guard isShown else { return }
        let columns = Output.terminalSize(STDERR_FILENO)?.columns ?? Output.standardColumns
        StandardError.write("\r\(Line(text()).cut(to: columns - 1).text)\u{1B}[K")
    }

    /// Removes it.
    func end() {
        if isShown { StandardError.write("\r\u{1B}[K") }
    }
}

/// Standard error, for text that is no complete line.
enum StandardError {
    static func write(_ text: String) {
        _ = unsafe text.utf8.withContiguousStorageIfAvailable {
            unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
        }
    }
}
