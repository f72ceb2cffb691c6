import Glibc
import Reactor

/// A terminal whose keys reach the program one by one, and are not echoed; as it was before once this value ends.
///
/// Its keys make no signals (Ctrl-C is a byte) and do not stop the output (Ctrl-S). What the program writes is still
/// translated by the terminal: a line feed begins a new row. Source: termios(3).
public struct Terminal: ~Copyable {
    private let input: CInt
    private let output: CInt
    private let saved: termios
    /// False when there is no terminal to edit at; then nothing was changed.
    public let isActive: Bool

    /// The width assumed of a terminal that reports none.
    private static let standardColumns = 80

    /// Takes over the terminal, if `input` and `output` are one.
    public init(input: CInt, output: CInt) {
        var settings = termios()
        isActive = unsafe isatty(input) == 1 && isatty(output) == 1 && tcgetattr(input, &settings) == 0
        saved = settings
        self.input = input
        self.output = output
        guard isActive else { return }
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        settings.c_iflag &= ~tcflag_t(IXON)
        unsafe withUnsafeMutableBytes(of: &settings.c_cc) {
            unsafe $0[Int(VMIN)] = 1
            unsafe $0[Int(VTIME)] = 0
        }
        _ = unsafe tcsetattr(input, TCSADRAIN, &settings)
    }

    deinit {
        guard isActive else { return }
        var settings = saved
        _ = unsafe tcsetattr(input, TCSADRAIN, &settings)
    }

    /// The width of the window in columns, now.
    public var columns: Int {
        var size = winsize()
        guard unsafe ioctl(output, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return Self.standardColumns }
        return Int(size.ws_col)
    }
}
