import Glibc
import Reactor

/// Shows the progress of a run on standard error: one line that is rewritten on a terminal, nothing elsewhere.
struct Progress {
    var total: Int
    private var done = 0
    private let began = Clock.monotonic.now()
    private let secondsExpected: Double
    private let isTerminal = isatty(STDERR_FILENO) == 1

    init(total: Int, seconds: Double) {
        self.total = total
        secondsExpected = seconds
    }

    mutating func step() { done += 1 }

    func show(_ what: String) {
        guard isTerminal else { return }
        let elapsed = (Clock.monotonic.now() - began).milliseconds / 1000
        let each = done == 0 ? secondsExpected : elapsed / Double(done)
        write("\r\u{1B}[K\(Self.bar(done, total)) \(what); \(Self.time(each * Double(total - done))) left")
    }

    func clear() {
        if isTerminal { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        _ = unsafe text.utf8.withContiguousStorageIfAvailable { unsafe Glibc.write(2, $0.baseAddress, $0.count) }
    }

    static func bar(_ done: Int, _ total: Int) -> String {
        let filled = total > 0 ? min(20, done * 20 / total) : 0
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled) + "]"
    }

    /// `3 min 05 s`.
    static func time(_ seconds: Double) -> String {
        let whole = Int(max(0, seconds).rounded(.up))
        guard whole >= 60 else { return "\(whole) s" }
        return "\(whole / 60) min \(whole % 60 < 10 ? "0" : "")\(whole % 60) s"
    }
}
