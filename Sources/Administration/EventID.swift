/// Which event, as streams name it: numbers alone say nothing across a restart, after which they begin anew.
struct EventID: Hashable, Sendable, CustomStringConvertible {
    /// `PID-MILLISECONDS`: the process, and when its administration started, since 1970; nil for the one that is asked.
    var process: String?
    /// Counts the events of that process.
    var number: UInt64

    /// An event of this process, or of the one that is asked.
    init(process: String? = nil, number: UInt64) {
        self.process = process
        self.number = number
    }

    /// `4711-1795814100250.17`, or a number alone; nil of other texts.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let number = parts.last.flatMap({ UInt64($0) }) else { return nil }
        self.number = number
        guard parts.count == 2 else { return }
        guard !parts[0].isEmpty else { return nil }
        process = String(parts[0])
    }

    /// `4711-1795814100250.17`
    var description: String { process.map { "\($0).\(number)" } ?? "\(number)" }
}
