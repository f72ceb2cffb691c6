/// Looking on for events for a moment, before a loop goes to sleep.
///
/// To fall asleep and be woken costs some microseconds of processor time, and in a virtual machine some ten more until
/// the processor runs again; for so long an event waits. Looking on instead is quicker always, and cheaper or dearer
/// according to the work: in a conversation, whose next event is some microseconds away, a sleep serves one event. Where
/// many sessions have events as close together, a sleep gathers several of them. So it is tried out:
///
/// ```
///   64 waits asleep, measured --> 64 waits with looks, measured --> the cheaper way, for many waits --> again
/// ```
///
/// - What is compared is the thread's processor time per event. Looks may cost an eighth more than sleeps, for what they
///   save in latency.
/// - A look in vain costs most. When fewer than six of seven find something, the loop sleeps from then on.
/// - Where looks pay, the loop looks for 32,768 waits before it measures again. Where they do not, it sleeps for 64 waits,
///   and for twice as many each time, up to 4,096. So a loop in which looks never pay makes two of them in 4,000 waits.
///
/// The gains are in benchmarks/NOTES.md, "Sleeping".
struct LookOn {
    /// How long a loop looks on after the work of a turn, in nanoseconds; 0 for not at all.
    let nanoseconds: UInt64
    /// How often it polls at most meanwhile, so that a clock that stands still does not hold it.
    let looksMax: UInt64

    private enum Phase {
        case measuringSleeps
        case measuringLooks
        case settled
    }

    /// Processor time and what was had for it.
    private struct Cost {
        var nanoseconds: Double
        var events: Double
    }

    private var phase = Phase.settled
    private var isLooking = false
    /// Waits until the phase is over.
    private var waitsLeft: Int
    /// How many waits the loop sleeps for when a try has not paid.
    private var nextPause = pauseMin
    /// What looks have earned; a try is over when there is nothing left.
    private var credit = 0
    /// The events of this phase, and the thread's processor time when it began.
    private var events = 0
    private var start: UInt64 = 0
    private var sleeps = Cost(nanoseconds: 0, events: 0)

    /// How many waits are measured: enough that one interrupt does not decide.
    static let measured = 64
    /// For how many waits the loop looks on when that has paid: one wait in 500 is a sleep, too few for the p99.
    static let stay = 32_768
    static let pauseMin = 64
    static let pauseMax = 4_096
    /// Two vain looks end a try that begins with them.
    private static let creditStart = 8
    /// Three vain looks in a row end what has paid so far.
    private static let creditMax = 16
    /// What a vain look costs, where one that finds something earns 1: six of seven keep the balance.
    private static let price = 6
    /// How much more looks may cost.
    private static let margin = 1.125
    /// No system call that finds nothing takes less on any processor.
    private static let lookNanoseconds: UInt64 = 100

    init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
        waitsLeft = nanoseconds > 0 ? 0 : .max
        looksMax = nanoseconds / Self.lookNanoseconds + 1
    }

    /// Counts a wait. True when it is to begin with a look. `processorTime` is the thread's, in nanoseconds.
    @inline(__always) mutating func nextWaitLooks(_ processorTime: @autoclosure () -> UInt64) -> Bool {
        if waitsLeft == 0 { advance(processorTime()) }
        waitsLeft -= 1
        return isLooking
    }

    /// A poll delivered so many events.
    @inline(__always) mutating func took(_ count: Int) { events &+= count }

    /// A look found something in time.
    mutating func found() { credit = min(credit + 1, Self.creditMax) }

    /// A look found nothing.
    mutating func foundNothing() {
        credit -= Self.price
        if credit <= 0 { settle(isLooking: false) }
    }

    @inline(never) private mutating func advance(_ now: UInt64) {
        let cost = Cost(nanoseconds: Double(now &- start), events: Double(events))
        start = now
        events = 0
        switch phase {
        case .settled:
            phase = .measuringSleeps
            isLooking = false
            waitsLeft = Self.measured
        case .measuringSleeps:
            sleeps = cost
            phase = .measuringLooks
            isLooking = true
            waitsLeft = Self.measured
            credit = Self.creditStart
        case .measuringLooks:
            let dearest = sleeps.nanoseconds * Self.margin
            settle(isLooking: cost.nanoseconds * sleeps.events <= dearest * cost.events)
        }
    }

    private mutating func settle(isLooking: Bool) {
        phase = .settled
        self.isLooking = isLooking
        waitsLeft = isLooking ? Self.stay : nextPause
        nextPause = isLooking ? Self.pauseMin : min(2 * nextPause, Self.pauseMax)
    }
}
