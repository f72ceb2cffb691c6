import CommandSupport
import Glibc
import Reactor

/// The terminal while `top` has it: another screen, without a cursor, whose keys come one by one. As it was before
/// after ``leave()``, and once this value ends.
struct TopTerminal: ~Copyable {
    private let saved: termios
    private let output = OutputStream(number: STDOUT_FILENO)
    private var isEntered = false
    /// What the terminal has not taken yet.
    private var waiting: [UInt8] = []

    /// The alternate screen, no cursor, and no wrap: a character that is wider than expected moves no row.
    private static let enterSequence = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    private static let leaveSequence = "\u{1B}[0m\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"
    /// How long the terminal may take for the last bytes.
    private static let leaveMilliseconds: CInt = 1000

    /// Remembers how the terminal is; changes nothing yet.
    init() throws(SystemCallError) {
        var settings = termios()
        guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else {
            throw SystemCallError(call: "tcgetattr", errno: Errno(rawValue: errno))
        }
        saved = settings
    }

    deinit {
        // A deinitializer cannot call a mutating function.
        if isEntered { Self.restore(saved, output, after: waiting) }
    }

    /// Takes the terminal over; also again, after a shell has had it. Its signals stay off, so that Ctrl-C and Ctrl-Z
    /// are keys.
    mutating func enter() {
        var settings = saved
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        settings.c_iflag &= ~tcflag_t(IXON | ICRNL)
        unsafe withUnsafeMutableBytes(of: &settings.c_cc) {
            unsafe $0[Int(VMIN)] = 1
            unsafe $0[Int(VTIME)] = 0
        }
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        isEntered = true
        // An error shows with the first picture.
        _ = write(Self.enterSequence)
    }

    /// Gives the terminal back as it was.
    mutating func leave() {
        guard isEntered else { return }
        isEntered = false
        Self.restore(saved, output, after: waiting)
        waiting = []
    }

    private static func restore(_ saved: termios, _ output: borrowing OutputStream, after waiting: [UInt8]) {
        var rest = waiting + Array(leaveSequence.utf8)
        while !rest.isEmpty, write(&rest, output) == nil {
            if !rest.isEmpty, !output.waitForRoom(milliseconds: leaveMilliseconds) { break }
        }
        var settings = saved
        // At once: a terminal that takes nothing more would never be drained.
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    /// Asks for an event whenever the terminal takes more.
    func add(to poller: borrowing Poller, _ token: Token) { output.add(to: poller, token) }

    /// The terminal has taken all that was written.
    var isIdle: Bool { waiting.isEmpty }

    /// Writes what the terminal takes now of the text and of what waits; returns its error, or nil.
    mutating func write(_ text: String) -> Errno? {
        waiting += text.utf8
        return Self.write(&waiting, output)
    }

    private static func write(_ bytes: inout [UInt8], _ output: borrowing OutputStream) -> Errno? {
        while !bytes.isEmpty {
            let result = unsafe bytes.withUnsafeBytes { unsafe output.write($0) }
            switch result {
            case .bytes(let count): bytes.removeFirst(count)
            case .wouldBlock: return nil
            case .failed(let errno): return errno
            }
        }
        return nil
    }

    /// The bytes of keys that have come; nil when there will be none any more.
    func keys() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(STDIN_FILENO, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR || errno == EAGAIN { return [] }
        return count > 0 ? Array(bytes[..<count]) : nil
    }
}
