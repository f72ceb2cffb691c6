/// What identifies a session in the log and in commands: 64 bits, written as 16 hexadecimal digits.
///
/// No other session of the process has the same, until the same place of the same loop's table has had 2^31 sessions. Those of
/// another process (after a restart, on another machine) are others but for a chance of one in billions.
public struct SessionID: Hashable, Sendable, CustomStringConvertible {
    /// The bits: evenly distributed, so that a share of sessions can be chosen by them.
    public let rawValue: UInt64

    /// An id from its bits.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// An id as it is written; nil for anything but 16 hexadecimal digits.
    public init?(_ text: String) {
        guard text.utf8.count == 16, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let value = UInt64(text, radix: 16)
        else { return nil }
        rawValue = value
    }

    /// `9f3c5b1e00a2d417`
    public var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Which sessions have a line in the log. A value, so that it can be asked without the log's lock.
struct SessionSelection: Sendable {
    /// Lines have ids and names.
    let hasNames: Bool
    /// Ids up to here have one; nil for none.
    private let last: UInt64?

    /// For the modes of the one-line command: all, or none.
    init(all: Bool) {
        hasNames = false
        last = all ? .max : nil
    }

    /// For a share in millionths, of all lines that `settings` ask for.
    init(_ settings: LogSettings.SessionSettings) {
        hasNames = settings.destination != .none && settings.sample > 0
        guard hasNames else {
            last = nil
            return
        }
        let all = UInt64(LogSettings.SessionSettings.all)
        let sample = UInt64(settings.sample)
        last = sample >= all ? .max : all.dividingFullWidth((high: sample, low: 0)).quotient
    }

    /// True when some sessions have a line.
    var isAny: Bool { last != nil }

    /// True when the session has a line.
    func takes(_ id: SessionID) -> Bool { last.map { id.rawValue <= $0 } ?? false }
}
