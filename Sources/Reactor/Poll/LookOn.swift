/// Looking on for events for a moment, before a loop goes to sleep.
///
/// To fall asleep and be woken costs some microseconds of processor time, and in a virtual machine some ten more until
/// the processor runs again; for so long an event waits. A loop that has just had an event, in a conversation whose next
/// one is a few microseconds away, had better look on. How long at most is the owner's choice. Whether it pays is learned:
///
/// - A look that finds an event in time, or a sleep that was so short that a look would have found it, speaks for looking.
/// - A look in vain speaks against it, twice as much. A loop whose events come at long intervals soon looks no longer.
///
/// A loop that never pays loses its first few looks; one whose events come just too late, a third of its waits.
struct LookOn {
    /// How long a loop looks on after its last event, in nanoseconds; 0 for not at all.
    let nanoseconds: UInt64
    private var credit = creditMax

    private static let creditMax = 8
    private static let price = 2
    /// A sleep of up to this multiple of `nanoseconds` would not have been needed: most of it is the time to wake up.
    private static let sleepFactor: UInt64 = 3

    init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// False when it has not paid lately.
    @inline(__always) var isWorthIt: Bool { nanoseconds > 0 && credit >= Self.price }

    /// A look found an event.
    mutating func found() { credit = min(credit + 1, Self.creditMax) }

    /// A look found none.
    mutating func foundNothing() { credit -= Self.price }

    /// The loop slept for so long, instead of a look.
    mutating func slept(_ duration: UInt64) {
        if duration <= nanoseconds * Self.sleepFactor { credit = min(credit + 1, Self.creditMax) }
    }
}
