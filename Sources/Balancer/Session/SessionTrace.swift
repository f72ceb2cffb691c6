import Reactor

/// What a loop remembers of one session for those who ask why: kept in a column beside the sessions, only where there is
/// administration.
///
/// Bounded: of many candidates some, of many attempts the first ones and the last.
struct SessionTrace: BitwiseCopyable {
    /// The last pick of a backend.
    var pick = PickTrace()
    /// What was tried.
    var attempts = AttemptTraces()
    /// From the accept to the pool, in microseconds, where something was asked of the client before; 0 otherwise.
    var prefaceMicroseconds: UInt32 = 0
    /// In the pool's queue, in microseconds: all times together.
    var queueMicroseconds: UInt32 = 0
    /// Bytes delivered that its listener's counters have.
    var countedUp: UInt64 = 0
    /// Likewise, to the client.
    var countedDown: UInt64 = 0
    /// Bytes for the client wait for it.
    var client = StallClock()
    /// Bytes for the backend wait for it.
    var backend = StallClock()

    /// A moment as a time since the accept.
    static func microseconds(from start: Instant, to end: Instant) -> UInt32 {
        UInt32(clamping: (end.nanoseconds &- start.nanoseconds) / 1000)
    }
}

/// How long bytes waited for a side that did not take them. The times are those of turns: a stall costs no clock value.
struct StallClock: BitwiseCopyable {
    /// When the present one began; 0 while there is none.
    private(set) var since: UInt64 = 0
    /// How long those took that are over, in microseconds; at most 71 minutes are told apart.
    private(set) var microseconds: UInt32 = 0
    /// How many there were, with the present one.
    private(set) var count: UInt32 = 0

    var isOn: Bool { since != 0 }

    /// How long the present one has lasted; zero while there is none.
    func present(_ now: Instant) -> UInt64 { isOn ? now.nanoseconds &- since : 0 }

    /// All of them together, in nanoseconds.
    func total(_ now: Instant) -> UInt64 { UInt64(microseconds) * 1000 + present(now) }

    /// Notes whether bytes wait as of `now`. Returns the microseconds of one that is over.
    mutating func note(_ waits: Bool, _ now: Instant) -> UInt64 {
        guard waits != isOn else { return 0 }
        if waits {
            since = now.nanoseconds
            count = count &+ 1
            return 0
        }
        let time = (now.nanoseconds &- since) / 1000
        microseconds = UInt32(clamping: UInt64(microseconds) + time)
        since = 0
        return time
    }
}

/// The attempts to connect of a session: the first two and the last.
struct AttemptTraces: BitwiseCopyable {
    /// How many are remembered.
    static let countMax = 3

    /// One attempt.
    struct Entry: BitwiseCopyable {
        var target: UInt32 = 0
        /// When it began, in microseconds since the accept.
        var began: UInt32 = 0
        /// How long it took, in microseconds, once it is over.
        var took: UInt32 = 0
        /// errno; 0 when it has succeeded.
        var error: UInt16 = 0
        var isOver = false
    }

    private var entries = InlineArray<3, Entry>(repeating: Entry())
    /// How many there were.
    private(set) var count: UInt16 = 0

    /// Those that are remembered, in their order.
    var remembered: Int { min(Int(count), Self.countMax) }

    subscript(place: Int) -> Entry { entries[place] }

    /// How long the last one took, in microseconds; 0 without one that is over.
    var lastTook: UInt32 { count > 0 ? entries[last].took : 0 }

    private var last: Int { min(Int(count), Self.countMax) - 1 }

    mutating func begin(_ target: TargetID, at microseconds: UInt32) {
        count = count == .max ? .max : count + 1
        entries[last] = Entry(target: target.rawValue, began: microseconds)
    }

    /// The last one is over.
    mutating func end(_ errno: Errno?, at microseconds: UInt32) {
        guard count > 0, !entries[last].isOver else { return }
        entries[last].took = microseconds &- entries[last].began
        entries[last].error = UInt16(truncatingIfNeeded: errno?.rawValue ?? 0)
        entries[last].isOver = true
    }
}
